"""Speech for everybody on the network: eSpeak NG and Moonshine, each in a worker of its own."""

from __future__ import annotations

import asyncio
from typing import cast

import numpy as np

from desktop_voice.audio.frames import SAMPLE_RATE_HZ, Pcm
from desktop_voice.audio.resample import resample
from desktop_voice.speech import registry
from desktop_voice.speech.stt.recogniser import SpeechToText
from desktop_voice.speech.tts.synthesiser import TextToSpeech
from desktop_voice.speech.worker import EngineWorker

DEFAULT_VOICE = "en-us"
_RATE_WPM = 165


class SpeechEngines:
    """Loaded at first use. Event loop only.

    Raises:
        EngineError: From every method, if an engine does not load.
    """

    def __init__(self) -> None:
        self._tts: TextToSpeech | None = None
        self._stt: SpeechToText | None = None
        self._tts_worker = EngineWorker("rehearsal-tts")
        self._stt_worker = EngineWorker("rehearsal-stt")

    async def load(self) -> None:
        """Load both now, so that the first words come without delay."""
        await asyncio.gather(
            self._tts_worker.run(self._load_tts), self._stt_worker.run(self._load_stt)
        )

    async def speak(self, text: str, *, voice: str = DEFAULT_VOICE) -> Pcm:
        """Return ``text`` as 16 kHz sound; an unknown voice is replaced by the default one."""
        return await self._tts_worker.run(self._synthesise, text, voice)

    async def words(self, pcm: Pcm) -> str:
        """Return the words in 16 kHz sound."""
        return await self._stt_worker.run(lambda: self._load_stt().transcribe(pcm))

    def close(self) -> None:
        """Let the workers go."""
        self._tts_worker.shut_down()
        self._stt_worker.shut_down()

    def _synthesise(self, text: str, voice: str) -> Pcm:
        tts = self._load_tts()
        key = voice if voice in {known.key for known in tts.voices()} else DEFAULT_VOICE
        parts = list(tts.synthesise(text, voice=key, rate_wpm=_RATE_WPM))
        if not parts:
            return np.zeros(0, dtype=np.int16)
        return resample(np.concatenate(parts), tts.sample_rate_hz, SAMPLE_RATE_HZ)

    def _load_tts(self) -> TextToSpeech:
        if self._tts is None:
            self._tts = cast(TextToSpeech, registry.load("tts", "espeak"))
        return self._tts

    def _load_stt(self) -> SpeechToText:
        if self._stt is None:
            self._stt = cast(SpeechToText, registry.load("stt", "moonshine"))
        return self._stt
