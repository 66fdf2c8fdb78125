"""Migrations: how a settings file of an older version becomes one of this version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from desktop_voice.core.settings import SCHEMA_VERSION

TomlTable = dict[str, Any]
Migration = Callable[[TomlTable], TomlTable]

MIGRATIONS: Mapping[int, Migration] = {}
"""Version n to the pure function that turns a file of version n into one of version n + 1."""


def migrated(
    table: TomlTable,
    migrations: Mapping[int, Migration] = MIGRATIONS,
    target: int = SCHEMA_VERSION,
) -> TomlTable:
    """Return ``table`` as a file of version ``target``.

    A table whose version is missing is taken to be of version ``target``; one whose version is no
    whole number from 1 to ``target`` is returned as it is, for validation to name.
    """
    version = table.get("schema_version")
    if type(version) is not int or version < 1:
        return table
    for step in range(version, target):
        table = {**migrations[step](table), "schema_version": step + 1}
    return table
