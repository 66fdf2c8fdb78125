"""Keeps a reasoning model's thoughts, written between think tags, out of its reply."""

from __future__ import annotations

_OPEN = "<think>"
_CLOSE = "</think>"


class ThinkFilter:
    """Takes text in pieces of any size and gives back what is not between think tags."""

    def __init__(self) -> None:
        self._held = ""
        self._thinking = False

    def feed(self, piece: str) -> str:
        """Return the text that may be spoken now; the start of a possible tag is held back."""
        self._held += piece
        spoken = []
        while True:
            tag = _CLOSE if self._thinking else _OPEN
            before, found, after = self._held.partition(tag)
            if found:
                if not self._thinking:
                    spoken.append(before)
                self._thinking = not self._thinking
                self._held = after
                continue
            keep = _possible_start(self._held, tag)
            if not self._thinking:
                spoken.append(self._held[: len(self._held) - keep])
            self._held = self._held[len(self._held) - keep :]
            return "".join(spoken)

    def finish(self) -> str:
        """Return what was held back, at the end of the text."""
        held, self._held = self._held, ""
        return "" if self._thinking else held


def _possible_start(text: str, tag: str) -> int:
    """Return how many characters at the end of ``text`` may begin ``tag``."""
    return next((n for n in range(len(tag) - 1, 0, -1) if text.endswith(tag[:n])), 0)
