"""Turn words: what of somebody's words the rest of the app gets to see."""

from __future__ import annotations

from typing import Protocol

from desktop_voice.core.secret_text import masked


class TurnWords(Protocol):
    """Stands between what was heard or typed and everything else; used on the media loop.

    Events, history, model and brain see only what comes back from here.
    """

    def shown(self, text: str) -> str:
        """Return what may be shown of an utterance that is still open."""

    def taken(self, text: str) -> str:
        """Return what a turn's words are; its answer is asked for next."""

    def withdrawn(self) -> None:
        """The turn last taken was none: only the beginning of one, or dropped unanswered."""


class MaskedWords:
    """Masks keys, and keeps none: for everybody but the owner at this machine."""

    def shown(self, text: str) -> str:
        """Return ``text`` with every key masked."""
        return masked(text)

    def taken(self, text: str) -> str:
        """Return ``text`` with every key masked."""
        return masked(text)

    def withdrawn(self) -> None:
        """Nothing was kept."""
