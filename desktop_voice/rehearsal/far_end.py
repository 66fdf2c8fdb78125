"""The far end of a call: it speaks, presses keys, listens and hangs up as its plan says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from desktop_voice.audio.frames import SAMPLE_RATE_HZ, Pcm
from desktop_voice.audio.wav import read_pcm
from desktop_voice.rehearsal.far_end_plan import FarEndPlan, Step
from desktop_voice.rehearsal.handset import Handset
from desktop_voice.rehearsal.speech_engines import SpeechEngines

Detection = Literal["human", "machine_start", "machine_end_beep", "unknown"]

_BEEP_HZ = 1000.0
_BEEP_MS = 400
_BEEP_PEAK = 0.4
_MACHINE_RECORDS_MS = 60_000
_MACHINE_GIVES_UP_MS = 8_000
_VERDICT_MS = 1_500
_TALK_OVER_MS = 300


class FarEnd:
    """Lives from the answer to the end of one call. Event loop only."""

    def __init__(
        self,
        plan: FarEndPlan,
        handset: Handset,
        engines: SpeechEngines,
        *,
        hang_up: Callable[[], None],
        report: Callable[[str, Mapping[str, object]], None],
    ) -> None:
        self._plan = plan
        self._handset = handset
        self._engines = engines
        self._hang_up = hang_up
        self._report = report
        self._greeted = asyncio.Event()
        self._heard: asyncio.Queue[str] = asyncio.Queue()
        self._heard_so_far = ""
        self._transcripts: set[asyncio.Task[None]] = set()
        handset.on_utterance = self._on_utterance

    async def run(self) -> None:
        """Behave until the plan is done; runs beside the call and is cancelled at its end."""
        after_ms = self._plan.hang_up_after_ms
        if after_ms is None:
            await self._behave()
            return
        end = asyncio.create_task(self._hang_up_later(after_ms))
        try:
            await self._behave()
            await end
        finally:
            end.cancel()

    async def detect(self, *, wait_for_end: bool, timeout_s: float) -> Detection:
        """What the carrier's answering machine detection finds, after the time that it takes."""
        await self._handset.wait(_VERDICT_MS)
        if self._plan.answer != "machine":
            return "human"
        if not wait_for_end:
            return "machine_start"
        try:
            await asyncio.wait_for(self._greeted.wait(), timeout_s)
        except TimeoutError:
            return "unknown"
        return "machine_end_beep"

    async def close(self) -> None:
        """Report what is still to be transcribed."""
        self._handset.finish()
        await asyncio.gather(*self._transcripts)

    async def _behave(self) -> None:
        if self._plan.answer == "machine":
            await self._record_a_message()
        elif self._plan.kind == "wav":
            await self._play_recordings()
        elif self._plan.kind == "script":
            await self._follow_script()
        elif self._plan.kind == "microphone":
            from desktop_voice.rehearsal.microphone import talk

            await talk(self._handset)

    async def _record_a_message(self) -> None:
        await self._say(self._plan.greeting)
        await self._handset.say(_beep())
        # What the app has said so far is not in the recording.
        self._handset.finish()
        self._handset.forget_speech()
        self._greeted.set()
        began_ms = self._handset.now_ms
        while self._handset.now_ms < began_ms + _MACHINE_RECORDS_MS:
            await self._handset.wait(100)
            # For how long the app has been silent under the greeting does not matter.
            recorded_ms = self._handset.now_ms - began_ms
            if min(self._handset.app_quiet_ms, recorded_ms) >= _MACHINE_GIVES_UP_MS:
                break
        self._hang_up()

    async def _play_recordings(self) -> None:
        for index, path in enumerate(self._plan.files):
            pcm = await _recording(path)
            if index or not self._plan.speaks_first:
                await self._await_quiet(self._plan.gap_ms)
            self._handset.forget_speech()
            await self._play(path, pcm)
        await self._leave()

    async def _follow_script(self) -> None:
        its_turn = self._plan.speaks_first
        for step in self._plan.steps:
            recording = None if step.play is None else await _recording(step.play)
            if any(given is not None for given in (step.say, step.play, step.press)):
                await self._await_turn(step, its_turn=its_turn)
            its_turn = step.wait_s is not None
            if step.say is not None:
                await self._say(step.say)
            elif step.play is not None and recording is not None:
                await self._play(step.play, recording)
            elif step.press is not None:
                self._report("far_said", {"digits": step.press})
                await self._handset.press(step.press)
            elif step.wait_s is not None:
                await self._handset.wait(step.wait_s * 1000)
            elif step.expect is not None:
                await self._expect(step.expect)
            elif step.hang_up:
                self._hang_up()
                return
        await self._leave()

    async def _await_turn(self, step: Step, *, its_turn: bool) -> None:
        if step.over:
            await self._handset.wait_for_speech()
            await self._handset.wait(max(step.after_ms, _TALK_OVER_MS))
        elif not its_turn:
            await self._await_quiet(self._plan.gap_ms)
        self._handset.forget_speech()

    async def _await_quiet(self, gap_ms: float) -> None:
        """Let the app say something and finish; hang up if it says nothing for too long."""
        if not await self._handset.wait_for_quiet(gap_ms, self._plan.patience_ms):
            self._report("gave_up", {"after_ms": self._plan.patience_ms})
            self._hang_up()
            await asyncio.Event().wait()

    async def _expect(self, words: str) -> None:
        try:
            while _plain(words) not in _plain(self._heard_so_far):
                self._heard_so_far += " " + await self._heard.get()
        except asyncio.CancelledError:
            self._report("unmet", {"expect": words})
            raise
        self._heard_so_far = ""

    async def _leave(self) -> None:
        """Hear the answer to the last turn out, then hang up or stay."""
        if self._plan.after == "stay":
            return
        await self._await_quiet(self._plan.gap_ms * 2)
        self._hang_up()

    async def _hang_up_later(self, after_ms: int) -> None:
        await self._handset.wait(after_ms)
        self._hang_up()

    async def _say(self, text: str) -> None:
        pcm = await self._engines.speak(text, voice=self._plan.voice)
        self._report("far_said", {"text": text})
        await self._handset.say(pcm, text)

    async def _play(self, path: Path, pcm: Pcm) -> None:
        self._report("far_said", {"file": path.name})
        await self._handset.say(pcm)

    def _on_utterance(self, pcm: Pcm) -> None:
        if self._plan.transcribe:
            task = asyncio.create_task(self._transcribe(pcm, is_recorded=self._greeted.is_set()))
            self._transcripts.add(task)
            task.add_done_callback(self._transcripts.discard)

    async def _transcribe(self, pcm: Pcm, *, is_recorded: bool) -> None:
        text = await self._engines.words(pcm)
        if text:
            self._heard.put_nowait(text)
            recorded = {"recorded": True} if is_recorded else {}
            self._report("far_heard", {"text": text, "ms": len(pcm) // 16, **recorded})


async def _recording(path: Path) -> Pcm:
    return await asyncio.get_running_loop().run_in_executor(None, read_pcm, path)


def _plain(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


def _beep() -> Pcm:
    times_s = np.arange(SAMPLE_RATE_HZ * _BEEP_MS // 1000) / SAMPLE_RATE_HZ
    beep: Pcm = (np.sin(2 * np.pi * _BEEP_HZ * times_s) * _BEEP_PEAK * 32767).astype(np.int16)
    return beep
