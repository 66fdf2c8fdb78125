"""Numbers: E.164 on our side, whatever a carrier writes."""

from __future__ import annotations

import re

_DIGITS = re.compile(r"[1-9][0-9]{6,14}", re.ASCII)


def with_plus(number: str) -> str:
    """Return the number with its ``+``; what is no number in full stays as it is."""
    return f"+{number}" if _DIGITS.fullmatch(number) else number


def without_plus(number: str) -> str:
    """Return the number as Plivo writes it."""
    return number.removeprefix("+")
