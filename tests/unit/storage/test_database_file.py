"""The database's file: whatever lies there, the app gets a database or a sentence to act on."""

from __future__ import annotations

import random
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from desktop_voice.core.errors import StoreError
from desktop_voice.storage.database_backups import Backups
from desktop_voice.storage.database_file import migrations, open_file
from tests.helpers.calls import NOON

ROOT = Path(__file__).parents[3]
STEPS = [
    "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT) STRICT",
    "ALTER TABLE note ADD COLUMN label TEXT; UPDATE note SET label = upper(text)",
    "CREATE TABLE more (id INTEGER PRIMARY KEY) STRICT; INSERT INTO more VALUES (1), (2)",
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "calls" / "calls.db"


def filled(path: Path, rows: int = 300, steps: int = 1) -> None:
    """Create a database with notes and a backup of it."""
    db = open_file(path, NOON, STEPS[:steps]).connection
    db.executemany("INSERT INTO note (text) VALUES (?)", [(f"note {n}" * 20,) for n in range(rows)])
    Backups(path).make(db, NOON)
    db.close()


def count(db: apsw.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM note").get)


def test_a_new_file_belongs_to_this_user_alone(path: Path) -> None:
    file = open_file(path, NOON, STEPS[:1])
    file.connection.execute("INSERT INTO note (text) VALUES ('x')")
    assert file.problem is None
    assert file.connection.pragma("journal_mode") == "wal"
    assert file.connection.pragma("synchronous") == 2
    assert file.connection.pragma("secure_delete") == 1
    if sys.platform != "win32":
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        for part in path.parent.iterdir():
            assert stat.S_IMODE(part.stat().st_mode) == 0o600
    file.connection.close()


def test_an_open_file_has_one_user(path: Path) -> None:
    file = open_file(path, NOON, STEPS[:1])
    with pytest.raises(StoreError) as caught:
        open_file(path, NOON, STEPS[:1], busy_timeout_ms=1)
    assert caught.value.code == "STORE-04"
    assert caught.value.retryable
    file.connection.close()
    open_file(path, NOON, STEPS[:1], busy_timeout_ms=1).connection.close()


def test_a_killed_user_leaves_no_lock(path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path;"
        "from tests.helpers.calls import NOON;"
        "from desktop_voice.storage.database_file import open_file;"
        "db = open_file(Path(sys.argv[1]), NOON).connection;"
        "db.execute(\"INSERT INTO audit (at_us, kind, detail) VALUES (1, 'k', 'd')\");"
        "os._exit(9)"
    )
    for lives in range(1, 4):
        done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, check=False)
        assert done.returncode == 9
        file = open_file(path, NOON, busy_timeout_ms=1)
        assert file.problem is None
        assert file.connection.execute("SELECT count(*) FROM audit").get == lives
        file.connection.close()


def test_a_newer_database_is_left_alone(path: Path) -> None:
    filled(path, steps=2)
    before = path.read_bytes()
    with pytest.raises(StoreError) as caught:
        open_file(path, NOON, STEPS[:1])
    assert caught.value.code == "STORE-02"
    assert path.read_bytes() == before


@pytest.mark.parametrize("what", ["folder", "no permission", "folder above is a file"])
def test_what_cannot_be_opened_is_named_and_left_alone(path: Path, what: str) -> None:
    if what == "folder":
        path.mkdir(parents=True)
    elif what == "no permission":
        filled(path)
        path.chmod(0)
        if sys.platform == "win32" or is_readable(path):
            path.chmod(0o600)
            pytest.skip("this user may read everything")
    else:
        path.parent.write_text("")
    with pytest.raises(StoreError) as caught:
        open_file(path, NOON, STEPS[:1])
    assert caught.value.code == "STORE-03"
    assert str(path) in caught.value.do


def is_readable(path: Path) -> bool:
    try:
        path.read_bytes()
    except OSError:
        return False
    return True


# Damage

Damage = Callable[[Path, random.Random], None]


def truncated(path: Path, chance: random.Random) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: chance.randrange(len(data))])


def zeroed(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    page = chance.randrange(len(data) // 4096) * 4096
    data[page : page + 4096] = bytes(4096)
    path.write_bytes(data)


def overwritten(path: Path, chance: random.Random) -> None:
    path.write_bytes(chance.randbytes(chance.randrange(1, 20_000)))


def emptied(path: Path, chance: random.Random) -> None:
    path.write_bytes(b"")


def scribbled_on(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    start = chance.randrange(0, len(data) - 4096, 4096)
    data[start : start + 2048] = chance.randbytes(2048)
    path.write_bytes(data)


def with_a_foreign_wal(path: Path, chance: random.Random) -> None:
    path.with_name(f"{path.name}-wal").write_bytes(chance.randbytes(5000))
    overwritten(path, chance)


@pytest.mark.parametrize(
    "damage", [truncated, zeroed, overwritten, emptied, scribbled_on, with_a_foreign_wal]
)
@pytest.mark.parametrize("has_backup", [True, False])
def test_a_damaged_file_is_kept_and_the_backup_takes_its_place(
    tmp_path: Path, damage: Damage, has_backup: bool
) -> None:
    if damage is emptied and not has_backup:
        pytest.skip("an empty file without backups is a new database")
    original = tmp_path / "original" / "calls.db"
    filled(original)
    chance = random.Random(f"{damage.__name__} {has_backup}")  # noqa: S311
    for n in range(30):
        path = tmp_path / str(n) / "calls.db"
        shutil.copytree(original.parent, path.parent)
        if not has_backup:
            shutil.rmtree(path.parent / "backups")
        damage(path, chance)
        damaged = path.read_bytes()
        if not damaged and not has_backup:
            continue
        file = open_file(path, NOON + timedelta(hours=1), STEPS[:1])
        assert file.problem is not None
        assert file.problem.code == "STORE-01"
        assert count(file.connection) == (300 if has_backup else 0)
        assert ("2026-11-20 12:00" in file.problem.what) is has_backup
        (kept,) = path.parent.glob("calls.db.damaged-*[0-9]")
        assert kept.read_bytes() == damaged
        assert kept.name in file.problem.do
        file.connection.close()
        again = open_file(path, NOON + timedelta(hours=2), STEPS[:1])
        assert again.problem is None
        again.connection.close()


@pytest.mark.parametrize("left", [0, 1, 99, 100, 4095, 4096, -4095, -163, -1])
def test_a_file_that_was_cut_off_is_noticed(path: Path, left: int) -> None:
    filled(path)
    path.write_bytes(path.read_bytes()[:left])
    file = open_file(path, NOON, STEPS[:1])
    assert file.problem is not None
    assert count(file.connection) == 300
    file.connection.close()


def test_a_damaged_backup_is_passed_over(path: Path) -> None:
    filled(path, rows=10)
    db = open_file(path, NOON, STEPS[:1]).connection
    db.execute("DELETE FROM note WHERE id > 5")
    newer = Backups(path).make(db, NOON + timedelta(days=1))
    db.close()
    content = bytearray(newer.path.read_bytes())
    content[-1] ^= 1
    newer.path.write_bytes(content)
    path.write_bytes(b"no database at all" * 100)
    file = open_file(path, NOON + timedelta(days=2), STEPS[:1])
    assert count(file.connection) == 10
    file.connection.close()


# Migrations


def test_an_older_database_is_brought_up_to_date_after_a_backup(path: Path) -> None:
    filled(path)
    for old in Backups(path).all():
        old.path.unlink()
    file = open_file(path, NOON, STEPS)
    assert file.problem is None
    assert file.connection.execute("SELECT label FROM note WHERE id = 1").get == "NOTE 0" * 20
    assert file.connection.execute("SELECT count(*) FROM more").get == 2
    assert file.connection.pragma("user_version") == 3
    file.connection.close()
    (backup,) = Backups(path).all()
    copy = apsw.Connection(str(backup.path), flags=apsw.SQLITE_OPEN_READONLY)
    assert copy.pragma("user_version") == 1
    assert count(copy) == 300
    copy.close()


def test_a_migration_that_fails_changes_nothing(path: Path) -> None:
    filled(path)
    with pytest.raises(apsw.SQLError):
        open_file(path, NOON, [*STEPS, "CREATE TABLE note (id)"])
    file = open_file(path, NOON, STEPS[:1])
    assert file.connection.pragma("user_version") == 1
    assert [row[1] for row in file.connection.execute("PRAGMA table_info(note)")] == ["id", "text"]
    file.connection.close()


KILLED_MIGRATION = """
import os, random, signal, sys, time
import apsw
from pathlib import Path
from desktop_voice.storage.database_file import open_file
from tests.helpers.calls import NOON
from tests.unit.storage.test_database_file import STEPS

path, original = Path(sys.argv[1]), Path(sys.argv[2]).read_bytes()
versions = []
for cycle in range(60):
    for part in path.parent.glob("calls.db*"):
        part.unlink()
    path.write_bytes(original)
    child = os.fork()
    if not child:
        open_file(path, NOON, STEPS)
        os._exit(0)
    time.sleep(random.random() * 0.03)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    db = apsw.Connection(str(path))
    version = db.pragma("user_version")
    columns = len(list(db.execute("PRAGMA table_info(note)")))
    tables = db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'more'").get
    assert (version, columns, tables) in ((1, 2, 0), (3, 3, 1)), (version, columns, tables)
    assert db.pragma("quick_check") == "ok"
    db.close()
    versions.append(version)
print(versions.count(1), versions.count(3))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
def test_a_killed_migration_leaves_the_old_or_the_new(path: Path, tmp_path: Path) -> None:
    filled(path, rows=3000)
    original = tmp_path / "original.db"
    shutil.copy(path, original)
    done = subprocess.run(
        [sys.executable, "-c", KILLED_MIGRATION, str(path), str(original)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert sum(int(n) for n in done.stdout.split()) == 60


def test_the_apps_own_migrations_are_shipped_in_order() -> None:
    names = sorted(p.name for p in (ROOT / "desktop_voice/storage/migrations_sql").glob("*.sql"))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    assert len(migrations()) == len(names)
