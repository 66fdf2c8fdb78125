"""Spelled words: letters and digits as people say them and speech recognisers write them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_UNITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = (
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen"),
    *("eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ALPHABET = (
    *("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india"),
    *("juliett", "kilo", "lima", "mike", "november", "oscar", "papa", "quebec", "romeo"),
    *("sierra", "tango", "uniform", "victor", "whiskey", "xray", "yankee", "zulu"),
)
_NAMES = {"a": ("ay", "aye", "alfa"), "b": ("bee", "be"), "c": ("cee", "see", "sea")} | {
    "d": ("dee",),
    "e": ("ee",),
    "f": ("ef", "eff"),
    "j": ("jay", "juliet"),
    "k": ("kay",),
    "l": ("el",),
    "m": ("em",),
    "n": ("en",),
    "w": ("whisky",),
}
_SIGNS = {"dash": "-", "hyphen": "-", "minus": "-", "underscore": "_"}
_SAID = (
    {word: str(value) for value, word in enumerate(_UNITS)}
    | {word: str(value) for value, word in enumerate(_TEENS, 10)}
    | {word: f"{value}0" for value, word in enumerate(_TENS, 2)}
    | {"oh": "0", "nought": "0", "niner": "9"}
    | {word: word[0] for word in _ALPHABET}
    | {word: letter for letter, words in _NAMES.items() for word in words}
    | _SIGNS
)
_TIMES = {"double": 2, "triple": 3, "treble": 3}
_BETWEEN = frozenset(
    {"capital", "uppercase", "lowercase", "letter", "digit", "then", "comma", "space", "dot"}
)
_WEAK = frozenset({"a", "i", "be", "see", "sea", "oh", "o", "ay", "aye", "dash", "el", "en", "em"})
"""Words of ordinary sentences: they belong to what is spelled only if they stand inside of it."""
_WORD = re.compile(r"[A-Za-z0-9]+|\+|[^\sA-Za-z0-9+,.;:\-–—\"'“”’]+")
_MAX_ACRONYM = 4


@dataclass(frozen=True, slots=True)
class Spelled:
    """Characters that were spelled one after the other.

    Attributes:
        start: Where they begin in the text.
        end: Where they end.
        readings: What they may be, likeliest first: with and without words at both ends that may
            belong to the sentence.
    """

    start: int
    end: int
    readings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Piece:
    start: int
    end: int
    characters: str
    is_weak: bool


def spelled_runs(text: str, at_least: int = 8) -> Iterator[Spelled]:
    """Yield what is spelled in ``text``, of ``at_least`` characters; in time linear in its length.

    ``A C one two, double five`` is ``AC1255``. What begins with ``plus`` is a phone number and
    left out. Letters keep the case in which they are written.
    """
    words = [(found.start(), found.end(), found[0]) for found in _WORD.finditer(text)]
    pieces: list[_Piece] = []
    position = 0
    is_number = False
    while position < len(words):
        start, _, word = words[position]
        taken, characters = _characters(words, position)
        if characters:
            is_weak = word.casefold() in _WEAK or (len(word) > 1 and _is_hex_word(word))
            pieces.append(_Piece(start, words[position + taken - 1][1], characters, is_weak))
        elif word.casefold() not in _BETWEEN:
            if not is_number:
                yield from _run(pieces, at_least)
            pieces = []
            is_number = word == "+" or word.casefold() == "plus"
        position += taken
    if not is_number:
        yield from _run(pieces, at_least)


def _characters(words: Sequence[tuple[int, int, str]], position: int) -> tuple[int, str]:
    """Return how many words were taken from ``position`` on, and the characters they stand for."""
    word = words[position][2]
    said = word.casefold()
    following = words[position + 1][2] if position + 1 < len(words) else ""
    if said in _TIMES:
        one = _single(following)
        return (2, one * _TIMES[said]) if len(one) == 1 else (1, "")
    if said in _TENS and following.casefold() in _UNITS[1:]:
        return 2, _SAID[said][0] + _SAID[following.casefold()]
    return 1, _single(word)


def _single(word: str) -> str:
    said = word.casefold()
    if len(word) == 1:
        return word if word.isalnum() else ""
    if said in _SAID:
        return _SAID[said]
    is_short = len(word) <= _MAX_ACRONYM and (word.isupper() or _is_hex_word(word))
    return word if word.isascii() and (is_short or any(c.isdigit() for c in word)) else ""


def _is_hex_word(word: str) -> bool:
    """Whether it may be four hexadecimal digits, or fewer, as well as a word."""
    return len(word) <= _MAX_ACRONYM and set(word) <= set("abcdef")


def _run(pieces: Sequence[_Piece], at_least: int) -> Iterator[Spelled]:
    first, last = 0, len(pieces)
    while first < last and pieces[first].is_weak:
        first += 1
    while last > first and pieces[last - 1].is_weak:
        last -= 1
    if _length(pieces) < at_least or 2 * _length(pieces[first:last]) < at_least:
        return
    cuts = [(0, len(pieces)), (first, len(pieces)), (0, last), (first, last)]
    readings = ["".join(piece.characters for piece in pieces[a:b]) for a, b in cuts]
    yield Spelled(pieces[0].start, pieces[-1].end, tuple(dict.fromkeys(readings)))


def _length(pieces: Sequence[_Piece]) -> int:
    return sum(len(piece.characters) for piece in pieces)
