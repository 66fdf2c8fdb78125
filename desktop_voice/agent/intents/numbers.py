"""Numbers as they are said: read from digits and English words, and written for the ear."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

_UNITS = {
    word: value
    for value, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
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
        ]
    )
}
_TENS = {
    word: 10 * value
    for value, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], start=2
    )
}
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_PARTS = {
    "half": Fraction(1, 2),
    "halves": Fraction(1, 2),
    "third": Fraction(1, 3),
    "thirds": Fraction(1, 3),
    "quarter": Fraction(1, 4),
    "quarters": Fraction(1, 4),
}
_NUMBER_WORDS = {*_UNITS, *_TENS, *_SCALES, *_PARTS, "hundred"}

_TOKEN = re.compile(r"\d+(?:[.,:]\d+)*|[a-z']+|\S")
_JOINED = re.compile(r"(?<=[a-z0-9])-(?=[a-z])|(?<=\d)(?=[a-z])")
_DIGITS = re.compile(r"(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d+)?")


def tokens_of(text: str) -> list[str]:
    """Split text into lower-case words, numbers and signs: ``10-minute`` is ``10 minute``."""
    return _TOKEN.findall(_JOINED.sub(" ", text.casefold().replace("’", "'")))


def ends_in_number(text: str) -> bool:
    """Return whether the last word is a number, after which more may well follow."""
    tokens = tokens_of(text)
    return bool(tokens) and (tokens[-1] in _NUMBER_WORDS or tokens[-1][0].isdigit())


def take_number(tokens: Sequence[str], start: int = 0) -> tuple[Fraction, int] | None:
    """Read the longest number that begins at ``tokens[start]``.

    Returns:
        The number and the position after it, or None if there is no number there.
    """
    taken = _take_digits(tokens, start) or _take_words(tokens, start)
    if taken is None:
        return _take_part(tokens, start)
    value, position = taken
    if position < len(tokens) and tokens[position] in _PARTS and value.denominator == 1:
        return value * _PARTS[tokens[position]], position + 1
    if _word(tokens, position) == "and":
        part = _take_part(tokens, position + 1)
        if part is not None:
            return value + part[0], part[1]
    return value, position


def read_number(text: str) -> Fraction | None:
    """Return the number that ``text`` is, from its first word to its last, or None."""
    tokens = tokens_of(text)
    taken = take_number(tokens)
    return taken[0] if taken is not None and taken[1] == len(tokens) else None


def say_number(value: Fraction | int) -> str:
    """Write a number in words, at most four decimal places, with "about" if it was rounded."""
    from num2words import num2words

    value = Fraction(value)
    if abs(value) >= 10**15:
        exponent = len(str(abs(int(value)))) - 1
        lead = say_number(round(value / Fraction(10) ** exponent, 2)).removeprefix("about ")
        return f"about {lead} times ten to the power of {num2words(exponent)}"
    rounded = _rounded(value)
    words = num2words(int(rounded) if rounded.denominator == 1 else float(rounded))
    about = "" if rounded == value else "about "
    return about + str(words).replace(",", "")


def count(value: Fraction | int, noun: str) -> str:
    """Write a number and what it counts: "one minute", "two minutes"."""
    return f"{say_number(value)} {noun}" + ("" if value == 1 else "s")


def _rounded(value: Fraction) -> Fraction:
    """Round to two decimal places, small numbers to two significant ones; 10 places at most."""
    if value == 0 or abs(value) >= Fraction(1, 10):
        return round(value, 2)
    places = next((n for n in range(2, 10) if abs(value) * 10**n >= 10), 10)
    return round(value, places)


def _word(tokens: Sequence[str], position: int) -> str:
    return tokens[position] if position < len(tokens) else ""


def _take_digits(tokens: Sequence[str], start: int) -> tuple[Fraction, int] | None:
    if not _DIGITS.fullmatch(_word(tokens, start)):
        return None
    value = Fraction(tokens[start].replace(",", ""))
    position = start + 1
    while (scale := 100 if _word(tokens, position) == "hundred" else 0) or (
        scale := _SCALES.get(_word(tokens, position), 0)
    ):
        value *= scale
        position += 1
    return value, position


def _take_words(tokens: Sequence[str], start: int) -> tuple[Fraction, int] | None:
    total, group, position = 0, 0, start
    smallest_scale = 10**15
    if _word(tokens, start) == "a" and _word(tokens, start + 1) in {"hundred", *_SCALES}:
        group, position = 1, start + 1
    first = position
    while True:
        word = _word(tokens, position)
        below_hundred = group % 100
        if word in _UNITS and (
            below_hundred == 0 or (below_hundred >= 20 and below_hundred % 10 == 0)
        ):
            if (group or total) and _UNITS[word] == 0:
                break
            if below_hundred and _UNITS[word] >= 10:
                break
            if group == 0 and position > first and _word(tokens, position - 1) == "zero":
                break
            group += _UNITS[word]
        elif word in _TENS and below_hundred == 0:
            group += _TENS[word]
        elif word == "hundred" and 0 < group < 100:
            group *= 100
        elif word in _SCALES and group and _SCALES[word] < smallest_scale:
            smallest_scale = _SCALES[word]
            total, group = total + group * smallest_scale, 0
        elif (
            word == "and"
            and position > first
            and _word(tokens, position - 1) in {"hundred", *_SCALES}
            and _word(tokens, position + 1) in {*_UNITS, *_TENS}
        ):
            pass
        else:
            break
        position += 1
    if position == first:
        return None
    value = Fraction(total + group)
    if _word(tokens, position) == "point":
        digits = ""
        after = position + 1
        while _UNITS.get(_word(tokens, after), 10) < 10:
            digits += str(_UNITS[tokens[after]])
            after += 1
        if digits:
            return value + Fraction(int(digits), 10 ** len(digits)), after
    return value, position


def _take_part(tokens: Sequence[str], start: int) -> tuple[Fraction, int] | None:
    """Read "half", "a quarter" or "three quarters"."""
    position = start + 1 if _word(tokens, start) in {"a", "one"} else start
    if _word(tokens, position) in {"half", "third", "quarter"}:
        return _PARTS[tokens[position]], position + 1
    many = _UNITS.get(_word(tokens, start))
    if many and _word(tokens, start + 1) in {"thirds", "quarters"}:
        return many * _PARTS[tokens[start + 1]], start + 2
    return None
