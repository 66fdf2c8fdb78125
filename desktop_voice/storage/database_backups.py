"""Backups of the database: whole, checked copies beside it, with their digest in their name."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw

KEPT = 7
EVERY = timedelta(days=1)

_NAME = re.compile(r"[a-z]+-([0-9]{8}T[0-9]{6})Z-([0-9a-f]{64})\.db", re.ASCII)
_STAMP = "%Y%m%dT%H%M%S"


@dataclass(frozen=True, slots=True)
class Backup:
    """One copy; ``sha256`` is what the file's content must add up to."""

    path: Path
    at: datetime
    sha256: str


class Backups:
    """The copies of the database ``path``, in the folder ``backups`` beside it.

    Only one process may use them at a time; the database's own lock sees to that.
    """

    def __init__(self, path: Path) -> None:
        self._stem = path.stem
        self._folder = path.parent / "backups"

    def all(self) -> list[Backup]:
        """Return them, newest first."""
        found = []
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            for path in self._folder.iterdir():
                match = _NAME.fullmatch(path.name)
                if match and path.name.startswith(f"{self._stem}-"):
                    with contextlib.suppress(ValueError):  # no date
                        at = datetime.strptime(match[1], _STAMP).replace(tzinfo=UTC)
                        found.append(Backup(path, at, match[2]))
        return sorted(found, key=lambda backup: backup.at, reverse=True)

    def is_due(self, now: datetime) -> bool:
        """Return whether the newest copy is a day old, or dated after ``now``."""
        newest = next(iter(self.all()), None)
        return newest is None or not timedelta() <= now - newest.at < EVERY

    def make(self, connection: apsw.Connection, now: datetime, *, kept: int = KEPT) -> Backup:
        """Copy the database as it is now, and remove all but the newest ``kept`` copies.

        Raises:
            apsw.Error: It cannot be copied, or the copy is damaged; the older copies stand.
            OSError: The copy cannot be written; the older copies stand.
        """
        self._folder.mkdir(mode=0o700, exist_ok=True)
        unfinished = self._folder / f".{self._stem}.tmp"
        unfinished.unlink(missing_ok=True)
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            _copy(connection, unfinished)
            digest = _sha256(unfinished)
            at = now.astimezone(UTC).replace(microsecond=0)
            path = self._folder / f"{self._stem}-{at:{_STAMP}}Z-{digest}.db"
            os.replace(unfinished, path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        for old in [backup for backup in self.all() if backup.path != path][max(0, kept - 1) :]:
            old.path.unlink(missing_ok=True)
        return Backup(path, at, digest)

    def newest_good(self) -> Backup | None:
        """Return the newest copy whose content is unchanged, or None."""
        for backup in self.all():
            with contextlib.suppress(OSError):
                if _sha256(backup.path) == backup.sha256:
                    return backup
        return None


def _copy(connection: apsw.Connection, path: Path) -> None:
    copy = apsw.Connection(str(path))
    try:
        with copy.backup("main", connection, "main") as backup:
            while not backup.done:
                backup.step()
        # A copy is one file that is read as it lies there.
        copy.pragma("journal_mode", "DELETE")
        if (verdict := copy.pragma("quick_check")) != "ok":
            raise apsw.CorruptError(f"the copy is damaged: {verdict}")
    finally:
        copy.close()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
