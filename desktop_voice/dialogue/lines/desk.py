"""The desk line: this machine's microphone and speaker, kept alive and free of echo."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import numpy as np
import structlog

from desktop_voice.audio.devices import Device
from desktop_voice.audio.echo import EchoCanceller
from desktop_voice.audio.echo_presence import EchoPresence
from desktop_voice.audio.frames import SAMPLE_RATE_HZ, Frame, Framer, Pcm
from desktop_voice.audio.levels import FLOOR_DBFS, rms_dbfs
from desktop_voice.audio.resample import StreamResampler
from desktop_voice.audio.streams import SpeakerStream
from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.errors import AudioError, EngineError
from desktop_voice.core.settings import AudioSettings
from desktop_voice.dialogue.lines.desk_streams import OUTPUT_HZ, DeskOpener, DeskStreams, Opening
from desktop_voice.dialogue.lines.progress import Progress
from desktop_voice.speech.worker import DaemonWorker

_log = structlog.get_logger()

_CHECK_EVERY_S = 0.1
_RELAXED_MS = 80
_REOPEN_EVERY_S = 1.0
_OPEN_TIMEOUT_S = 8.0
_LOOK_EVERY_S = 5.0
_LONGEST_HANG_WAIT_S = 600.0
# Echo and room need this long to die away after the last sample.
_ECHO_TAIL_S = 0.3


class DeskLine:
    """This machine's microphone and speaker; used on the media loop.

    A stream whose callback is silent for half a second is opened again, on the chosen device or,
    if that is gone, on the system's default; what was still to be played goes on. Without any
    device the line stays up: nothing is heard, and what is played counts as played at once.
    """

    id = "desk"
    is_paced = True
    input_ended = False

    def __init__(self, settings: AudioSettings, bus: EventBus) -> None:
        self._settings = settings
        self._bus = bus
        self._worker = DaemonWorker("sound")
        self._opener = DeskOpener()
        self._streams = DeskStreams()
        self._muted = False
        self._closed = False
        self._reopen_wanted = True
        self._reopen_at_s = 0.0
        self._all_anew = False
        self._hang_wait_s = _REOPEN_EVERY_S
        self._look_at_s = 0.0
        self._looking: asyncio.Task[None] | None = None
        self._told: set[str] = set()
        self._known: list[str] = []
        self._wake = asyncio.Event()
        self._opened = asyncio.Event()
        self._progress = Progress()
        self._queued = 0
        self._played_before = 0
        self._closing: SpeakerStream | None = None
        self._gain = 1.0
        self._last_output_s = float("-inf")
        self._echo: EchoCanceller | None = None
        self._echo_failed = False
        self._echo_presence = EchoPresence()
        self._framer = Framer()
        self._reference_resampler = StreamResampler(OUTPUT_HZ, SAMPLE_RATE_HZ)
        self.output_level_dbfs = FLOOR_DBFS
        self.is_half_duplex = True
        self.is_relaxed = False
        self.frames_read = 0

    # --- input ---

    async def frames(self) -> AsyncIterator[Frame]:
        """Yield 20 ms frames, echo-free, until the line is closed."""
        loop = asyncio.get_running_loop()
        while not self._closed:
            await self._keep_open()
            self._wake.clear()
            microphone = self._streams.microphone
            if microphone is not None:
                batch_ms = _RELAXED_MS if self.is_relaxed else 0
                microphone.wake_at_samples = microphone.rate_hz * batch_ms // 1000
            if microphone is None or not len(microphone.ring):
                self._take_reference()
                with suppress(TimeoutError):
                    async with asyncio.timeout(_CHECK_EVERY_S):
                        await self._wake.wait()
                continue
            captured_s = min(microphone.last_callback_s, loop.time())
            chunks = self._framer.push(self._clean(microphone.ring.read()))
            for index, pcm in enumerate(chunks):
                behind = len(chunks) - 1 - index
                self.frames_read += 1
                yield Frame(pcm, captured_s - behind * len(pcm) / SAMPLE_RATE_HZ)

    def now(self) -> float:
        """Return the media loop's time in seconds."""
        return asyncio.get_running_loop().time()

    def _clean(self, captured: Pcm) -> Pcm:
        """Return captured samples without the speaker's echo."""
        self._take_reference()
        if self._echo is not None:
            # Always, also while nothing plays: a gap would cost the canceller its bearings.
            cleaned = self._echo.process(captured)
            self._echo_presence.push(self.output_level_dbfs, captured)
            return captured if self._echo_presence.is_absent else cleaned
        if self.now() - self._last_output_s < _ECHO_TAIL_S:
            # Half duplex: without a canceller the assistant would hear itself.
            return np.zeros_like(captured)
        return captured

    def _take_reference(self) -> None:
        """Hand what the speaker played to the canceller, every sample of it and in order."""
        speaker = self._streams.speaker
        if speaker is None:
            self.output_level_dbfs = FLOOR_DBFS
            return
        played = speaker.reference.read()
        if not len(played):
            return
        self.output_level_dbfs = rms_dbfs(played)
        if self.output_level_dbfs > FLOOR_DBFS:
            self._last_output_s = self.now()
        reference = self._reference_resampler.push(played)
        if self._echo is not None:
            self._echo.feed_reference(reference)

    # --- output ---

    @property
    def output_rate_hz(self) -> int:
        """The rate at which :meth:`play` takes samples."""
        return OUTPUT_HZ

    async def play(self, pcm: Pcm) -> None:
        """Queue samples; waits while the speaker's ring is full."""
        while len(pcm):
            await self._opened.wait()
            speaker = self._streams.speaker
            if speaker is None:
                self._queued += len(pcm)
                self._played_before += len(pcm)
                self._progress.advance(self.played_samples)
                return
            written = speaker.ring.write(pcm[: speaker.ring.free])
            self._queued += written
            pcm = pcm[written:]
            if len(pcm):
                # Or shorter: after a clear there is room again without anything being played.
                with suppress(TimeoutError):
                    await asyncio.wait_for(
                        self._progress.reached(self.played_samples + speaker.rate_hz // 4),
                        _CHECK_EVERY_S,
                    )

    @property
    def queued_samples(self) -> int:
        """Samples given to :meth:`play` so far."""
        return self._queued

    @property
    def played_samples(self) -> int:
        """How far playing has come."""
        speaker = self._streams.speaker or self._closing
        return self._played_before + (speaker.played if speaker else 0)

    async def reached(self, position: int) -> None:
        """Return when the sample at ``position`` was played or dropped."""
        await self._progress.reached(position)

    def clear(self) -> None:
        """Stop at once: within one block of 40 ms."""
        speaker = self._streams.speaker or self._closing
        if speaker is not None:
            speaker.clear()
        self._queued = self.played_samples
        self._progress.release()

    def set_gain(self, gain: float) -> None:
        """Play at ``gain`` times the user's volume."""
        self._gain = gain
        self._apply_gain()

    def _apply_gain(self) -> None:
        if self._streams.speaker is not None:
            self._streams.speaker.gain = self._gain * self._settings.volume_percent / 100

    # --- control ---

    @property
    def is_muted(self) -> bool:
        """Whether the microphone is closed by the user."""
        return self._muted

    @property
    def inputs(self) -> tuple[Device, ...]:
        """The microphones there were when the devices were last opened; from any thread."""
        return self._streams.inputs

    @property
    def outputs(self) -> tuple[Device, ...]:
        """The speakers there were when the devices were last opened; from any thread."""
        return self._streams.outputs

    @property
    def has_microphone(self) -> bool:
        """Whether a microphone is open."""
        return self._streams.microphone is not None

    async def set_muted(self, muted: bool) -> None:
        """Close the microphone for real, or open it again."""
        if muted == self._muted:
            return
        self._muted = muted
        if muted:
            await self._close_microphone()
            return
        self._opener.try_all_again()
        self._reopen_wanted = True
        self._reopen_at_s = 0.0
        self._wake.set()

    async def _close_microphone(self) -> None:
        microphone, self._streams.microphone = self._streams.microphone, None
        self._framer.clear()
        if microphone is not None:
            await self._worker.run(microphone.close)

    def apply(self, settings: AudioSettings) -> None:
        """Use other devices, volume or echo cancellation from now on."""
        before, self._settings = self._settings, settings
        if (settings.microphone, settings.speaker) != (before.microphone, before.speaker):
            self.reopen()
        if settings.echo_cancellation != before.echo_cancellation:
            self._echo_failed = False
            self._set_up_echo()
        self._apply_gain()

    def reopen(self) -> None:
        """Open the devices anew, as after a Retry."""
        self._told.clear()
        self._opener.try_all_again()
        self._all_anew = True
        self._reopen_wanted = True
        self._reopen_at_s = 0.0
        self._wake.set()

    async def close(self) -> None:
        """Close both devices; :meth:`frames` stops."""
        if self._closed:
            return
        self._closed = True
        if self._looking is not None:
            self._looking.cancel()
        self._wake.set()
        self._opened.set()
        self._progress.release()
        streams, self._streams = self._streams, DeskStreams()
        try:
            await asyncio.wait_for(self._worker.run(streams.close), _OPEN_TIMEOUT_S)
        except TimeoutError:
            _log.warning("the sound system does not answer while closing")
        self._worker.shut_down()

    # --- keeping the streams alive ---

    async def _keep_open(self) -> None:
        now_s = self.now()
        streams = self._streams
        if streams.microphone is not None and streams.microphone.is_dead:
            self._lost("microphone", streams.microphone.device.name)
        elif streams.speaker is not None and streams.speaker.is_dead:
            self._lost("speaker", streams.speaker.device.name)
        elif now_s >= self._look_at_s and not self._reopen_wanted:
            self._look_at_s = now_s + _LOOK_EVERY_S
            self._looking = asyncio.create_task(self._look(streams))
        if self._reopen_wanted and now_s >= self._reopen_at_s:
            await self._open_streams()

    def _lost(self, word: str, name: str) -> None:
        if not self._reopen_wanted:
            _log.warning("sound device stopped", device=word)
            self._bus.publish(
                ev.Notice(f"The {word} “{name}” stopped working.", "Looking for one that works.")
            )
        self._reopen_wanted = True

    async def _look(self, streams: DeskStreams) -> None:
        """Have the streams opened anew if other devices are there, or one is on the wrong one."""
        looking = self._worker.run(self._opener.differs, streams, self._settings)
        try:
            differs = await asyncio.wait_for(looking, _OPEN_TIMEOUT_S)
        except TimeoutError:
            # Whoever opens next finds out whether it hangs for good.
            differs = True
        if differs and streams is self._streams:
            self._reopen_wanted = True

    async def _open_streams(self) -> None:
        loop = asyncio.get_running_loop()
        self._opened.clear()
        # Whoever wants other devices while these are being opened sets it again.
        self._reopen_wanted = False
        all_anew, self._all_anew = self._all_anew, False
        old, self._streams = self._streams, DeskStreams()
        # It plays on until it is closed, in the worker, if it is.
        self._closing = old.speaker
        wants_microphone = not self._muted

        def wake() -> None:
            loop.call_soon_threadsafe(self._wake.set)

        def advance() -> None:
            loop.call_soon_threadsafe(self._advance)

        opening = Opening(
            old=old,
            settings=self._settings,
            all_anew=all_anew,
            wants_microphone=wants_microphone,
            on_samples=_notify(wake),
            on_played=_notify(advance),
            new=DeskStreams(),
            problems=[],
        )
        wait_s = _REOPEN_EVERY_S
        try:
            await asyncio.wait_for(self._worker.run(self._opener.open, opening), _OPEN_TIMEOUT_S)
            streams, problems = opening.new, opening.problems
            self._hang_wait_s = _REOPEN_EVERY_S
        except TimeoutError:
            # The call may hang for ever, or come back late with streams that nobody wants.
            threading.Thread(target=opening.give_up, name="sound-give-up", daemon=True).start()
            self._worker.shut_down()
            self._worker = DaemonWorker("sound")
            streams, problems = DeskStreams(), [_SOUND_SYSTEM_HANGS]
            wait_s = self._hang_wait_s
            self._hang_wait_s = min(2 * wait_s, _LONGEST_HANG_WAIT_S)
        except AudioError as error:
            streams, problems = DeskStreams(), [error]
        except Exception:  # noqa: BLE001 - the sound system may raise anything
            _log.exception("sound devices cannot be opened")
            streams, problems = DeskStreams(), [_SOUND_SYSTEM_HANGS]
        if self._closed:
            streams.close()
            return
        self._closing = None
        if old.speaker is not None and old.speaker is not streams.speaker:
            self._played_before += old.speaker.played
        self._streams = streams
        failed = bool(problems) or (streams.microphone is None and wants_microphone)
        if failed and not self._reopen_wanted:
            # Whoever wanted something meanwhile does not wait.
            self._reopen_wanted = True
            self._reopen_at_s = self.now() + wait_s
        self._look_at_s = self.now() + _LOOK_EVERY_S
        self._after_open(old, problems)
        if self._muted:
            # Muted while it was being opened.
            await self._close_microphone()

    def _after_open(self, old: DeskStreams, problems: list[AudioError]) -> None:
        streams = self._streams
        if streams.microphone is not old.microphone:
            self._framer.clear()
        if streams.speaker is None:
            self._queued = self.played_samples
            self._progress.release()
        elif streams.speaker is not old.speaker:
            self._reference_resampler = StreamResampler(OUTPUT_HZ, SAMPLE_RATE_HZ)
            if old.speaker is not None:
                streams.speaker.ring.write(old.speaker.rest())
        self._apply_gain()
        if self._echo is None:
            self._set_up_echo()
        self._tell(problems)
        self._advance()
        self._opened.set()

    def _tell(self, problems: list[AudioError]) -> None:
        for error in problems:
            if error.code not in self._told:
                self._bus.publish(ev.ErrorRaised.of(error))
        self._told = {error.code for error in problems}
        streams = self._streams
        names = [
            stream.device.name if stream is not None else ""
            for stream in (streams.microphone, streams.speaker)
        ]
        known = [*names, *(device.key for device in (*streams.inputs, *streams.outputs))]
        if known != self._known:
            self._known = known
            self._bus.publish(ev.DevicesChanged(microphone=names[0], speaker=names[1]))

    def _set_up_echo(self) -> None:
        if not self._settings.echo_cancellation:
            self._echo = None
        elif self._echo is None and not self._echo_failed:
            try:
                self._echo = EchoCanceller()
            except EngineError as error:
                self._echo_failed = True
                self._bus.publish(ev.Notice(error.what, error.do))
        self.is_half_duplex = self._echo is None

    def _advance(self) -> None:
        self._progress.advance(self.played_samples)


_SOUND_SYSTEM_HANGS = AudioError(
    "AUDIO-05",
    "The sound system does not answer.",
    "Restart the sound service (on Linux PulseAudio or PipeWire) or this app. Until then you can "
    "type.",
    retryable=True,
)


def _notify(wake: Callable[[], None]) -> Callable[[], None]:
    """Return ``wake`` made safe for a callback that may outlive the loop."""

    def safe() -> None:
        try:
            wake()
        except RuntimeError:
            return

    return safe
