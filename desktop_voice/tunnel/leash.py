"""The leash: starts a program so that it ends with this app, even if the app is killed.

Run as a script of its own, by its path, with the standard library alone::

    leash.py exec PARENT_PID PROGRAM ARGUMENT...
    leash.py watch PARENT_PID PROGRAM ARGUMENT...

``exec`` (Linux) asks the kernel to kill this process when the thread that started it ends, and
becomes the program: no process more, and nothing that could be killed in between. ``watch`` (other
POSIX systems) stays beside the program, and kills its whole process group when standard input,
which the app holds open, ends. See prctl(2), PR_SET_PDEATHSIG.
"""

from __future__ import annotations

import errno
import os
import signal
import sys

CANNOT_RUN = 127
"""Exit status when the program is none that this machine runs."""

NOT_NOW = 75
"""Exit status when it could not be started this time, such as for want of memory."""

NEVER_RUNS = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.ENOEXEC})
"""What the system says of a program that it does not run, however often it is asked."""

_PR_SET_PDEATHSIG = 1


def _become(parent: int, command: list[str]) -> None:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_PDEATHSIG")
    # A parent that ended before the request was made sends no signal any more.
    if os.getppid() == parent:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.execv(command[0], command)  # noqa: S606 (a list, never through a shell)


def _watch(parent: int, command: list[str]) -> int:
    import subprocess
    import threading

    def wait_for_parent() -> None:
        while os.read(0, 1024):
            pass
        os.killpg(0, signal.SIGKILL)

    if os.getppid() != parent:
        return 0
    # The app signals the whole group: the program gets it too, and this process is to see its end.
    # A handler, unlike SIG_IGN, is not inherited by the program.
    signal.signal(signal.SIGTERM, lambda _signal, _frame: None)
    program = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    threading.Thread(target=wait_for_parent, daemon=True).start()
    status = program.wait()
    return status if status >= 0 else 128 - status


def main(arguments: list[str]) -> int:
    """Start what ``arguments`` say; return the exit status if this process is still itself."""
    how, parent, *command = arguments
    try:
        if how == "exec":
            _become(int(parent), command)
            return 0
        return _watch(int(parent), command)
    except OSError as error:
        sys.stderr.write(f"cannot run: {error.strerror}\n")
        return CANNOT_RUN if error.errno in NEVER_RUNS else NOT_NOW


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
