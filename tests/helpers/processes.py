"""A look at processes from outside; Linux alone."""

from __future__ import annotations

import os
from pathlib import Path

_GONE = (FileNotFoundError, ProcessLookupError)


def is_running(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except _GONE:
        return False
    return state != "Z"


def children(pid: int | None = None) -> set[int]:
    """Return what a process, or this one, started and did not reap, zombies as well."""
    process = Path(f"/proc/{os.getpid() if pid is None else pid}")
    while process.exists():
        try:
            tasks = [task / "children" for task in (process / "task").iterdir()]
            return {int(child) for task in tasks for child in task.read_text().split()}
        except _GONE:
            # The children of a thread that ended go to another, which may have been read already.
            continue
    return set()


def command_line(pid: int) -> str:
    """Return the command line of a process, as any user can see it; empty once it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except _GONE:
        return ""
