"""The carrier's own speech: text to sound for its say, sound to words for its speech gather."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import cast

import numpy as np

from desktop_voice.audio.frames import FRAME_MS, Pcm
from desktop_voice.audio.vad import VoiceActivityDetector, VoiceGate
from desktop_voice.rehearsal.call import Digit, Hearing, NetworkCall
from desktop_voice.rehearsal.speech_engines import SpeechEngines
from desktop_voice.speech import registry

_PRE_ROLL_MS = 300
_SHORTEST_SPEECH_MS = 100


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The far end begins to speak."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """The far end has said something and was then silent for as long as was asked.

    Attributes:
        text: The words; empty if nothing was understood.
        confidence: 0 to 1.
    """

    text: str
    confidence: float


SpeechEvent = SpeechStarted | Utterance | Digit


class CarrierVoice:
    """What a carrier says and understands on its own. Event loop only."""

    def __init__(self, engines: SpeechEngines) -> None:
        self._engines = engines

    async def say(self, call: NetworkCall, text: str, *, voice: str = "en-us") -> None:
        """Play ``text`` after what is queued; return when it has been played or was cleared."""
        call.playout.play(await self.speak(text, voice=voice, call=call))
        await call.playout.drained()

    async def speak(
        self, text: str, *, voice: str = "en-us", call: NetworkCall | None = None
    ) -> Pcm:
        """Return ``text`` as 16 kHz sound; reported as ``carrier_said`` if it is for a call."""
        pcm = await self._engines.speak(text, voice=voice)
        if call is not None:
            call.report("carrier_said", {"text": text})
        return pcm

    async def words(self, pcm: Pcm) -> str:
        """Return the words in 16 kHz sound that is not a whole utterance."""
        return await self._engines.words(pcm)

    async def listen(
        self, call: NetworkCall, hearing: Hearing, *, end_silence_ms: int = 800
    ) -> AsyncGenerator[SpeechEvent, None]:
        """Yield what the far end says and presses, until the call ends.

        Words that the far end's script knows are taken from there; others are recognised.
        """
        gate = VoiceGate(cast(VoiceActivityDetector, registry.load("vad", "silero")))
        frames: list[Pcm] = []
        speaking = False
        voiced_ms = quiet_ms = 0
        async for heard in hearing:
            if isinstance(heard, Digit):
                yield heard
                continue
            frames.append(heard)
            voiced = gate.push(heard)
            if not speaking:
                voiced_ms = voiced_ms + FRAME_MS if voiced else 0
                del frames[: -((_PRE_ROLL_MS + voiced_ms) // FRAME_MS)]
                if voiced_ms >= _SHORTEST_SPEECH_MS:
                    speaking, quiet_ms = True, 0
                    yield SpeechStarted()
                continue
            quiet_ms = 0 if voiced else quiet_ms + FRAME_MS
            if quiet_ms >= end_silence_ms:
                yield await self._understand(call, np.concatenate(frames))
                speaking, voiced_ms = False, 0
                frames.clear()
        if speaking:
            yield await self._understand(call, np.concatenate(frames))

    async def _understand(self, call: NetworkCall, pcm: Pcm) -> Utterance:
        end_ms = call.handset.now_ms
        known = call.handset.words_between(end_ms - len(pcm) / 16, end_ms)
        if known is not None:
            return Utterance(known, 0.98)
        text = await self._engines.words(pcm)
        return Utterance(text, 0.9 if text else 0.0)
