"""The audit's chain: whatever is changed in it from outside is noticed at the next start."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import apsw
import pytest

from desktop_voice.storage.calls import CallStore
from tests.helpers.calls import NOON
from tests.helpers.virtual_clock import VirtualClock

ENTRIES = 20


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    """Return a database with entries, closed."""
    path = tmp_path / "calls" / "calls.db"
    store = await CallStore.open(path, VirtualClock(NOON))
    for number in range(1, ENTRIES + 1):
        await store.audit("call_approval", f"asked “{number}”")
    await store.close()
    return path


def outside(path: Path, *statements: str) -> None:
    """Change the closed database as another program would."""
    db = apsw.Connection(str(path))
    try:
        db.execute("DROP TRIGGER audit_unchanged; DROP TRIGGER audit_undeleted")
        for statement in statements:
            db.execute(statement)
    finally:
        db.close()


async def problem(path: Path) -> str:
    store = await CallStore.open(path, VirtualClock(NOON))
    try:
        return f"{store.problem.code} {store.problem.what}" if store.problem else ""
    finally:
        await store.close()


async def test_a_record_that_nobody_touched_is_whole(file: Path) -> None:
    assert await problem(file) == ""
    store = await CallStore.open(file, VirtualClock(NOON))
    await store.audit("call_approval", "asked again")
    assert (await store.audited(1))[0].id == ENTRIES + 1
    await store.close()
    assert await problem(file) == ""


@pytest.mark.parametrize(
    ("statement", "entry"),
    [
        ("UPDATE audit SET detail = 'approved' WHERE id = 7", 7),
        ("UPDATE audit SET kind = 'x' WHERE id = 1", 1),
        ("UPDATE audit SET at_us = at_us + 1 WHERE id = 20", 20),
        ("UPDATE audit SET chain = NULL WHERE id = 9", 9),
        ("UPDATE audit SET chain = zeroblob(32) WHERE id = 9", 9),
        ("UPDATE audit SET chain = NULL, detail = 'x' WHERE id <= 9", 10),
        ("DELETE FROM audit WHERE id = 7", 8),
        ("DELETE FROM audit WHERE id < 5", 5),
        ("UPDATE audit SET id = 21 WHERE id = 3", 4),
        ("INSERT INTO audit (id, at_us, kind, detail) VALUES (21, 0, 'x', 'approved')", 21),
    ],
)
async def test_a_change_from_outside_is_told_with_its_place(
    file: Path, statement: str, entry: int
) -> None:
    outside(file, statement)
    told = await problem(file)
    assert told.startswith("STORE-08")
    assert f"at entry {entry}." in told


def flipped(path: Path, written: bytes, dice: random.Random) -> None:
    """Flip one bit of what is ``written`` in the file."""
    raw = bytearray(path.read_bytes())
    place = raw.index(written) + dice.randrange(len(written))
    raw[place] ^= 1 << dice.randrange(8)
    path.write_bytes(raw)


async def test_flipped_bits_in_any_entry_are_noticed(file: Path, tmp_path: Path) -> None:
    dice = random.Random(12)  # noqa: S311 - the same dice each time
    for number in range(1, ENTRIES + 1):
        for _ in range(3):
            copy = tmp_path / f"copy-{number}" / "calls.db"
            copy.parent.mkdir(exist_ok=True)
            shutil.copy(file, copy)
            flipped(copy, f"asked “{number}”".encode(), dice)
            assert f"at entry {number}." in await problem(copy)


async def test_entries_of_older_versions_are_covered_by_the_first_new_one(file: Path) -> None:
    outside(file, "UPDATE audit SET chain = NULL")
    assert await problem(file) == ""
    store = await CallStore.open(file, VirtualClock(NOON))
    for _ in range(2):
        await store.audit("call_approval", "asked by a newer version")
    await store.close()
    assert await problem(file) == ""
    outside_again = apsw.Connection(str(file))
    outside_again.execute("UPDATE audit SET detail = 'approved' WHERE id = 2")
    outside_again.close()
    assert f"at entry {ENTRIES + 1}." in await problem(file)
