"""A file of an older version becomes one of this version, step by step."""

from __future__ import annotations

from desktop_voice.core.settings import SCHEMA_VERSION
from desktop_voice.storage.migrations import MIGRATIONS, Migration, migrated

STEPS: dict[int, Migration] = {
    1: lambda table: {**table, "seen": [*table.get("seen", []), 1]},
    2: lambda table: {**table, "seen": [*table.get("seen", []), 2]},
}


def test_there_is_a_migration_from_every_older_version() -> None:
    assert set(MIGRATIONS) == set(range(1, SCHEMA_VERSION))


def test_each_step_is_taken_once_and_in_order() -> None:
    assert migrated({"schema_version": 1}, STEPS, 3) == {"schema_version": 3, "seen": [1, 2]}
    assert migrated({"schema_version": 2}, STEPS, 3) == {"schema_version": 3, "seen": [2]}


def test_the_original_is_not_changed() -> None:
    table = {"schema_version": 1}
    migrated(table, STEPS, 3)
    assert table == {"schema_version": 1}


def test_a_version_that_is_missing_or_absurd_is_left_alone() -> None:
    for table in ({}, {"schema_version": "1"}, {"schema_version": True}, {"schema_version": -5}):
        assert migrated(dict(table), STEPS, 3) == table
