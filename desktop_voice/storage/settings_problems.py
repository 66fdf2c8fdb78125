"""Settings problems in words: what is wrong with a value, and what it must be."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from desktop_voice.core.settings import Settings

Loc = tuple[str | int, ...]

_MAX_SHOWN = 40
_RULES = {
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be text in quotes",
    "list_type": "must be a list in square brackets",
    "model_type": "must be a section",
    "string_too_long": "must be at most {max_length} characters long",
    "string_too_short": "must be at least {min_length} characters long",
    "too_long": "must have no more than {max_length} entries",
    "too_short": "must have {min_length} or more entries",
    "enum": "must be {expected}",
    "value_error": "{error}",
}
_RANGES = {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}


def describe(invalid: ValidationError) -> Iterator[tuple[Loc, str]]:
    """Yield the location of each bad value and its fault, such as "must be true or false, not 7".

    Text is never repeated from the file, save where one of a few words was expected: it may be a
    secret that was put in the wrong place.
    """
    for error in invalid.errors(include_url=False):
        yield error["loc"], _fault(error)


def _fault(error: ErrorDetails) -> str:
    kind, loc, value = error["type"], error["loc"], error["input"]
    if kind == "extra_forbidden":
        return _unknown(loc)
    if kind in _RANGES:
        rule = _range(loc) or error["msg"]
    elif kind in _RULES:
        rule = _RULES[kind].format(**error.get("ctx", {}))
    else:
        rule = error["msg"]
    shown = _shown(value, text_too=kind == "enum")
    return f"{rule}, not {shown}" if shown else rule


def _shown(value: object, *, text_too: bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) or (text_too and isinstance(value, str)):
        shown = repr(value)
        return shown if len(shown) <= _MAX_SHOWN else ""
    return ""


def _range(loc: Loc) -> str:
    """Return "must be between 0 and 1" when the setting at ``loc`` has both limits."""
    model: Any = Settings
    field = None
    for part in loc:
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            break
        field = model.model_fields[str(part)]
        model = field.annotation
    limits = field.metadata if field else []
    low = next((m.ge for m in limits if hasattr(m, "ge")), None)
    high = next((m.le for m in limits if hasattr(m, "le")), None)
    if low is None or high is None:
        return ""
    return f"must be {low:g}" if low == high else f"must be between {low:g} and {high:g}"


def _unknown(loc: Loc) -> str:
    sections = {
        name: tuple(field.annotation.model_fields)
        for name, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }
    name = str(loc[-1])
    elsewhere = [f"{section}.{name}" for section, keys in sections.items() if name in keys]
    known = tuple(Settings.model_fields) if len(loc) == 1 else sections[str(loc[0])]
    close = difflib.get_close_matches(name, known, 1, cutoff=0.7)
    suggestions = [*elsewhere, *(".".join([*map(str, loc[:-1]), key]) for key in close)]
    return (
        f"is not a setting; did you mean {suggestions[0]}?" if suggestions else "is not a setting"
    )
