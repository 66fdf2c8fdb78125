"""Fields: reading JSON of carriers, where anything may be absent or of another type."""

from __future__ import annotations

from collections.abc import Mapping

from desktop_voice.telephony.carriers.http import Json


def text(content: Json, name: str) -> str:
    """Return a text or a number as text; an empty string for anything else."""
    value = content.get(name)
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""


def inner(content: Json, name: str) -> Json:
    """Return an object; an empty one if there is none."""
    value = content.get(name)
    return value if isinstance(value, Mapping) else {}


def objects(content: Json, name: str) -> list[Json]:
    """Return the objects of a list; an empty list if there is none."""
    value = content.get(name)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def texts(content: Json, name: str) -> list[str]:
    """Return the texts of a list; an empty list if there is none."""
    value = content.get(name)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
