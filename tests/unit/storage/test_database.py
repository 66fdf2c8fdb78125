"""The database: one thread, one transaction at a time, a backup a day."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from desktop_voice.core.errors import StoreError
from desktop_voice.storage.database import Database
from desktop_voice.storage.database_backups import Backups
from desktop_voice.storage.database_file import open_file
from tests.helpers.calls import NOON
from tests.helpers.virtual_clock import VirtualClock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "calls" / "calls.db"


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOON)


@pytest.fixture
def told() -> list[StoreError]:
    return []


@pytest.fixture
async def database(
    path: Path, clock: VirtualClock, told: list[StoreError]
) -> AsyncIterator[Database]:
    database = await Database.open(path, clock, told.append)
    yield database
    await database.close()


def entry(db: apsw.Connection) -> None:
    db.execute("INSERT INTO audit (at_us, kind, detail) VALUES (1, 'k', 'd')")


def entries(db: apsw.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM audit").get)


async def test_all_work_is_done_on_one_thread_of_its_own(database: Database) -> None:
    threads = await asyncio.gather(
        *[database.read(lambda _: threading.current_thread()) for _ in range(10)],
        *[database.write(lambda _: threading.current_thread()) for _ in range(10)],
    )
    assert len(set(threads)) == 1
    assert threads[0] is not threading.main_thread()


async def test_work_that_fails_changes_nothing(database: Database) -> None:
    def fail(db: apsw.Connection) -> None:
        entry(db)
        raise KeyError("stop")

    for write in (database.write, database.write_or_owe):
        with pytest.raises(KeyError):
            await write(fail)
    assert await database.read(entries) == 0
    await database.write(entry)
    assert await database.read(entries) == 1


async def test_work_goes_on_when_nobody_waits_for_it(database: Database) -> None:
    may_go = threading.Event()

    def slow(db: apsw.Connection) -> None:
        may_go.wait(10)
        entry(db)

    task = asyncio.create_task(database.write(slow))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    may_go.set()
    assert await database.read(entries) == 1


async def test_a_backup_is_made_when_it_opens_and_every_day(
    database: Database, path: Path, clock: VirtualClock, told: list[StoreError]
) -> None:
    assert len(Backups(path).all()) == 1
    for _ in range(24 * 9):
        clock.advance(3600)
        await database.write(entry)
    backups = Backups(path).all()
    assert len(backups) == 7
    assert len({backup.at.date() for backup in backups}) == 7
    assert not told


async def test_a_failing_backup_is_told_once_and_the_calls_are_kept(
    database: Database, path: Path, clock: VirtualClock, told: list[StoreError]
) -> None:
    folder = path.parent / "backups"
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    folder.write_text("in the way")
    for _ in range(3):
        clock.advance(86_400)
        await database.write(entry)
    assert await database.read(entries) == 3
    assert [error.code for error in told] == ["STORE-07"]
    assert database.problem is told[0]


async def test_damage_that_shows_later_is_named(
    database: Database, path: Path, clock: VirtualClock
) -> None:
    def damaged(_: apsw.Connection) -> None:
        raise apsw.CorruptError("database disk image is malformed")

    for attempt in (database.read(damaged), database.write(damaged)):
        with pytest.raises(StoreError) as caught:
            await attempt
        assert caught.value.code == "STORE-01"


async def test_two_cannot_open_the_same_file(database: Database, path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        await asyncio.to_thread(open_file, path, NOON, None, 1)
    assert caught.value.code == "STORE-04"
