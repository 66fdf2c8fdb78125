"""The database's file: opened, checked, brought up to date, or put back from a backup."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import TypeVar

import apsw

from desktop_voice.core.errors import StoreError
from desktop_voice.storage.atomic import copy_atomically
from desktop_voice.storage.database_backups import Backups

T = TypeVar("T")

DAMAGE = (apsw.CorruptError, apsw.NotADBError)
UNWRITABLE = (
    apsw.FullError,
    apsw.IOError,
    apsw.ReadOnlyError,
    apsw.CantOpenError,
    apsw.PermissionsError,
)
BUSY = (apsw.BusyError, apsw.LockedError)

_PAGE_BYTES = 4096
_SIDE_FILES = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class OpenFile:
    """An open database; ``problem`` says what had to be mended before, or is None."""

    connection: apsw.Connection
    problem: StoreError | None = None


def migrations() -> list[str]:
    """Return the SQL that leads from version n to n + 1, in order, from version 0."""
    folder = resources.files("desktop_voice.storage") / "migrations_sql"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return [file.read_text("utf-8") for file in files]


def open_file(
    path: Path,
    now: datetime,
    steps: Sequence[str] | None = None,
    busy_timeout_ms: int = 5000,
) -> OpenFile:
    """Open the database ``path`` for this process alone; it is created if there is none.

    A damaged file is kept beside it and the newest good backup takes its place; where there is
    none, an empty database does.

    Args:
        path: The file; its folder is made if needed, for this user alone.
        now: The present time, which names what is kept.
        steps: The migrations; those of the app by default.
        busy_timeout_ms: How long another process may still hold the file.

    Raises:
        StoreError: The file belongs to a newer version of the app (STORE-02), cannot be read or
            written (STORE-03), or is in use by another process (STORE-04). It is left as it was.
    """
    steps = migrations() if steps is None else steps
    backups = Backups(path)
    try:
        try:
            _prepare(path)
            _check_size(path, backups)
            return OpenFile(_opened(path, now, steps, backups, busy_timeout_ms))
        except DAMAGE:
            problem = _restore(path, now, backups)
            return OpenFile(_opened(path, now, steps, backups, busy_timeout_ms), problem)
    except BUSY as error:
        raise StoreError(
            "STORE-04",
            "The database of calls is in use by another program.",
            "Close the other Desktop Voice, then try again.",
            retryable=True,
        ) from error
    except (*UNWRITABLE, *DAMAGE, OSError) as error:
        raise _unusable(path, error) from error


def in_transaction(connection: apsw.Connection, work: Callable[[apsw.Connection], T]) -> T:
    """Do ``work`` and commit it, or leave everything as it was.

    Raises:
        apsw.Error: It cannot be written.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        # Some failures, such as a full disk, have rolled back by themselves.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


def _prepare(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    if path.exists() and not path.is_file():
        raise OSError(errno.EISDIR if path.is_dir() else errno.EINVAL, "it is not a plain file")
    # Created here, because SQLite's own files inherit the mode of this one.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    path.chmod(0o600)


def _check_size(path: Path, backups: Backups) -> None:
    """Notice what SQLite takes for a good file: one cut off within its last page, or to nothing."""
    size = path.stat().st_size
    wal = path.with_name(f"{path.name}-wal")
    # With a log beside it, the end of the file may be missing and still be whole in the log.
    has_log = wal.exists() and wal.stat().st_size > 0
    is_cut = size % _PAGE_BYTES != 0 and not has_log
    if is_cut or 0 < size < _PAGE_BYTES or (size == 0 and not has_log and backups.all()):
        raise apsw.NotADBError("the file was cut off")


def _opened(
    path: Path, now: datetime, steps: Sequence[str], backups: Backups, busy_timeout_ms: int
) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    try:
        connection.set_busy_timeout(busy_timeout_ms)
        # Before the first access: no other process gets in, and no shared memory is needed.
        connection.pragma("locking_mode", "EXCLUSIVE")
        if connection.pragma("page_count") == 0:
            connection.pragma("page_size", _PAGE_BYTES)
            connection.pragma("auto_vacuum", "INCREMENTAL")
        connection.pragma("journal_mode", "WAL")
        connection.pragma("synchronous", "FULL")
        connection.pragma("secure_delete", "ON")
        connection.pragma("foreign_keys", "ON")
        connection.pragma("trusted_schema", "OFF")
        connection.pragma("mmap_size", 0)
        connection.pragma("wal_autocheckpoint", 1000)
        if (verdict := connection.pragma("quick_check")) != "ok":
            raise apsw.CorruptError(f"quick_check: {verdict}")
        _migrate(connection, now, steps, backups)
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(
    connection: apsw.Connection, now: datetime, steps: Sequence[str], backups: Backups
) -> None:
    version = int(connection.pragma("user_version"))
    if version > len(steps):
        raise StoreError(
            "STORE-02",
            "The database of calls belongs to a newer version of Desktop Voice.",
            "Update Desktop Voice, or move the file away to start with an empty one.",
        )
    if version == len(steps):
        return
    if version:
        backups.make(connection, now)

    def upgrade(connection: apsw.Connection) -> None:
        for step in steps[version:]:
            connection.execute(step)
        connection.pragma("user_version", len(steps))

    in_transaction(connection, upgrade)


def _restore(path: Path, now: datetime, backups: Backups) -> StoreError:
    aside = path.with_name(f"{path.name}.damaged-{now.astimezone(UTC):%Y%m%dT%H%M%S%f}")
    for suffix in ("", *_SIDE_FILES):
        part = path.with_name(path.name + suffix)
        if part.exists():
            os.replace(part, aside.with_name(aside.name + suffix))
    if backup := backups.newest_good():
        copy_atomically(backup.path, path)
        used = f"The backup of {backup.at:%Y-%m-%d %H:%M} UTC is in use; newer calls are missing."
    else:
        used = "There was no good backup, so that an empty one is in use."
    _prepare(path)
    return StoreError(
        "STORE-01",
        f"The database of calls was damaged. {used}",
        f"The damaged file is kept as {aside.name}, in case somebody can read it.",
    )


def _unusable(path: Path, error: Exception) -> StoreError:
    why = {
        errno.EISDIR: "a folder has its name",
        errno.EACCES: "it is not yours to read and write",
        errno.EPERM: "it is not yours to read and write",
        errno.EROFS: "its folder is read-only",
        errno.ENOSPC: "the disk is full",
    }.get(getattr(error, "errno", None) or 0, str(error))
    return StoreError(
        "STORE-03",
        f"The database of calls cannot be opened: {why}.",
        f"See to {path}, or move it away to start with an empty one.",
        retryable=True,
    )
