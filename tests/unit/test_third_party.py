"""THIRD_PARTY.md names every run-time package with its version and licence as they are."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="written from Python 3.11's packages")
def test_third_party_is_what_the_locked_packages_say() -> None:
    check = subprocess.run(
        [sys.executable, ROOT / "packaging" / "third_party.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert check.returncode == 0, check.stdout + check.stderr
