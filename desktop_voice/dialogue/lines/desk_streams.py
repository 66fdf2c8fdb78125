"""Opens and closes the desk's microphone and speaker; everything here may block."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from desktop_voice.audio.devices import Device, Direction, find_device, list_devices
from desktop_voice.audio.streams import MicrophoneStream, SpeakerStream
from desktop_voice.core.errors import AudioError
from desktop_voice.core.settings import AudioSettings

OUTPUT_HZ = 24_000
_FIRST_WAIT_S = 1.0
# With PulseAudio every failure costs the sound server one of its 64 connections, until we end.
_LONGEST_WAIT_S = 600.0 if sys.platform == "linux" else 10.0

_S = TypeVar("_S", MicrophoneStream, SpeakerStream)


@dataclass(slots=True)
class DeskStreams:
    """What is open, and what could be chosen."""

    microphone: MicrophoneStream | None = None
    speaker: SpeakerStream | None = None
    inputs: tuple[Device, ...] = ()
    outputs: tuple[Device, ...] = ()

    def close(self) -> None:
        """Close both; may be called twice, from any thread."""
        for stream in (self.microphone, self.speaker):
            if stream is not None:
                stream.close()


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A device that could not be opened, and when it may be tried again."""

    device: Device
    present: tuple[Device, ...]
    error: AudioError
    wait_s: float
    until_s: float


@dataclass(slots=True)
class Opening:
    """One look at the devices: what was open, what is to be opened, and what came of it.

    Attributes:
        old: What was open; what is not used any more is closed.
        settings: The devices that were chosen.
        all_anew: Keep nothing.
        wants_microphone: False while the user has muted it.
        on_samples: As :class:`MicrophoneStream`.
        on_played: As :class:`SpeakerStream`.
        new: What is open now.
        problems: Why something is not.
    """

    old: DeskStreams
    settings: AudioSettings
    all_anew: bool
    wants_microphone: bool
    on_samples: Callable[[], None]
    on_played: Callable[[], None]
    new: DeskStreams
    problems: list[AudioError]
    _is_given_up: bool = False

    def give_up(self) -> None:
        """Close everything, also what a call that hangs may still open; any thread, may block."""
        self._is_given_up = True
        self.close_all()

    def close_all(self) -> None:
        """Close what was open and what is."""
        self.old.close()
        self.new.close()

    @property
    def is_given_up(self) -> bool:
        """Whether nobody takes the result any more."""
        return self._is_given_up


class DeskOpener:
    """Opens the devices that are wanted, and remembers which could not be opened.

    Such a one is tried again when the devices change, and else ever more rarely.
    """

    def __init__(self) -> None:
        self._refusals: dict[Direction, _Refusal] = {}

    def try_all_again(self) -> None:
        """Forget what could not be opened; from any thread."""
        self._refusals.clear()

    def open(self, opening: Opening) -> None:
        """Look which devices there are, and open both directions; in one thread at a time.

        What works on the right device stays open: a search for the microphone must not be heard.
        """
        is_done = False
        try:
            self._open(opening)
            is_done = not opening.is_given_up
        finally:
            if not is_done:
                opening.close_all()

    def differs(self, streams: DeskStreams, settings: AudioSettings) -> bool:
        """Return whether there are other devices by now, or a stream is not on the right one.

        PulseAudio moves a stream whose microphone is pulled out to what the speaker plays, and
        never says so.
        """
        listed = list_devices()
        if (streams.inputs, streams.outputs) != (listed["input"], listed["output"]):
            return True
        speaker, microphone = streams.speaker, streams.microphone
        try:
            return (
                speaker is not None and speaker.device != find_device("output", settings.speaker)
            ) or (
                microphone is not None
                and microphone.device != find_device("input", settings.microphone)
            )
        except AudioError:
            return True

    def _open(self, opening: Opening) -> None:
        old, new, settings = opening.old, opening.new, opening.settings
        listed = list_devices()
        new.inputs, new.outputs = listed["input"], listed["output"]

        def opened(
            stream: _S | None, direction: Direction, chosen: str, start: Callable[[Device], _S]
        ) -> _S | None:
            if opening.is_given_up:
                return None
            try:
                device = find_device(direction, chosen)
                if stream is not None:
                    if stream.device == device and not stream.is_dead and not opening.all_anew:
                        return stream
                    stream.close()
                return self._start(direction, device, listed[direction], start)
            except AudioError as error:
                opening.problems.append(error)
                if stream is not None:
                    stream.close()
                return None

        new.speaker = opened(
            old.speaker,
            "output",
            settings.speaker,
            lambda device: SpeakerStream(device, OUTPUT_HZ, opening.on_played),
        )
        if opening.wants_microphone:
            new.microphone = opened(
                old.microphone,
                "input",
                settings.microphone,
                lambda device: MicrophoneStream(device, opening.on_samples),
            )
        elif old.microphone is not None:
            old.microphone.close()

    def _start(
        self,
        direction: Direction,
        device: Device,
        present: tuple[Device, ...],
        start: Callable[[Device], _S],
    ) -> _S:
        last = self._refusals.get(direction)
        if last is not None and (last.device, last.present) != (device, present):
            last = None
        if last is not None and time.monotonic() < last.until_s:
            raise _told_again(last.error)
        try:
            stream = start(device)
        except AudioError as error:
            wait_s = _FIRST_WAIT_S if last is None else min(2 * last.wait_s, _LONGEST_WAIT_S)
            until_s = time.monotonic() + wait_s
            self._refusals[direction] = _Refusal(
                device, present, _told_again(error), wait_s, until_s
            )
            raise
        self._refusals.pop(direction, None)
        return stream


def _told_again(error: AudioError) -> AudioError:
    """Return a copy that holds no traceback: one that is raised every second would grow."""
    return AudioError(error.code, error.what, error.do, retryable=error.retryable)
