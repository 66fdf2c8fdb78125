"""Sums as they are said: read by a small parser over words and signs, worked out exactly."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from desktop_voice.agent.intents.desk import Desk, Handler
from desktop_voice.agent.intents.numbers import say_number, take_number, tokens_of
from desktop_voice.agent.reply import ReplyPart, Say

MAX_TOKENS = 60
MAX_BITS = 4000
_NO_SUMS = {"9/11", "24/7", "50/50"}

_SIGNS = [
    (re.compile(rf"(?<![a-z])(?:{pattern})(?![a-z])"), f" {sign} ")
    for pattern, sign in (
        (r"(?:raised )?to the power(?: of)?|raised to(?: the)?", "^"),
        (r"multiplied by|times", "*"),
        (r"divided by|over", "/"),
        (r"plus|added to", "+"),
        (r"minus|take away|less|negative", "-"),
        (r"squared", "^ 2"),
        (r"cubed", "^ 3"),
        (r"(?:the )?square root of", "sqrt"),
        (r"(?:the )?cube root of", "cbrt"),
        (r"percent|per cent", "%"),
        (r"open (?:brackets?|parenthes[ie]s)", "("),
        (r"close (?:brackets?|parenthes[ie]s)", ")"),
        (r"equals?|=", ""),
    )
]
_TYPED = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-"})
_LETTER_X = re.compile(r"(?<=[\d)\s])x(?=[\d(\s])")


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum that was worked out; ``trouble`` says why there is no result."""

    value: Fraction | None
    trouble: str = ""


class _NoSumError(Exception):
    """The words are no sum."""


class _TroubleError(Exception):
    """The words are a sum that has no answer."""


def read_sum(text: str) -> Sum | None:
    """Work out the sum that ``text`` is; None if it is none, or only a number."""
    text = text.casefold().strip()
    if text in _NO_SUMS:
        return None
    text = _LETTER_X.sub(" * ", text.translate(_TYPED))
    for pattern, sign in _SIGNS:
        text = pattern.sub(sign, text)
    tokens = tokens_of(text.replace("**", "^"))
    if not 2 <= len(tokens) <= MAX_TOKENS:
        return None
    parser = _Parser(tokens)
    try:
        return Sum(parser.whole())
    except _NoSumError:
        return None
    except _TroubleError as trouble:
        return Sum(None, str(trouble))


class _Parser:
    """Recursive descent over tokens; MAX_TOKENS bounds its depth."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._position = 0
        self._has_sign = False

    def whole(self) -> Fraction:
        """Read everything; a number alone is no sum."""
        value = self._sum()
        if self._position < len(self._tokens) or not self._has_sign:
            raise _NoSumError
        return value

    def _accept(self, *signs: str) -> str:
        if self._position < len(self._tokens) and self._tokens[self._position] in signs:
            self._position += 1
            self._has_sign = True
            return self._tokens[self._position - 1]
        return ""

    def _sum(self) -> Fraction:
        value = self._product()
        while sign := self._accept("+", "-"):
            term = self._product()
            if self._accept("%"):
                term = value * term / 100
            value = value + term if sign == "+" else value - term
        return value

    def _product(self) -> Fraction:
        value = self._power()
        while sign := self._accept("*", "/"):
            factor = self._power()
            if sign == "/" and factor == 0:
                raise _TroubleError("Nothing can be divided by zero.")
            value = value * factor if sign == "*" else value / factor
        return value

    def _power(self) -> Fraction:
        value = self._part_of()
        while self._accept("^"):
            value = _raised(value, self._part_of())
        return value

    def _part_of(self) -> Fraction:
        """Read "20 % of 50", "20 % off 50", "half of 8", or just a number."""
        value = self._signed()
        mark = self._position
        percent = bool(self._accept("%"))
        part = value / 100 if percent else value
        if self._accept("of"):
            return part * self._power()
        if percent and self._accept("off"):
            return (1 - part) * self._power()
        self._position = mark
        return value

    def _signed(self) -> Fraction:
        if self._accept("-"):
            return -self._signed()
        if root := self._accept("sqrt", "cbrt"):
            return _root(self._signed(), 2 if root == "sqrt" else 3)
        if self._accept("("):
            value = self._sum()
            if not self._accept(")"):
                raise _NoSumError
            return value
        taken = take_number(self._tokens, self._position)
        if taken is None:
            raise _NoSumError
        value, self._position = taken
        return value


def _raised(base: Fraction, exponent: Fraction) -> Fraction:
    if base == 0 and exponent < 0:
        raise _TroubleError("Nothing can be divided by zero.")
    size = max(base.numerator.bit_length(), base.denominator.bit_length())
    if abs(exponent) * size > MAX_BITS:
        raise _TroubleError("That number is too big for me to say.")
    if exponent.denominator == 1:
        return base ** int(exponent)
    if base < 0:
        raise _TroubleError("That has no real answer.")
    return Fraction(float(base) ** float(exponent)).limit_denominator(10**12)


def _root(value: Fraction, degree: int) -> Fraction:
    if value < 0 and degree == 2:
        raise _TroubleError("A negative number has no real square root.")
    sign = -1 if value < 0 else 1
    value = abs(value)
    exact = Fraction(_whole_root(value.numerator, degree), _whole_root(value.denominator, degree))
    if exact**degree == value:
        return sign * exact
    if value > 10**300:
        raise _TroubleError("That number is too big for me to say.")
    close = math.sqrt(value) if degree == 2 else math.cbrt(value)
    return sign * Fraction(close)


def _whole_root(value: int, degree: int) -> int:
    """Return the whole root of ``value`` if it has one, else some other positive number."""
    if degree == 2:
        return max(1, math.isqrt(value)) if value else 0
    return round(math.cbrt(value)) if value < 10**300 else 1


def _say_sum(slots: Mapping[str, Any], _desk: Desk) -> Iterator[ReplyPart]:
    result: Sum = slots["sum"]
    if result.value is None:
        yield Say(result.trouble)
    else:
        yield Say(f"That's {say_number(result.value)}.")


HANDLERS: Mapping[str, Handler] = MappingProxyType({"sum.calculate": _say_sum})
READERS: Mapping[str, Callable[[str], object | None]] = MappingProxyType({"sum": read_sum})
