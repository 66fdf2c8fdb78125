"""The speech-to-text protocol."""

from __future__ import annotations

from typing import Protocol

from desktop_voice.audio.frames import Pcm


class SpeechToText(Protocol):
    """Turns an utterance into words.

    Used from one worker thread. Partial results are had by transcribing the utterance so far; an
    engine that can go on where it stopped may do so, as successive calls share their beginning.
    """

    def transcribe(self, pcm: Pcm) -> str:
        """Return the words in 16 kHz samples; empty when there are none. May block for seconds."""

    def close(self) -> None:
        """Free the engine."""
