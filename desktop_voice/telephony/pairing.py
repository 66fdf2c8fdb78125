"""Pairing: an unknown caller proves to be expected by a code that only the app's owner sees."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from desktop_voice.core.clock import Clock
from desktop_voice.storage.calls import CallStore

CODE_DIGITS = 8
CODE_LIFE_S = 600.0
TRIES_PER_CALL = 3
TRIES_PER_NUMBER = 5
TRIES_IN_ALL = 20
DAY = timedelta(hours=24)

_MOST_CHARS = 1000
_ZERO_TO_NINETEEN = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"),
    "nineteen",
)
_UNITS = {word: str(n) for n, word in enumerate(_ZERO_TO_NINETEEN[:10])}
_UNITS |= dict.fromkeys(("oh", "o", "nought"), "0")
_TEENS = {word: str(n) for n, word in enumerate(_ZERO_TO_NINETEEN) if n >= 10}
_TWENTY_TO_NINETY = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_TENS = {word: str(n) for n, word in enumerate(_TWENTY_TO_NINETY, start=2)}
_REPEATS = {"double": 2, "triple": 3, "treble": 3}
_SOUNDS_LIKE = {"to": "2", "too": "2", "for": "4", "ate": "8", "won": "1", "tree": "3"}


class PairingVerdict(StrEnum):
    """RIGHT, WRONG, NO_CODE (nothing was tried), or LOCKED (no further try on this call)."""

    RIGHT = "right"
    WRONG = "wrong"
    NO_CODE = "no_code"
    LOCKED = "locked"


@dataclass(slots=True)
class _Open:
    """One call's code, and how often it may still be tried."""

    number: str
    code: str
    deadline: float
    tries_left: int = TRIES_PER_CALL


class Pairing:
    """Codes of the calls that wait for one. Used on the media loop.

    A code belongs to one call, lives ten minutes and works once. Guesses are counted in the store:
    three a call, five a number and twenty in all within 24 hours.
    """

    def __init__(self, store: CallStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._open: dict[str, _Open] = {}

    async def begin(self, call_id: str, number: str) -> str | None:
        """Return a new code for a call, for the owner's eyes; None if too much was guessed.

        Raises:
            StoreError: The guesses of the day cannot be read.
        """
        tries = await self._store.pairing_tries(number, self._clock.now() - DAY)
        if tries.of_number >= TRIES_PER_NUMBER or tries.in_all >= TRIES_IN_ALL:
            return None
        code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
        self._open[call_id] = _Open(number, code, self._clock.monotonic() + CODE_LIFE_S)
        return code

    async def attempt(self, call_id: str, said: str) -> PairingVerdict:
        """Judge what the caller said or typed.

        Raises:
            StoreError: The guess cannot be counted, and so does not count as right either.
        """
        waiting = self._open.get(call_id)
        if waiting is None or self._clock.monotonic() >= waiting.deadline:
            return PairingVerdict.LOCKED
        if waiting.tries_left <= 0:
            return PairingVerdict.LOCKED
        code = read_code(said)
        if code is None:
            return PairingVerdict.NO_CODE
        # Taken before the first wait, so that guesses at the same moment are all counted.
        waiting.tries_left -= 1
        is_counted = await self._store.count_pairing_try(
            waiting.number, self._clock.now() - DAY, TRIES_PER_NUMBER, TRIES_IN_ALL
        )
        if not is_counted:
            self._open.pop(call_id, None)
            return PairingVerdict.LOCKED
        if hmac.compare_digest(code, waiting.code) and self._open.get(call_id) is waiting:
            self._open.pop(call_id, None)
            return PairingVerdict.RIGHT
        return PairingVerdict.WRONG if waiting.tries_left > 0 else PairingVerdict.LOCKED

    def end(self, call_id: str, code: str) -> None:
        """Make a call's code void, if it is still this one."""
        kept = self._open.get(call_id)
        if kept is not None and kept.code == code:
            del self._open[call_id]


def read_code(said: str) -> str | None:
    """Return the eight digits that were typed or spoken, or None if they are not exactly eight.

    Understands digits in any grouping, and English words: "one two", "oh", "double five",
    "twenty one"; where these do not make a code, also what sounds like a digit ("to", "for").
    """
    for units in (_UNITS, _UNITS | _SOUNDS_LIKE):
        digits = _digits(_words(said), units)
        if len(digits) == CODE_DIGITS:
            return digits
    return None


def is_unfinished(said: str) -> bool:
    """Return whether more words may still make a code of what was said or typed so far."""
    return len(said) <= _MOST_CHARS and len(_digits(_words(said), _UNITS)) < CODE_DIGITS


def _words(said: str) -> list[str]:
    return re.findall(r"[a-z]+|[0-9]", said[:_MOST_CHARS].lower(), re.ASCII)


def _digits(words: list[str], units: Mapping[str, str]) -> str:
    digits, tens, repeat = "", "", 1
    for word in words:
        unit = word if word.isdigit() else units.get(word, "")
        if tens:
            is_compound = unit not in ("", "0")
            digits += tens if is_compound else f"{tens}0"
        digits += unit * repeat or _TEENS.get(word, "")
        tens, repeat = _TENS.get(word, ""), _REPEATS.get(word, 1)
    return digits + (f"{tens}0" if tens else "")
