"""Durations as they are said: "an hour and a half", "90 seconds", "ten"."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from desktop_voice.agent.intents.numbers import count, take_number, tokens_of

MAX_DURATION_S = 30 * 86_400
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_NAMES = {
    **{name: name for name in _SECONDS},
    **{f"{name}s": name for name in _SECONDS},
    "s": "second",
    "sec": "second",
    "secs": "second",
    "m": "minute",
    "min": "minute",
    "mins": "minute",
    "h": "hour",
    "hr": "hour",
    "hrs": "hour",
}
_NEXT_SMALLER = {"hour": "minute", "minute": "second"}


def read_duration(text: str) -> float | None:
    """Return the seconds that ``text`` stands for, or None if it is no duration up to 30 days.

    A bare number means minutes, and after a unit the next smaller one: "one hour thirty".
    """
    tokens = tokens_of(text)
    total = Fraction(0)
    last_unit = ""
    position = 0
    while position < len(tokens):
        if last_unit and tokens[position] in {"and", ","}:
            position += 1
        part = _take_part(tokens, position, last_unit)
        if part is None:
            return None
        value, last_unit, position = part
        total += value
    return float(total) if 0 < total <= MAX_DURATION_S else None


def say_duration(seconds: float) -> str:
    """Write a duration for the ear with its two largest units, such as "one hour ten minutes"."""
    left = max(0, round(seconds))
    words = []
    for name in ("day", "hour", "minute", "second"):
        number, left = divmod(left, _SECONDS[name])
        if number:
            words.append(count(number, name))
    return " and ".join(words[:2]) or "no time"


def _take_part(
    tokens: Sequence[str], position: int, last_unit: str
) -> tuple[Fraction, str, int] | None:
    """Read one number and its unit; return seconds, unit and the position after them."""
    number = take_number(tokens, position)
    if number is None:
        if position >= len(tokens) or tokens[position] not in {"a", "an"}:
            return None
        number = (Fraction(1), position + 1)
        if number[1] == len(tokens):
            return None
    value, position = number
    if last_unit and value in {Fraction(1, 2), Fraction(1, 4)} and position == len(tokens):
        return value * _SECONDS[last_unit], last_unit, position
    if position == len(tokens):
        unit = _NEXT_SMALLER.get(last_unit) if last_unit else "minute"
        return None if unit is None else (value * _SECONDS[unit], unit, position)
    if tokens[position] == "of":
        position += 1
    if position < len(tokens) and tokens[position] in {"a", "an"}:
        position += 1
    unit = _NAMES.get(tokens[position]) if position < len(tokens) else None
    return None if unit is None else (value * _SECONDS[unit], unit, position + 1)
