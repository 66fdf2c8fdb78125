"""The wake-word detector's protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from desktop_voice.audio.frames import Pcm


@dataclass(frozen=True, slots=True)
class WakePhrase:
    """A wake word that an engine knows: its id, and the words as people say them."""

    key: str
    words: str


class WakeWordDetector(Protocol):
    """Listens for wake words in one stream; used from one thread, about 0.05 ms a frame.

    Factories take ``phrases`` (a sequence of ids) and ``sensitivity`` (0 to 1).
    """

    phrases: tuple[WakePhrase, ...]
    """The phrases this object listens for."""

    lag_ms: float
    """How long after the end of the phrase :meth:`process` usually tells of it."""

    @staticmethod
    def known_phrases() -> tuple[WakePhrase, ...]:
        """Every phrase the engine could listen for."""

    def process(self, pcm: Pcm) -> str | None:
        """Take 16 kHz samples; return the id of a phrase that was just completed."""

    def reset(self) -> None:
        """Forget the stream so far."""
