"""Gather: play a prompt and wait for words or keys, as Twilio's Gather and Plivo's GetInput do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from desktop_voice.audio.frames import Pcm
from desktop_voice.rehearsal.call import Digit, NetworkCall
from desktop_voice.rehearsal.carrier_voice import (
    CarrierVoice,
    SpeechEvent,
    SpeechStarted,
    Utterance,
)


@dataclass(frozen=True, slots=True)
class GatherRules:
    """What ends a gather.

    Attributes:
        speech: Whether words are taken.
        digits: Whether keys are taken.
        silence_s: Nothing heard for so long after the prompt: it ends with nothing.
        end_silence_ms: So much silence ends the words.
        digit_gap_s: So long after a key without another: the keys are complete.
        finish_on_key: The key that completes the keys; empty for none.
        num_digits: So many keys are complete; 0 for no limit.
        barge_in: Whether words or keys stop the prompt.
    """

    speech: bool = True
    digits: bool = False
    silence_s: float = 5.0
    end_silence_ms: int = 800
    digit_gap_s: float = 5.0
    finish_on_key: str = "#"
    num_digits: int = 0
    barge_in: bool = True


@dataclass(frozen=True, slots=True)
class Gathered:
    """What came: ``text`` or ``digits``, both empty for silence."""

    text: str = ""
    confidence: float = 0.0
    digits: str = ""
    finished_on: str = ""


async def gather(
    call: NetworkCall, voice: CarrierVoice, prompt: Sequence[Pcm], rules: GatherRules
) -> Gathered:
    """Play ``prompt`` (16 kHz pieces), then wait by ``rules``. Returns early if the call ends."""
    for pcm in prompt:
        call.playout.play(pcm)
    with call.hearing() as ears:
        listening = voice.listen(call, ears, end_silence_ms=rules.end_silence_ms)
        async with aclosing(listening):
            return await _Turn(call, rules).take(listening)


class _Turn:
    def __init__(self, call: NetworkCall, rules: GatherRules) -> None:
        self._call = call
        self._rules = rules
        self._digits = ""

    async def take(self, events: AsyncIterator[SpeechEvent]) -> Gathered:
        wait: asyncio.Task[SpeechEvent | None] | None = None
        drained = asyncio.create_task(self._call.playout.drained())
        deadline_s: float | None = None
        loop = asyncio.get_running_loop()
        speaking = False
        try:
            while True:
                if wait is None:
                    wait = asyncio.create_task(_next(events))
                if deadline_s is None and drained.done() and not speaking:
                    pause_s = self._rules.digit_gap_s if self._digits else self._rules.silence_s
                    deadline_s = loop.time() + pause_s
                waits: set[asyncio.Task[SpeechEvent | None] | asyncio.Task[None]] = {wait}
                if not drained.done():
                    waits.add(drained)
                timeout = None if deadline_s is None else max(0.0, deadline_s - loop.time())
                done, _ = await asyncio.wait(
                    waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    return Gathered(digits=self._digits)
                if wait not in done:
                    continue
                event, wait = wait.result(), None
                if event is None:
                    return Gathered(digits=self._digits)
                if isinstance(event, Digit) and self._rules.digits:
                    deadline_s = None
                    if (result := self._key(event.key)) is not None:
                        return result
                elif isinstance(event, SpeechStarted) and self._rules.speech:
                    if self._rules.barge_in or drained.done():
                        self._call.playout.clear()
                        speaking, deadline_s = True, None
                elif isinstance(event, Utterance) and speaking:
                    if event.text:
                        return Gathered(text=event.text, confidence=event.confidence)
                    speaking = False
        finally:
            drained.cancel()
            if wait is not None:
                wait.cancel()
                await asyncio.gather(wait, return_exceptions=True)

    def _key(self, key: str) -> Gathered | None:
        if self._rules.barge_in:
            self._call.playout.clear()
        if key == self._rules.finish_on_key:
            return Gathered(digits=self._digits, finished_on=key)
        self._digits += key
        if self._rules.num_digits and len(self._digits) >= self._rules.num_digits:
            return Gathered(digits=self._digits)
        return None


async def _next(events: AsyncIterator[SpeechEvent]) -> SpeechEvent | None:
    return await anext(events, None)
