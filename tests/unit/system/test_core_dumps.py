"""Core dumps: a process that holds keys leaves none behind."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource
from desktop_voice.system.core_dumps import forbid_core_dumps

soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
forbid_core_dumps()
forbid_core_dumps()
print(resource.getrlimit(resource.RLIMIT_CORE))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows writes no core files")
def test_no_core_file_may_be_written_any_more() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "(0, 0)\n"
