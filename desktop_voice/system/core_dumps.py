"""Core dumps: switched off for processes that hold keys and what was said."""

from __future__ import annotations

import contextlib
import sys


def forbid_core_dumps() -> None:
    """Keep this process's memory, and that of programs it starts, out of core dumps.

    It does so where the system can be told, for the rest of the process; it never raises.
    """
    if sys.platform != "win32":
        import resource

        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
