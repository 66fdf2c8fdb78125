"""The desk assistant: puts line, engines, brain and loop together, and obeys the interface."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path

import numpy as np
import structlog

from desktop_voice.agent.alarms import Alarm, Alarms
from desktop_voice.agent.brain import Brain
from desktop_voice.agent.discovery import find_local_models
from desktop_voice.agent.intents.timers import announcement
from desktop_voice.agent.reply import Action, Call, ChangeVolume, SetMuted, SetVolume
from desktop_voice.audio.devices import Direction, list_devices
from desktop_voice.audio.frames import SAMPLE_RATE_HZ, Frame
from desktop_voice.audio.levels import FLOOR_DBFS, rms_dbfs
from desktop_voice.audio.resample import resample
from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.clock import Clock
from desktop_voice.core.engines import Role
from desktop_voice.core.errors import AudioError, DesktopVoiceError
from desktop_voice.core.ports import DeviceChoice, EngineChoice
from desktop_voice.core.settings import Settings, SpeechSettings
from desktop_voice.core.states import AssistantState
from desktop_voice.desk.engines import DeafVad, EngineRoom
from desktop_voice.desk.loop import DeskLoop
from desktop_voice.dialogue.cascading import CascadingPipeline
from desktop_voice.dialogue.completeness import PLAUSIBLE, SURE, UNSURE, completeness
from desktop_voice.dialogue.ear import Ear
from desktop_voice.dialogue.lines.desk import DeskLine
from desktop_voice.dialogue.lines.line import Line
from desktop_voice.dialogue.mouth import Fragment, Mouth, Speech
from desktop_voice.speech import registry

_log = structlog.get_logger()

_SILENT_MICROPHONE_DBFS = -75.0
_NO_CHOICES: tuple[EngineChoice, ...] = ()


class DeskAssistant:
    """Implements :class:`~desktop_voice.core.ports.AssistantControl`.

    ``run`` and ``close`` belong to the media loop; everything else may be called from any thread.
    """

    def __init__(
        self,
        settings: Settings,
        bus: EventBus,
        clock: Clock,
        alarms_file: Path,
        make_line: Callable[[], Line] | None = None,
        *,
        needs_wake: bool = True,
    ) -> None:
        self._needs_wake = needs_wake
        self._settings = settings
        self._bus = bus
        self._clock = clock
        self._alarms_file = alarms_file
        self._make_line = make_line or (lambda: DeskLine(settings.audio, bus))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._room = EngineRoom()
        self._busy = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._line: Line | None = None
        self._desk: DeskLoop | None = None
        self._brain: Brain | None = None
        self._pipeline: CascadingPipeline | None = None
        self._mouth: Mouth | None = None
        self._voices = _NO_CHOICES
        self._wake_words = _NO_CHOICES
        self._is_muted = False
        self._pending: list[Callable[[], None]] = []

    # --- life ---

    async def run(self) -> None:
        """Load everything and serve until :meth:`close`; never raises for a missing part."""
        self._loop = asyncio.get_running_loop()
        self._line = line = self._make_line()
        self._desk = desk = DeskLoop(line, self._bus, self._settings, needs_wake=self._needs_wake)
        alarms = Alarms(self._alarms_file, clock=self._clock)
        self._brain = Brain(self._settings.model, clock=self._clock, alarms=alarms)
        self._spawn(self._warm_up(self._brain))
        self._spawn(alarms.run(lambda alarm: self._on_alarm(alarms, alarm)))
        self._spawn(self._obey_actions(desk))
        # A microphone is opened while the engines load; a recording must not run away meanwhile.
        reading = self._spawn(desk.run()) if isinstance(line, DeskLine) else None
        await self._load(None)
        if not self._settings.model.base_url:
            self._spawn(self._look_for_models())
        for command in self._pending:
            command()
        self._pending.clear()
        await (reading or self._spawn(desk.run()))

    async def close(self) -> None:
        """End the conversation, close the devices, free the engines."""
        if self._desk is not None:
            self._desk.shut_down()
        if self._pipeline is not None:
            await self._pipeline.close()
        if self._line is not None:
            await self._line.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._brain is not None:
            await self._brain.close()
        await self._room.close()

    @property
    def desk(self) -> DeskLoop | None:
        """The running loop; None before :meth:`run`. For the media loop only."""
        return self._desk

    # --- AssistantControl ---

    @property
    def state(self) -> AssistantState:
        """The state last published."""
        return self._desk.state if self._desk else AssistantState.OFF

    @property
    def is_muted(self) -> bool:
        """Whether the microphone is closed by the user."""
        return self._is_muted

    def press_talk(self) -> None:
        """The push-to-talk key went down."""
        self._post(lambda desk: desk.press_talk())

    def release_talk(self) -> None:
        """The push-to-talk key went up."""
        self._post(lambda desk: self._start_task(desk.release_talk()))

    def toggle_talk(self) -> None:
        """One tap of the push-to-talk key."""
        self.press_talk()
        self.release_talk()

    def stop_reply(self) -> None:
        """End the reply, or the listening, at once."""
        self._post(lambda desk: desk.stop())

    def set_muted(self, muted: bool) -> None:
        """Close (or open) the microphone for real."""
        self._post(lambda desk: self._start_task(self._mute(desk, muted)))

    def submit_text(self, text: str) -> None:
        """A typed line: a turn like any other."""
        self._post(lambda desk: desk.submit(text))

    def apply_settings(self, settings: Settings) -> None:
        """Use ``settings`` from now on, without a restart."""
        self._post(lambda _desk: self._start_task(self._apply(settings)))

    def preview_voice(self, text: str, voice: str, rate_wpm: int) -> None:
        """Speak ``text`` with a voice that is not chosen yet."""
        speech = self._settings.speech.model_copy(update={"voice": voice, "rate_wpm": rate_wpm})
        self._post(lambda desk: self._start_task(self._preview(desk, text, speech)))

    def check_microphone(self, seconds: float) -> None:
        """Record for ``seconds``, then play it back."""
        self._post(lambda desk: self._start_task(self._check_microphone(desk, seconds)))

    def retry(self) -> None:
        """Load the engines and open the devices again."""
        self._post(lambda _desk: self._start_task(self._retry()))

    def microphones(self) -> list[DeviceChoice]:
        """Input devices, the system's default first."""
        return _device_choices("input")

    def speakers(self) -> list[DeviceChoice]:
        """Output devices, the system's default first."""
        return _device_choices("output")

    def voices(self) -> list[EngineChoice]:
        """Voices of the current text-to-speech engine."""
        return list(self._voices)

    def wake_words(self) -> list[EngineChoice]:
        """Wake words of the current wake-word engine."""
        return list(self._wake_words)

    def engines(self, role: str) -> list[EngineChoice]:
        """Registered engines of ``role``."""
        roles: dict[str, Role] = {"wake": "wake", "vad": "vad", "stt": "stt", "tts": "tts"}
        return [
            EngineChoice(key, info.name, f"{info.licence} · {info.size_mb:g} MB")
            for key, info in registry.available(roles[role]).items()
        ]

    # --- set-up ---

    async def _load(self, previous: Settings | None) -> None:
        """Load engines and build the conversation around them."""
        desk, line, brain = self._desk, self._line, self._brain
        if desk is None or line is None or brain is None:
            return
        settings = self._settings
        engines = await self._room.load(settings, previous)
        for error in engines.problems:
            self._bus.publish(ev.ErrorRaised.of(error))
        if engines.tts is not None:
            self._voices = tuple(
                EngineChoice(voice.key, voice.name, voice.language)
                for voice in engines.tts.voices()
            )
        if engines.wake is not None:
            self._wake_words = tuple(
                EngineChoice(phrase.key, phrase.words) for phrase in engines.wake.known_phrases()
            )
        if self._pipeline is None or previous is None or _needs_new_ear(previous, settings):
            if self._pipeline is not None:
                await self._pipeline.close()
            self._pipeline = self._build(line, brain, desk)
        if self._mouth is not None:
            self._mouth.apply(settings.speech, engines.tts)
        desk.use(self._pipeline, engines.wake)
        if not engines.can_hear:
            desk.fail()
        elif desk.state in (AssistantState.OFF, AssistantState.FAULT):
            desk.start()
        names = (
            ("wake", settings.wake.engine),
            ("vad", settings.speech.vad_engine),
            ("stt", settings.speech.stt_engine),
            ("tts", settings.speech.tts_engine),
        )
        self._bus.publish(ev.EnginesReady(names))

    def _build(self, line: Line, brain: Brain, desk: DeskLoop) -> CascadingPipeline:
        engines, settings = self._room.engines, self._settings
        ear = Ear(
            engines.vad if engines.vad is not None and engines.can_hear else DeafVad(),
            self._room.transcribe,
            self._completeness,
            settings.turns,
            is_paced=line.is_paced,
        )
        self._mouth = Mouth(
            line,
            engines.tts,
            self._room.tts_worker,
            settings.speech,
            now=asyncio.get_running_loop().time,
        )
        return CascadingPipeline(line, ear, self._mouth, brain, self._bus, desk, settings.turns)

    def _completeness(self, text: str) -> float:
        """Words and intents together: a closed command is surely over, an open one is not."""
        match = self._brain.recognise(text) if self._brain else None
        if match is None:
            return completeness(text)
        return min(completeness(text), UNSURE, PLAUSIBLE) if match.is_open_ended else SURE

    async def _warm_up(self, brain: Brain) -> None:
        try:
            await brain.warm_up()
        except DesktopVoiceError as error:
            self._bus.publish(ev.ErrorRaised.of(error))

    async def _look_for_models(self) -> None:
        for server in await find_local_models():
            self._bus.publish(ev.ModelFound(server.name, server.base_url, server.models))

    # --- commands, on the media loop ---

    async def _mute(self, desk: DeskLoop, muted: bool) -> None:
        self._is_muted = muted
        if isinstance(self._line, DeskLine):
            await self._line.set_muted(muted)
        desk.set_muted(muted)

    async def _apply(self, settings: Settings) -> None:
        async with self._busy:
            previous, self._settings = self._settings, settings
            if self._desk is not None:
                self._desk.apply(settings)
            if isinstance(self._line, DeskLine):
                self._line.apply(settings.audio)
            if self._brain is not None and settings.model != previous.model:
                self._brain.apply(settings.model)
            if self._pipeline is not None:
                self._pipeline.apply(settings.turns)
            if (settings.speech, settings.wake) != (previous.speech, previous.wake):
                await self._load(previous)

    async def _retry(self) -> None:
        async with self._busy:
            if isinstance(self._line, DeskLine):
                self._line.reopen()
            if self._room.engines.problems or not self._room.engines.can_hear:
                await self._load(None)

    async def _preview(self, desk: DeskLoop, text: str, speech: SpeechSettings) -> None:
        if self._line is None:
            return
        desk.stop()
        mouth = Mouth(
            self._line,
            self._room.engines.tts,
            self._room.tts_worker,
            speech,
            now=asyncio.get_running_loop().time,
        )

        async def fragments() -> AsyncIterator[Fragment]:
            yield Fragment(text)

        await mouth.speak(fragments(), Speech(), _PreviewObserver(self._bus))

    async def _check_microphone(self, desk: DeskLoop, seconds: float) -> None:
        line = self._line
        if line is None or desk.on_frame is not None:
            return
        desk.stop()
        frames: list[Frame] = []
        enough = asyncio.Event()

        def keep(frame: Frame) -> None:
            frames.append(frame)
            if len(frames) * len(frame.pcm) >= seconds * SAMPLE_RATE_HZ:
                enough.set()

        desk.on_frame = keep
        try:
            await asyncio.wait_for(enough.wait(), seconds + 3.0)
        except TimeoutError:
            _log.warning("microphone check got too few frames", frames=len(frames))
        finally:
            desk.on_frame = None
        peak_dbfs = max((rms_dbfs(frame.pcm) for frame in frames), default=FLOOR_DBFS)
        self._bus.publish(ev.MicrophoneChecked(peak_dbfs, peak_dbfs > _SILENT_MICROPHONE_DBFS))
        if frames:
            pcm = np.concatenate([frame.pcm for frame in frames])
            await line.play(resample(pcm, SAMPLE_RATE_HZ, line.output_rate_hz))

    # --- what comes back ---

    def _on_alarm(self, alarms: Alarms, alarm: Alarm) -> None:
        text = announcement(alarm, is_late=alarms.is_late(alarm))
        self._bus.publish(ev.AlarmRang(text))
        if self._desk is not None:
            self._desk.announce(text)

    async def _obey_actions(self, desk: DeskLoop) -> None:
        while True:
            await desk.changed.wait()
            desk.changed.clear()
            for action in desk.take_actions():
                await self._obey(desk, action)

    async def _obey(self, desk: DeskLoop, action: Action) -> None:
        match action:
            case SetMuted(muted):
                await self._mute(desk, muted)
            case SetVolume(percent):
                await self._set_volume(percent)
            case ChangeVolume(delta_percent):
                await self._set_volume(self._settings.audio.volume_percent + delta_percent)
            case Call(callee):
                self._bus.publish(ev.CallRequested("desk", callee))
            case _:
                _log.warning("action not known", action=type(action).__name__)

    async def _set_volume(self, percent: int) -> None:
        percent = min(100, max(0, percent))
        await self._apply(self._settings.with_value("audio", "volume_percent", percent))
        self._bus.publish(ev.SettingChanged("audio", "volume_percent", percent))

    # --- threads and tasks ---

    def _post(self, command: Callable[[DeskLoop], None]) -> None:
        """Run ``command`` on the media loop; before the engines are up, once they are."""

        def run() -> None:
            desk = self._desk
            if desk is None or desk.state is AssistantState.OFF:
                self._pending.append(run)
                return
            command(desk)

        if self._loop is None:
            self._pending.append(run)
            return
        try:
            self._loop.call_soon_threadsafe(run)
        except RuntimeError:
            _log.debug("command after the media loop ended")

    def _start_task(self, coroutine: Coroutine[None, None, None]) -> None:
        self._spawn(coroutine)

    def _spawn(self, coroutine: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)
        return task

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or task.exception() is None:
            return
        error = task.exception()
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


def _needs_new_ear(previous: Settings, settings: Settings) -> bool:
    return (previous.speech.vad_engine, previous.speech.stt_engine) != (
        settings.speech.vad_engine,
        settings.speech.stt_engine,
    )


def _device_choices(direction: Direction) -> list[DeviceChoice]:
    default = DeviceChoice("", "System default")
    try:
        devices = list_devices(direction)
    except AudioError:
        return [default]
    return [default, *(DeviceChoice(device.key, device.name) for device in devices)]
