"""Backups: seven, checked, and none lost before the next one stands."""

from __future__ import annotations

import contextlib
import stat
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from desktop_voice.storage.database_backups import Backups
from tests.helpers.calls import NOON

DAY = timedelta(days=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "calls.db"


@pytest.fixture
def db(path: Path) -> Iterator[apsw.Connection]:
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", "WAL")
    connection.execute("CREATE TABLE note (text TEXT)")
    yield connection
    connection.close()


def test_the_newest_seven_are_kept(path: Path, db: apsw.Connection) -> None:
    backups = Backups(path)
    made = []
    for day in range(10):
        db.execute("INSERT INTO note VALUES (?)", (f"day {day}",))
        made.append(backups.make(db, NOON + day * DAY))
    assert [backup.path for backup in backups.all()] == [b.path for b in reversed(made[3:])]
    newest = backups.newest_good()
    assert newest is not None
    assert newest.path == made[-1].path
    copy = apsw.Connection(str(newest.path), flags=apsw.SQLITE_OPEN_READONLY)
    assert copy.execute("SELECT count(*) FROM note").get == 10
    copy.close()
    if sys.platform != "win32":
        assert stat.S_IMODE(newest.path.stat().st_mode) == 0o600


def test_one_is_due_each_day_and_after_the_clock_went_back(path: Path, db: apsw.Connection) -> None:
    backups = Backups(path)
    assert backups.is_due(NOON)
    backups.make(db, NOON)
    assert not backups.is_due(NOON + DAY / 2)
    assert backups.is_due(NOON + DAY)
    assert backups.is_due(NOON - DAY)


def test_what_else_lies_in_the_folder_is_left_alone(path: Path, db: apsw.Connection) -> None:
    backups = Backups(path)
    made = backups.make(db, NOON)
    others = [made.path.with_name(name) for name in ("notes.txt", "calls-old.db", "other.db")]
    others.append(made.path.with_name(f"calls-99999999T999999Z-{'0' * 64}.db"))
    for other in others:
        other.write_text("mine")
    for day in range(9):
        backups.make(db, NOON + day * DAY)
    assert len(backups.all()) == 7
    assert all(other.read_text() == "mine" for other in others)


def test_a_backup_that_cannot_be_made_leaves_the_others(path: Path, db: apsw.Connection) -> None:
    backups = Backups(path)
    made = backups.make(db, NOON)
    db.executemany("INSERT INTO note VALUES (?)", [("x" * 4000,)] * 10)
    with room_for(4096), pytest.raises((apsw.Error, OSError)):
        backups.make(db, NOON + DAY)
    assert [path.name for path in made.path.parent.iterdir()] == [made.path.name]
    assert backups.newest_good() == made


@contextlib.contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond ``size`` bytes."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
