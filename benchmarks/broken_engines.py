"""Engines that fail as they are told, around real ones: for what a call does about it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from desktop_voice.audio.frames import Pcm
from desktop_voice.core.errors import EngineError
from desktop_voice.speech.stt.recogniser import SpeechToText
from desktop_voice.speech.tts.synthesiser import TextToSpeech, Voice


class BrokenStt:
    """A recogniser that fails as it is told; shared sound engines stay whole."""

    def __init__(self, stt: SpeechToText, lock: threading.Lock) -> None:
        self._stt = stt
        self._lock = lock
        self.fault = ""
        self.release = threading.Event()

    def transcribe(self, pcm: Pcm) -> str:
        """Return the words, or fail."""
        match self.fault:
            case "raises":
                raise RuntimeError("out of memory")
            case "hangs":
                self.release.wait()
                return ""
            case "rubbish":
                return "\N{REPLACEMENT CHARACTER}\x00 ]]> <Hangup/> " * 40
        with self._lock:
            return self._stt.transcribe(pcm)

    def close(self) -> None:
        """Is closed by its owner."""


class BrokenTts:
    """A voice that fails as it is told, at a clause counted from the fault on."""

    def __init__(self, tts: TextToSpeech, lock: threading.Lock) -> None:
        self._tts = tts
        self._lock = lock
        self.sample_rate_hz = tts.sample_rate_hz
        self.fault = ""
        self.whole_clauses = 0
        self.release = threading.Event()

    def voices(self) -> tuple[Voice, ...]:
        """Return the real voices."""
        return self._tts.voices()

    def synthesise(self, text: str, *, voice: str, rate_wpm: int) -> Iterator[Pcm]:
        """Yield the sound, or fail."""
        if self.fault and self.whole_clauses <= 0:
            if self.fault == "raises":
                raise EngineError("TTS-04", "The voice failed.", "Choose another one.")
            if self.fault == "crashes":
                raise RuntimeError("segment violation")
            if self.fault == "hangs":
                self.release.wait()
                return
        self.whole_clauses -= 1
        with self._lock:
            chunks = list(self._tts.synthesise(text, voice=voice, rate_wpm=rate_wpm))
        yield from chunks

    def close(self) -> None:
        """Is closed by its owner."""
