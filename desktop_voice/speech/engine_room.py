"""The engine room: engines loaded side by side in workers, each failing for itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from desktop_voice.audio.frames import Pcm
from desktop_voice.audio.vad import VoiceActivityDetector
from desktop_voice.core.errors import DesktopVoiceError, EngineError
from desktop_voice.core.settings import Settings
from desktop_voice.speech import registry
from desktop_voice.speech.stt.recogniser import SpeechToText
from desktop_voice.speech.tts.synthesiser import TextToSpeech
from desktop_voice.speech.wake.detector import WakeWordDetector
from desktop_voice.speech.worker import EngineWorker

T = TypeVar("T")


@dataclass(slots=True)
class Engines:
    """What could be loaded, and what could not."""

    wake: WakeWordDetector | None = None
    vad: VoiceActivityDetector | None = None
    stt: SpeechToText | None = None
    tts: TextToSpeech | None = None
    problems: list[DesktopVoiceError] = field(default_factory=list)

    @property
    def can_hear(self) -> bool:
        """Whether speech can be turned into words."""
        return self.vad is not None and self.stt is not None


class EngineRoom:
    """Owns the workers and loads engines in them; used on the media loop."""

    def __init__(self) -> None:
        self.loader = EngineWorker("load")
        self.stt_worker = EngineWorker("stt")
        self.tts_worker = EngineWorker("tts")
        self.engines = Engines()

    async def load(self, settings: Settings, previous: Settings | None) -> Engines:
        """Load what ``settings`` choose, keeping what has not changed since ``previous``.

        Never raises: a missing or broken engine is None, and its error is in ``problems``.
        """
        now = self.engines
        problems: list[DesktopVoiceError] = []

        async def part(
            current: T | None,
            is_same: bool,
            worker: EngineWorker,
            create: Callable[[Settings], T],
        ) -> T | None:
            if current is not None and is_same:
                return current
            try:
                return await worker.run(create, settings)
            except DesktopVoiceError as error:
                problems.append(error)
                return None

        def same(*names: str) -> bool:
            return previous is not None and all(
                getattr(previous.speech, name) == getattr(settings.speech, name) for name in names
            )

        same_wake = previous is not None and (
            (previous.wake.engine, previous.wake.phrases, previous.wake.sensitivity)
            == (settings.wake.engine, settings.wake.phrases, settings.wake.sensitivity)
        )
        wake, vad, stt, tts = await asyncio.gather(
            part(now.wake, same_wake, self.loader, registry.load_wake),
            part(now.vad, same("vad_engine"), self.loader, registry.load_vad),
            part(now.stt, same("stt_engine"), self.stt_worker, registry.load_stt),
            part(now.tts, same("tts_engine"), self.tts_worker, _load_warm_tts),
        )
        self.engines = Engines(wake, vad, stt, tts, problems)
        await self._close_replaced(now)
        return self.engines

    async def new_vad(self, settings: Settings) -> VoiceActivityDetector:
        """Return a voice activity detector of its own for one more stream.

        Raises:
            EngineError: It is not installed, or it does not load on this machine.
        """
        return await self.loader.run(registry.load_vad, settings)

    async def transcribe(self, pcm: Pcm) -> str:
        """Return the words in 16 kHz samples.

        Raises:
            EngineError: The recogniser failed.
        """
        stt = self.engines.stt
        if stt is None:
            return ""
        try:
            return await self.stt_worker.run(stt.transcribe, pcm)
        except DesktopVoiceError:
            raise
        except Exception as error:
            raise EngineError(
                "STT-08",
                f"The speech recogniser failed: {type(error).__name__}.",
                "Say it again; if it keeps failing, choose another one in Settings.",
                retryable=True,
            ) from error

    async def close(self) -> None:
        """Free the engines and end the workers."""
        old, self.engines = self.engines, Engines()
        await self._close_replaced(old)
        for worker in (self.loader, self.stt_worker, self.tts_worker):
            worker.shut_down()

    async def _close_replaced(self, old: Engines) -> None:
        if old.stt is not None and old.stt is not self.engines.stt:
            await self.stt_worker.run(old.stt.close)
        if old.tts is not None and old.tts is not self.engines.tts:
            await self.tts_worker.run(old.tts.close)


def _load_warm_tts(settings: Settings) -> TextToSpeech:
    """Load the voice engine and have it speak once: the first clause costs 30 ms more."""
    tts = registry.load_tts(settings)
    with suppress(DesktopVoiceError):
        list(tts.synthesise("Ready.", voice=settings.speech.voice, rate_wpm=170))
    return tts


class DeafVad:
    """Stands in for a voice activity detector that could not be loaded: never hears speech."""

    block_samples = 512

    def probability(self, block: Pcm) -> float:
        """Return 0."""
        return 0.0 * len(block)

    def reset(self) -> None:
        """Nothing to forget."""
