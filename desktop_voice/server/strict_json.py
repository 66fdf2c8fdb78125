"""JSON from strangers: one object, of bounded size and depth, with nothing odd in it."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

_MOST_CONTAINERS = 200
_MOST_DIGITS = 18


def read_object(text: str | bytes, most_bytes: int) -> dict[str, Any]:
    """Return the JSON object that ``text`` is.

    Raises:
        ValueError: It is too long, has more than 200 arrays and objects (which bounds the depth,
            too), a number that no field has use for, a name twice, a lone surrogate, or is no
            object. The message quotes nothing.
    """
    if len(text) > most_bytes:
        raise ValueError("too long")
    try:
        if isinstance(text, bytes):
            text = text.decode()
        if text.count("{") + text.count("[") > _MOST_CONTAINERS:
            raise ValueError("too deep")
        value = json.loads(
            text,
            parse_constant=_refuse,
            parse_int=_read_int,
            parse_float=_read_float,
            object_pairs_hook=_read_pairs,
        )
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise ValueError("not acceptable as JSON") from None
    if not isinstance(value, dict):
        raise ValueError("no JSON object")
    return value


def _refuse(_constant: str) -> NoReturn:
    raise ValueError


def _read_int(digits: str) -> int:
    if len(digits.lstrip("-")) > _MOST_DIGITS:
        raise ValueError
    return int(digits)


def _read_float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError
    return value


def _read_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError
    return value
