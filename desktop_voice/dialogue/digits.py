"""Digits: keys that are pressed one after the other, as one turn."""

from __future__ import annotations

_GAP_S = 2.0
_MOST_DIGITS = 64
_KEY_NAMES = {"*": "star", "#": "pound"}


class DigitCollector:
    """Collects keys until ``#`` or a pause of two seconds; no clock: time is an argument."""

    def __init__(self) -> None:
        self._digits = ""
        self._last_s = 0.0

    @property
    def is_collecting(self) -> bool:
        """Whether further keys are waited for."""
        return bool(self._digits)

    def push(self, digits: str, now_s: float) -> str | None:
        """Take keys; return all of them once they are complete."""
        for digit in digits:
            if digit == "#" and self._digits:
                return self._take()
            self._digits = (self._digits + digit)[:_MOST_DIGITS]
            self._last_s = now_s
            if digit == "#":
                return self._take()
        return None

    def poll(self, now_s: float) -> str | None:
        """Return the keys if nobody has pressed one for two seconds."""
        if self._digits and now_s - self._last_s >= _GAP_S:
            return self._take()
        return None

    def _take(self) -> str:
        digits, self._digits = self._digits, ""
        return digits


def pressed(digits: str) -> str:
    """Return the turn that pressing ``digits`` is, in words that a model understands."""
    keys = " ".join(_KEY_NAMES.get(digit, digit) for digit in digits)
    return f"The caller pressed {keys}."
