"""How long a carrier's voice takes for a text: guessed at first, then learned from the call."""

from __future__ import annotations

import re

_CHARS_PER_S = 11.0
"""Slower than carriers' voices speak English (13 to 16), so that nobody is cut short."""
_DIGIT_CHARS = 6
"""A digit is read out as a word."""
_MARGIN = 1.15
_GRACE_S = 2.0
_SHORTEST_CHARS = 20
_SLOWEST_CHARS_PER_S = 8.0
_DIGIT = re.compile(r"\d")


class SpeechPace:
    """One call's voice; used on one thread."""

    def __init__(self) -> None:
        self._chars_per_s = _CHARS_PER_S

    def longest_s(self, text: str) -> float:
        """Return after how many seconds the end of ``text`` ought to have been told."""
        if not text:
            return 0.0
        return _length(text) / self._chars_per_s * _MARGIN + _GRACE_S

    def took(self, text: str, seconds: float) -> None:
        """Learn that the end of ``text`` was told ``seconds`` after it was begun."""
        if seconds > 0 and _length(text) >= _SHORTEST_CHARS:
            # Faster than guessed is no reason to wait less: the next text may hold names.
            pace = min(_CHARS_PER_S, _length(text) / seconds)
            self._chars_per_s = max(_SLOWEST_CHARS_PER_S, pace)


def _length(text: str) -> int:
    return len(text) + (_DIGIT_CHARS - 1) * len(_DIGIT.findall(text))
