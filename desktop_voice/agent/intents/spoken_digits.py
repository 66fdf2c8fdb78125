"""Reads telephone numbers that are said digit by digit, or in groups."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

MIN_DIGITS = 3
MIN_GROUPED_DIGITS = 7

_DIGITS = {
    word: str(value)
    for value, word in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    )
} | {"oh": "0", "o": "0", "nought": "0", "niner": "9"}
_TEENS = {
    word: str(value)
    for value, word in enumerate(
        [
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ],
        start=10,
    )
}
_TENS = {
    word: str(value)
    for value, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], start=2
    )
}
_TIMES = {"double": 2, "triple": 3, "treble": 3}
_BETWEEN = frozenset({"dash", "hyphen", "dot", "space", "area", "code", "number"})
_TOKEN = re.compile(r"[a-z]+|[0-9]+|\+")


def read_spoken_digits(text: str) -> str | None:
    """Return the telephone number that ``text`` is, as digits with a ``+`` if it has one.

    ``plus one four one five double five ...`` and ``+1 four fifteen ...`` are ``+1415...``. What
    holds any other word is no number, and neither are a few digits in groups: ``seven eleven``
    is a shop.
    """
    cleaned = re.sub(r"[\s.,()/\-]+", " ", text.casefold()).strip()
    tokens = _TOKEN.findall(cleaned)
    if "".join(tokens) != cleaned.replace(" ", ""):
        return None
    has_plus = tokens[:1] in (["plus"], ["+"])
    groups = list(_groups(tokens[1:] if has_plus else tokens))
    if not groups or None in groups:
        return None
    digits = "".join(group or "" for group in groups)
    is_one_by_one = all(group is not None and len(group) == 1 for group in groups)
    if len(digits) < (MIN_DIGITS if is_one_by_one else MIN_GROUPED_DIGITS):
        return None
    return f"+{digits}" if has_plus else digits


def _groups(tokens: Sequence[str]) -> Iterator[str | None]:
    """Yield the digits of each word or two; None for what are no digits."""
    position = 0
    while position < len(tokens):
        word = tokens[position]
        following = _digit(tokens, position + 1)
        position += 1
        if word in _BETWEEN:
            continue
        if word in _TIMES and len(following) == 1:
            position += 1
            yield from following * _TIMES[word]
        elif word in _TENS:
            takes_unit = len(following) == 1 and following != "0"
            position += takes_unit
            yield _TENS[word] + (following if takes_unit else "0")
        elif _digit(tokens, position - 1):
            is_hundred = len(word) > 1 and position < len(tokens) and tokens[position] == "hundred"
            position += is_hundred
            yield _digit(tokens, position - 1 - is_hundred) + ("00" if is_hundred else "")
        else:
            yield _TEENS.get(word)


def _digit(tokens: Sequence[str], position: int) -> str:
    word = tokens[position] if position < len(tokens) else ""
    return word if word.isdigit() else _DIGITS.get(word, "")
