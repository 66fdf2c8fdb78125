"""Opens and closes the desk's microphone and speaker; everything here may block."""

from __future__ import annotations

import threading
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
_LONGEST_WAIT_S = 600.0

_S = TypeVar("_S", MicrophoneStream, SpeakerStream)


@dataclass(slots=True)
class DeskStreams:
    """What is open, and what could be chosen."""

    microphone: MicrophoneStream | None = None
    speaker: SpeakerStream | None = None
    inputs: tuple[Device, ...] = ()
    outputs: tuple[Device, ...] = ()

    def close(self) -> None:
        """Close both; may be called twice."""
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


class DeskOpener:
    """Opens the devices that are wanted, and remembers which could not be opened.

    Such a one is tried again when the devices change, and else ever more rarely: with PulseAudio
    every failure costs the sound server one of its 64 connections, until the app ends.
    """

    def __init__(self) -> None:
        self._refusals: dict[Direction, _Refusal] = {}

    def open(
        self,
        old: DeskStreams,
        settings: AudioSettings,
        *,
        all_anew: bool,
        wants_microphone: bool,
        on_samples: Callable[[], None],
        on_played: Callable[[], None],
        given_up: threading.Event,
    ) -> tuple[DeskStreams, list[AudioError]]:
        """Look which devices there are, and open both directions; in one thread at a time.

        What works on the right device stays open: a search for the microphone must not be heard.

        Args:
            old: What was open; what is not used any more is closed.
            settings: The devices that were chosen.
            all_anew: Keep nothing, and try everything again.
            wants_microphone: False while the user has muted it.
            on_samples: As :class:`MicrophoneStream`.
            on_played: As :class:`SpeakerStream`.
            given_up: Once it is set nobody takes the result, and all is closed again.
        """
        if all_anew:
            self._refusals.clear()
        listed = list_devices()
        streams = DeskStreams(inputs=listed["input"], outputs=listed["output"])
        problems: list[AudioError] = []

        def opened(
            stream: _S | None, direction: Direction, chosen: str, start: Callable[[Device], _S]
        ) -> _S | None:
            try:
                device = find_device(direction, chosen)
                if stream is not None:
                    if stream.device == device and not stream.is_dead and not all_anew:
                        return stream
                    stream.close()
                return self._start(direction, device, listed[direction], start)
            except AudioError as error:
                problems.append(error)
                if stream is not None:
                    stream.close()
                return None

        is_done = False
        try:
            streams.speaker = opened(
                old.speaker,
                "output",
                settings.speaker,
                lambda device: SpeakerStream(device, OUTPUT_HZ, on_played),
            )
            if wants_microphone:
                streams.microphone = opened(
                    old.microphone,
                    "input",
                    settings.microphone,
                    lambda device: MicrophoneStream(device, on_samples),
                )
            elif old.microphone is not None:
                old.microphone.close()
            is_done = not given_up.is_set()
        finally:
            if not is_done:
                old.close()
                streams.close()
        return streams, problems

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
            raise last.error
        try:
            stream = start(device)
        except AudioError as error:
            wait_s = _FIRST_WAIT_S if last is None else min(2 * last.wait_s, _LONGEST_WAIT_S)
            until_s = time.monotonic() + wait_s
            self._refusals[direction] = _Refusal(device, present, error, wait_s, until_s)
            raise
        self._refusals.pop(direction, None)
        return stream
