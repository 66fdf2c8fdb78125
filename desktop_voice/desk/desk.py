"""The desk: line, engines, brain and loop put together, on the media loop."""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Coroutine,
    Iterable,
    Mapping,
)
from contextlib import aclosing
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import structlog

from desktop_voice.agent.alarms import Alarm, Alarms
from desktop_voice.agent.brain import Brain, KeySource
from desktop_voice.agent.discovery import find_local_models
from desktop_voice.agent.history import History
from desktop_voice.agent.intents.call import CONFIRM
from desktop_voice.agent.intents.timers import announcement
from desktop_voice.agent.manner import DESK
from desktop_voice.agent.phone_setup.talk import SetUpTalk
from desktop_voice.agent.reply import (
    Action,
    Call,
    ChangeVolume,
    Do,
    HangUpCalls,
    ReplyPart,
    Say,
    SetMuted,
    SetVolume,
)
from desktop_voice.audio.devices import Device
from desktop_voice.audio.frames import SAMPLE_RATE_HZ, Frame
from desktop_voice.audio.levels import FLOOR_DBFS, rms_dbfs
from desktop_voice.audio.resample import resample
from desktop_voice.audio.vad import VoiceActivityDetector
from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.clock import Clock
from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.core.ports import DeviceChoice, EngineChoice
from desktop_voice.core.settings import Settings
from desktop_voice.core.states import AssistantState
from desktop_voice.desk.asked_calls import AskedCalls
from desktop_voice.desk.callee_question import CalleeQuestion
from desktop_voice.desk.loop import DeskLoop
from desktop_voice.dialogue.cascading import CascadingPipeline
from desktop_voice.dialogue.completeness import with_intents
from desktop_voice.dialogue.ear import Ear
from desktop_voice.dialogue.fragments import Fragment
from desktop_voice.dialogue.lines.desk import DeskLine
from desktop_voice.dialogue.lines.line import Line
from desktop_voice.dialogue.mouth import Mouth, Speech
from desktop_voice.speech.engine_room import DeafVad, EngineRoom
from desktop_voice.speech.stt.recogniser import SpeechToText
from desktop_voice.storage.vault_secrets import stored_key

_log = structlog.get_logger()

_SILENT_MICROPHONE_DBFS = -75.0
_READ_AGAIN_AFTER_S = 1.0


class Desk:
    """Everything behind the desk assistant; used on the media loop only.

    A missing or broken part never raises here: it is told on the bus, and the rest goes on.
    """

    def __init__(
        self,
        settings: Settings,
        bus: EventBus,
        clock: Clock,
        alarms_file: Path,
        line: Line,
        *,
        needs_wake: bool,
        key_source: KeySource | None = None,
        refused: Mapping[str, str] | None = None,
    ) -> None:
        self._settings = settings
        self._bus = bus
        self._line = line
        self.loop = DeskLoop(line, bus, settings, needs_wake=needs_wake)
        self.voices: tuple[EngineChoice, ...] = ()
        self.wake_words: tuple[EngineChoice, ...] = ()
        self._alarms = Alarms(alarms_file, clock=clock)
        self.manner = replace(DESK, refused=refused or {})
        """How the owner is answered; another one holds from the next turn on."""
        self.brain = Brain(
            settings.model,
            clock=clock,
            alarms=self._alarms,
            key_source=key_source or cache(stored_key),
        )
        self.phone_setup = SetUpTalk(self.brain.recognise, lambda: self.brain.has_model, clock)
        """Answers before the brain what is about setting the phone up."""
        self.room = EngineRoom()
        self._busy = asyncio.Lock()
        self._muting = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._history = History()
        self._sample: asyncio.Task[None] | None = None
        self._pipeline: CascadingPipeline | None = None
        self._mouth: Mouth | None = None
        self._hearing: tuple[VoiceActivityDetector | None, SpeechToText | None] = (None, None)
        self._unsubscribe = [
            bus.on(ev.DevicesChanged, self._on_devices),
            bus.on(ev.CallRefused, self._on_call_refused),
        ]
        self._callee = CalleeQuestion()
        self._asked_calls = AskedCalls(bus, self._on_call_over)

    @property
    def has_alarms(self) -> bool:
        """Whether a timer, an alarm or a reminder is still to ring."""
        return bool(self._alarms.pending())

    @property
    def microphones(self) -> list[DeviceChoice]:
        """Input devices, the system's default first; from any thread."""
        line = self._line
        return _choices(line.inputs if isinstance(line, DeskLine) else ())

    @property
    def speakers(self) -> list[DeviceChoice]:
        """Output devices, the system's default first; from any thread."""
        line = self._line
        return _choices(line.outputs if isinstance(line, DeskLine) else ())

    # --- life ---

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Load everything, call ``on_ready``, and serve until the line ends."""
        self.spawn(self._warm_up())
        self.spawn(self._alarms.run(self._on_alarm))
        self.spawn(self._obey_actions())
        # A microphone is opened while the engines load; a recording must not run away meanwhile.
        reading = self.spawn(self._keep_reading()) if isinstance(self._line, DeskLine) else None
        async with self._busy:
            await self._load(None)
        if not self._settings.model.base_url:
            self.spawn(self._look_for_models())
        on_ready()
        await (reading or self.spawn(self.loop.run()))

    async def _keep_reading(self) -> None:
        """Read the sound card for as long as it is open: no defect may leave a dead loop behind."""
        while True:
            try:
                await self.loop.run()
            except Exception as error:  # noqa: BLE001 - told, and tried again
                self._tell(error)
                await asyncio.sleep(_READ_AGAIN_AFTER_S)
            else:
                return

    async def close(self) -> None:
        """End the conversation, close the devices, free the engines."""
        for end in self._unsubscribe:
            end()
        self._asked_calls.close()
        self.loop.shut_down()
        if self._pipeline is not None:
            await self._pipeline.close()
        await self._line.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.brain.close()
        await self.room.close()

    def spawn(self, coroutine: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Run ``coroutine`` beside the conversation; what it raises is told on the bus."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)
        return task

    async def answer(self, text: str, history: History) -> AsyncGenerator[ReplyPart, None]:
        """Answer the owner, with the tools that the desk was given."""
        await self.brain.ready()
        call = self._callee.answered_by(text)
        if call is not None:
            yield Do(call)
            yield Say(CONFIRM)
            return
        manner = replace(self.manner, instructions=self._asked_calls.instructions)
        reply = self.phone_setup.answer(text, lambda: self.brain.answer(text, history, manner))
        async with aclosing(reply) as parts:
            async for part in parts:
                yield part

    # --- set-up ---

    async def _load(self, previous: Settings | None) -> None:
        """Load engines and build the conversation around them."""
        settings = self._settings
        engines = await self.room.load(settings, previous)
        for error in engines.problems:
            self._bus.publish(ev.ErrorRaised.of(error))
        if engines.tts is not None:
            self.voices = tuple(
                EngineChoice(voice.key, voice.name, voice.language)
                for voice in engines.tts.voices()
            )
        if engines.wake is not None:
            self.wake_words = tuple(
                EngineChoice(phrase.key, phrase.words) for phrase in engines.wake.known_phrases()
            )
        hearing = (engines.vad, engines.stt)
        if self._pipeline is None or hearing != self._hearing:
            if self._pipeline is not None:
                await self._pipeline.close()
            self._hearing = hearing
            self._pipeline = self._build()
        if self._mouth is not None:
            self._mouth.apply(settings.speech, engines.tts)
        self.loop.use(self._pipeline, engines.wake)
        if not engines.can_hear:
            self.loop.fail()
        elif self.loop.state in (AssistantState.OFF, AssistantState.FAULT):
            self.loop.start()
        names = (
            ("wake", settings.wake.engine),
            ("vad", settings.speech.vad_engine),
            ("stt", settings.speech.stt_engine),
            ("tts", settings.speech.tts_engine),
        )
        self._bus.publish(ev.EnginesReady(names))

    def _build(self) -> CascadingPipeline:
        engines, settings, line = self.room.engines, self._settings, self._line
        ear = Ear(
            engines.vad if engines.vad is not None and engines.can_hear else DeafVad(),
            self.room.transcribe,
            with_intents(self.brain.recognise),
            settings.turns,
            is_paced=line.is_paced,
        )
        self._mouth = self._new_mouth(settings)
        return CascadingPipeline(
            line,
            ear,
            self._mouth,
            self,
            self._bus,
            self.loop,
            settings.turns,
            self._history,
            words=self.phone_setup,
        )

    def _new_mouth(self, settings: Settings) -> Mouth:
        return Mouth(
            self._line,
            self.room.engines.tts,
            self.room.tts_worker,
            settings.speech,
            now=asyncio.get_running_loop().time,
        )

    async def _warm_up(self) -> None:
        await self.brain.warm_up()

    async def _look_for_models(self) -> None:
        for server in await find_local_models():
            self._bus.publish(ev.ModelFound(server.name, server.base_url, server.models))

    # --- commands ---

    def stop(self) -> None:
        """Esc: end the reply, the listening, or a sample that is being played, at once."""
        sample, self._sample = self._sample, None
        if sample is not None:
            sample.cancel()
            self._line.clear()
        self.loop.stop()

    async def mute(self, muted: bool) -> None:
        """Close (or open) the microphone for real."""
        async with self._muting:
            if isinstance(self._line, DeskLine):
                await self._line.set_muted(muted)
            self.loop.set_muted(muted)

    async def apply(self, settings: Settings) -> None:
        """Use ``settings`` from now on."""
        async with self._busy:
            previous, self._settings = self._settings, settings
            self.loop.apply(settings)
            if isinstance(self._line, DeskLine):
                self._line.apply(settings.audio)
            if settings.model != previous.model:
                self.brain.apply(settings.model)
            if self._pipeline is not None and settings.turns != previous.turns:
                self._pipeline.apply(settings.turns)
            if (settings.speech, settings.wake) != (previous.speech, previous.wake):
                await self._load(previous)

    async def retry(self) -> None:
        """Open the devices again, and load again what could not be loaded."""
        async with self._busy:
            if isinstance(self._line, DeskLine):
                self._line.reopen()
            await self._load(self._settings)

    async def preview(self, text: str, voice: str, rate_wpm: int) -> None:
        """Speak ``text`` with a voice that is not chosen yet."""
        self.stop()
        self._sample = asyncio.current_task()
        speech = self._settings.speech.model_copy(update={"voice": voice, "rate_wpm": rate_wpm})
        mouth = self._new_mouth(self._settings.model_copy(update={"speech": speech}))

        async def fragments() -> AsyncIterator[Fragment]:
            yield Fragment(text)

        await mouth.speak(fragments(), Speech(), _PreviewObserver(self._bus))

    async def check_microphone(self, seconds: float) -> None:
        """Record for ``seconds``, say how loud it was, and play it back."""
        if self.loop.on_frame is not None:
            return
        self.stop()
        self._sample = asyncio.current_task()
        frames: list[Frame] = []
        enough = asyncio.Event()

        def keep(frame: Frame) -> None:
            frames.append(frame)
            if len(frames) * len(frame.pcm) >= seconds * SAMPLE_RATE_HZ:
                enough.set()

        self.loop.on_frame = keep
        try:
            await asyncio.wait_for(enough.wait(), seconds + 3.0)
        except TimeoutError:
            _log.warning("microphone check got too few frames", frames=len(frames))
        finally:
            self.loop.on_frame = None
        peak_dbfs = max((rms_dbfs(frame.pcm) for frame in frames), default=FLOOR_DBFS)
        self._bus.publish(ev.MicrophoneChecked(peak_dbfs, peak_dbfs > _SILENT_MICROPHONE_DBFS))
        if frames:
            pcm = np.concatenate([frame.pcm for frame in frames])
            await self._line.play(resample(pcm, SAMPLE_RATE_HZ, self._line.output_rate_hz))

    # --- what comes back ---

    def _on_devices(self, event: ev.DevicesChanged) -> None:
        self.loop.set_microphone(is_there=bool(event.microphone))

    def _on_alarm(self, alarm: Alarm) -> None:
        text = announcement(alarm, is_late=self._alarms.is_late(alarm))
        self._bus.publish(ev.AlarmRang(text))
        self.loop.announce(text)

    def _on_call_refused(self, event: ev.CallRefused) -> None:
        if event.line == self._line.id:
            # The reply has said that the user will be asked.
            self.loop.announce(f"I cannot place that call. {event.what} {event.do}")

    def _on_call_over(self, line: str) -> None:
        self._bus.publish(ev.Notice(line))
        self.loop.announce(line)

    async def _obey_actions(self) -> None:
        while True:
            await self.loop.changed.wait()
            self.loop.changed.clear()
            for action in self.loop.take_actions():
                try:
                    await self._obey(action)
                except Exception as error:  # noqa: BLE001 - told; the next one is still obeyed
                    self._tell(error)

    async def _obey(self, action: Action) -> None:
        match action:
            case SetMuted(muted):
                await self.mute(muted)
            case SetVolume(percent):
                await self._set_volume(percent)
            case ChangeVolume(delta_percent):
                await self._set_volume(self._settings.audio.volume_percent + delta_percent)
            case Call(callee, message, is_conversation):
                self._callee.asked_for(action)
                self._bus.publish(ev.CallRequested(self._line.id, callee, message, is_conversation))
            case HangUpCalls():
                self._bus.publish(ev.HangUpRequested(self._line.id))
            case _:
                _log.warning("action not known", action=type(action).__name__)

    async def _set_volume(self, percent: int) -> None:
        percent = min(100, max(0, percent))
        await self.apply(self._settings.with_value("audio", "volume_percent", percent))
        self._bus.publish(ev.SettingChanged("audio", "volume_percent", percent))

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._tell(error)

    def _tell(self, error: BaseException) -> None:
        _log.error("desk task failed", exc_info=error)
        if isinstance(error, DesktopVoiceError):
            self._bus.publish(ev.ErrorRaised.of(error))
            return
        self._bus.publish(
            ev.ErrorRaised(
                "DESK-01",
                f"Something failed unexpectedly ({type(error).__name__}).",
                "Press Retry; if it happens again, see the log.",
                retryable=True,
            )
        )


class _PreviewObserver:
    """Hands a voice preview's problem to the interface; the rest is only heard."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus

    def on_clause(self, text: str) -> None:
        """Nothing to show."""

    def on_begin(self) -> None:
        """Nothing to show."""

    def on_problem(self, error: DesktopVoiceError) -> None:
        """Tell what is wrong with the voice."""
        self._bus.publish(ev.ErrorRaised.of(error))


def _choices(devices: Iterable[Device]) -> list[DeviceChoice]:
    default = DeviceChoice("", "System default")
    return [default, *(DeviceChoice(device.key, device.name) for device in devices)]
