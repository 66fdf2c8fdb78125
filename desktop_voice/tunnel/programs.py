"""Tunnel programs on this machine, and what they print."""

from __future__ import annotations

import shutil
import sys
from collections import deque
from collections.abc import Iterable
from pathlib import Path

import structlog

from desktop_voice.storage.atomic import write_atomically
from desktop_voice.tunnel import failures

_log = structlog.get_logger()

_KEPT_LINES = 200


def find_program(name: str, programs: Path | None = None) -> Path | None:
    """Return where the program ``name`` is: in the folder ``programs`` first, then on PATH.

    Reads folders; may be called from any thread.
    """
    found = shutil.which(name, path=str(programs)) if programs else None
    found = found or shutil.which(name)
    if found:
        return Path(found).absolute()
    if sys.platform == "darwin" and name == "tailscale":
        bundled = Path("/Applications/Tailscale.app/Contents/MacOS/Tailscale")
        return bundled if bundled.is_file() else None
    return None


def write_own_file(path: Path, data: bytes) -> None:
    """Write a file that a program is started with, for this user alone, and its folder.

    Raises:
        PhoneError: It cannot be written (``TUNNEL-05``).
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path, data)
    except OSError as error:
        raise failures.unwritable(error.strerror or "an error of the system") from error


class ProgramLog:
    """The last lines of a program, read to explain a failure and for nothing else.

    They reach the log at its lowest level alone, with every secret blotted out.
    """

    def __init__(self, name: str, secrets: Iterable[str] = ()) -> None:
        self._name = name
        self._secrets = [secret for secret in secrets if secret]
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)

    def add(self, line: str) -> None:
        """Keep a line."""
        for secret in self._secrets:
            line = line.replace(secret, "…")
        _log.debug("tunnel_program_said", program=self._name, line=line)
        self._lines.append(line.lower())

    def forget(self) -> None:
        """Drop what was said: it explains nothing that happens from here on."""
        self._lines.clear()

    def says(self, *words: str) -> bool:
        """Whether one line has all the ``words``, in any case."""
        return any(all(word.lower() in line for word in words) for line in self._lines)

    def last(self, words: Iterable[str]) -> str:
        """Return which of ``words`` was said last; empty: none of them."""
        small = [word.lower() for word in words]
        return next((word for line in reversed(self._lines) for word in small if word in line), "")
