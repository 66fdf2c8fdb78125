"""Settings as TOML text: read with every problem named, written with the user's comments kept."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import tomlkit
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from tomlkit.items import AoT, Table

from desktop_voice.core.setting_types import Section
from desktop_voice.core.settings import SCHEMA_VERSION, Settings
from desktop_voice.storage.migrations import TomlTable, migrated
from desktop_voice.storage.settings_problems import Loc, describe

MAX_BYTES = 64 * 1024
"""Far more than the largest sensible file; bounds the time that a hostile one can take."""

# tomlkit's time grows with the square of the keys: a larger file is worked on only if it is good.
_MAX_BAD_BYTES = 16 * 1024
_MAX_NAMED = 10
_MARK = "position-of-this-value"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a settings file says.

    Attributes:
        settings: The file's values, with defaults for those that are bad or missing.
        problems: One sentence for each bad value, the file's name, line and column in front.
        is_toml: Whether the file could be parsed, so that at least some values are its own.
        is_newer: Whether a newer version of the app wrote the file.
    """

    settings: Settings
    problems: tuple[str, ...] = ()
    is_toml: bool = True
    is_newer: bool = False


def read_settings(data: bytes, name: str) -> Reading:
    """Return what ``data``, the content of the file called ``name``, says; never raises.

    Pure; may be called from any thread.
    """
    if len(data) > MAX_BYTES:
        return _unreadable(f"{name} is larger than {MAX_BYTES // 1024} KiB.")
    try:
        text = _decoded(data)
        table = tomllib.loads(text)
        version = table.get("schema_version")
        if type(version) is int and version > SCHEMA_VERSION:
            what = f"{name} belongs to a newer version of Desktop Voice and is left as it is."
            return Reading(Settings(), (what,), is_newer=True)
        table = migrated(table)
        settings, errors = _validated(table)
    except RecursionError:
        return _unreadable(f"{name} is nested too deeply.")
    except ValueError as error:
        return _unreadable(_syntax_problem(name, str(error)))
    return Reading(settings, tuple(_named(name, text, errors)))


def write_settings(settings: Settings, old: bytes | None) -> str:
    """Return the TOML text that holds ``settings``.

    Args:
        settings: What the text shall say.
        old: The file's present content. Its comments, order and formatting are kept, keys that
            are no settings are removed. Without it, when it is not TOML, or when it is bad and
            large, every setting is written with its title and help as a comment.
    """
    if old is not None and (len(old) <= _MAX_BAD_BYTES or not read_settings(old, "").problems):
        try:
            text = _edited(_decoded(old), settings)
            if read_settings(text.encode(), "") == Reading(settings):
                return text
        except Exception:  # noqa: BLE001, S110 - tomlkit names no limit to what it may raise
            pass
    return _written_anew(settings)


def _unreadable(problem: str) -> Reading:
    return Reading(Settings(), (problem,), is_toml=False)


def _decoded(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"not UTF-8 text (at line {line}, column 1)") from None
    if not text.strip():
        raise ValueError("empty")
    return text


def _syntax_problem(name: str, message: str) -> str:
    if message == "empty":
        return f"{name} is empty."
    if place := re.search(r" \(at line (\d+), column (\d+)\)$", message):
        start = message[: place.start()]
        return f"{name} line {place[1]}, column {place[2]}: not valid TOML ({start})."
    return f"{name} is not valid TOML ({message})."


def _validated(table: TomlTable) -> tuple[Settings, list[tuple[Loc, str]]]:
    """Return the settings with bad values left out, and the location and fault of each of those.

    Raises:
        ValueError: A number is too long, or a list too deep, to be looked at.
    """
    errors: list[tuple[Loc, str]] = []
    while True:
        try:
            return Settings.model_validate_json(_as_json(table), strict=True), errors
        except ValidationError as invalid:
            locations = {error["loc"][:2] for error in invalid.errors()}
            if () in locations:
                raise ValueError("a number is too long or a list too deep") from None
            errors += describe(invalid)
        table = {
            section: {k: v for k, v in value.items() if (section, k) not in locations}
            if isinstance(value, dict)
            else value
            for section, value in table.items()
            if (section,) not in locations
        }


def _as_json(table: TomlTable) -> str:
    # TOML's dates have no JSON form; as an object they fit no setting and are named as wrong.
    return json.dumps(table, default=lambda date: {"date": str(date)})


def _named(name: str, text: str, errors: Sequence[tuple[Loc, str]]) -> Iterator[str]:
    placed = [(_position_of(text, loc) or (0, 0), loc, fault) for loc, fault in errors[:_MAX_NAMED]]
    for (line, column), loc, fault in sorted(placed, key=lambda problem: problem[0]):
        place = f" line {line}, column {column}" if line else ""
        sentence = f"{name}{place}: {'.'.join(map(str, loc))} {fault}"
        yield sentence if sentence.endswith("?") else f"{sentence}."
    if len(errors) > _MAX_NAMED:
        yield f"There are {len(errors) - _MAX_NAMED} more."


def _position_of(text: str, loc: Loc) -> tuple[int, int] | None:
    """Return the line and column, from 1, of the value (or the section's header) at ``loc``.

    tomlkit writes a document back to the letter, but keeps no positions: so a mark is put in the
    value's place, and is looked for in the text that comes out.
    """
    if len(text) > _MAX_BAD_BYTES:
        return None
    try:
        marked = _marked(tomlkit.parse(text), loc)
        index = marked.index(_MARK)
    except Exception:  # noqa: BLE001 - a position is a courtesy, tomlkit may choke on odd files
        return None
    line, column = marked.count("\n", 0, index) + 1, index - marked.rfind("\n", 0, index) - 1
    is_header = marked[index - column : index].lstrip().startswith("[")
    return line, 1 if is_header else column


def _marked(document: tomlkit.TOMLDocument, loc: Loc) -> str:
    parent: Any = document
    node: Any = document
    key: str | int = ""
    for part in loc:
        if not isinstance(node, dict) or part not in node:
            break
        parent, key, node = node, part, node[part]
    while isinstance(node, (Table, AoT)):
        header = node[0] if isinstance(node, AoT) else node
        header.comment(_MARK)
        if _MARK in (rendered := document.as_string()):
            return rendered
        parent, (key, node) = header, next(iter(header.items()))
    parent[key] = _MARK
    return document.as_string()


def _edited(text: str, settings: Settings) -> str:
    document = tomlkit.parse(text)
    wanted = settings.model_dump(mode="json", exclude_none=True)
    document["schema_version"] = SCHEMA_VERSION
    for section in [name for name in document if name not in wanted]:
        del document[section]
    for section, values in wanted.items():
        if isinstance(values, dict):
            _edit_section(document, section, values)
    return tomlkit.dumps(document)


def _edit_section(document: tomlkit.TOMLDocument, section: str, values: TomlTable) -> None:
    model = _section_model(section)
    defaults = model().model_dump(mode="json", exclude_none=True)
    if not isinstance(document.get(section), dict):
        document.pop(section, None)
        if values == defaults:
            return
        document[section] = tomlkit.table()
    table: Any = document[section]
    for key in [key for key in table if key not in values]:
        del table[key]
    for key, value in values.items():
        if key in table:
            if not _is_same(table[key], value):
                table[key] = value
        elif value != defaults.get(key):
            if isinstance(table, Table) and not table.is_super_table():
                table.add(tomlkit.comment(_help(model.model_fields[key])))
            table[key] = value


def _is_same(item: object, value: object) -> bool:
    present = getattr(item, "unwrap", lambda: item)()
    return isinstance(present, bool) == isinstance(value, bool) and bool(present == value)


def _written_anew(settings: Settings) -> str:
    wanted = settings.model_dump(mode="json", exclude_none=True)
    document = tomlkit.document()
    document.add(tomlkit.comment("The settings of Desktop Voice. Comments you add are kept."))
    document.add("schema_version", tomlkit.item(SCHEMA_VERSION))
    for section, values in wanted.items():
        if not isinstance(values, dict):
            continue
        table = tomlkit.table()
        for key, value in values.items():
            table.add(tomlkit.comment(_help(_section_model(section).model_fields[key])))
            table.add(key, value)
        document.add(tomlkit.nl())
        document.add(section, table)
    return tomlkit.dumps(document)


def _section_model(section: str) -> type[Section]:
    model = Settings.model_fields[section].annotation
    if not (isinstance(model, type) and issubclass(model, Section)):
        raise TypeError(f"{section} is no section")
    return model


def _help(field: FieldInfo) -> str:
    return " ".join(f"{field.title}: {field.description or ''}".split())
