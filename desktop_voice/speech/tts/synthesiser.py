"""The text-to-speech protocol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from desktop_voice.audio.frames import Pcm


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice of an engine: id, name for people, BCP-47 language."""

    key: str
    name: str
    language: str


class TextToSpeech(Protocol):
    """Speaks a clause at a time. Used from one worker thread."""

    sample_rate_hz: int
    """The rate of the samples that :meth:`synthesise` yields."""

    def voices(self) -> tuple[Voice, ...]:
        """The voices that can be chosen."""

    def synthesise(self, text: str, *, voice: str, rate_wpm: int) -> Iterator[Pcm]:
        """Yield the sound of ``text`` as it is made; closing the iterator stops the work.

        Raises:
            EngineError: The voice is unknown, or the engine failed.
        """

    def close(self) -> None:
        """Free the engine."""
