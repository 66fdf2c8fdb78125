"""Microphone and speaker streams over PortAudio, with a watchdog that notices when one is dead.

The callbacks run on PortAudio's threads: they copy to or from a ring and wake the media loop;
no lock, no log. Opening and closing may block for seconds and belongs in a worker thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
import structlog

from desktop_voice.audio.devices import Device, portaudio
from desktop_voice.audio.frames import SAMPLE_RATE_HZ, Pcm
from desktop_voice.audio.ring import PcmRing
from desktop_voice.core.errors import AudioError

_log = structlog.get_logger()

DEAD_AFTER_S = 0.5
_RING_S = 4.0
_BLOCK_MS = 20


class _PortAudioStream(Protocol):
    latency: float

    def start(self) -> None: ...

    def abort(self, ignore_errors: bool = True) -> None: ...

    def close(self, ignore_errors: bool = True) -> None: ...


def _open(
    make: Callable[[int], _PortAudioStream], device: Device, word: str, wanted_hz: int
) -> tuple[_PortAudioStream, int]:
    """Open and start a stream at the wanted rate, else at the device's own."""
    module = portaudio()
    problem: Exception | None = None
    for rate_hz in dict.fromkeys((wanted_hz, device.default_rate_hz)):
        stream = None
        try:
            stream = make(rate_hz)
            stream.start()
        except (module.PortAudioError, ValueError) as error:
            problem = error
            if stream is not None:
                stream.close(ignore_errors=True)
            continue
        return stream, rate_hz
    raise AudioError(
        "AUDIO-04",
        f"The {word} “{device.name}” cannot be opened.",
        "Check that no other program holds it and that this app may use it, or choose another "
        "one in Settings > Sound.",
        retryable=True,
    ) from problem


class _Stream:
    """What both directions share: the callback's heartbeat and closing."""

    def __init__(self) -> None:
        self.last_callback_s = time.monotonic()
        self._stream: _PortAudioStream | None = None

    @property
    def is_dead(self) -> bool:
        """Whether the callback has not come for ``DEAD_AFTER_S``."""
        return time.monotonic() - self.last_callback_s > DEAD_AFTER_S

    def close(self) -> None:
        """Stop and close the stream; may block, may be called twice."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.abort(ignore_errors=True)
            stream.close(ignore_errors=True)


class MicrophoneStream(_Stream):
    """Reads a device into a ring.

    Raises:
        AudioError: The device cannot be opened.
    """

    def __init__(self, device: Device, on_samples: Callable[[], None]) -> None:
        super().__init__()
        self.device = device
        self.wake_at_samples = 0
        """How much must wait in the ring before ``on_samples`` is called."""
        self.ring = PcmRing(int(_RING_S * max(device.default_rate_hz, SAMPLE_RATE_HZ)))
        module = portaudio()

        def callback(indata: Pcm, _frames: int, _time: object, _status: object) -> None:
            self.last_callback_s = time.monotonic()
            self.ring.write(indata[:, 0])
            if len(self.ring) >= self.wake_at_samples:
                on_samples()

        def make(rate_hz: int) -> _PortAudioStream:
            stream: _PortAudioStream = module.InputStream(
                samplerate=rate_hz,
                device=device.index,
                channels=1,
                dtype="int16",
                blocksize=rate_hz * _BLOCK_MS // 1000,
                callback=callback,
            )
            return stream

        self._stream, self.rate_hz = _open(make, device, "microphone", SAMPLE_RATE_HZ)
        self.last_callback_s = time.monotonic() + 1.0


class SpeakerStream(_Stream):
    """Plays a ring on a device, and keeps a copy of what it handed over as the echo's reference.

    Raises:
        AudioError: The device cannot be opened.
    """

    def __init__(self, device: Device, wanted_hz: int, on_played: Callable[[], None]) -> None:
        super().__init__()
        self.device = device
        self.gain = 1.0
        self.played = 0
        self._clear_to = 0
        rate_limit = max(device.default_rate_hz, wanted_hz)
        self.ring = PcmRing(int(_RING_S * rate_limit))
        self.reference = PcmRing(int(_RING_S * rate_limit))
        module = portaudio()

        def callback(outdata: Pcm, frames: int, _time: object, _status: object) -> None:
            self.last_callback_s = time.monotonic()
            self.ring.skip_to(self._clear_to)
            out = outdata[:, 0]
            count = self.ring.read_into(out)
            out[count:] = 0
            if count and self.gain != 1.0:
                np.multiply(out, self.gain, out=out, casting="unsafe")
            self.reference.write(out)
            if count:
                self.played += count
                on_played()

        def make(rate_hz: int) -> _PortAudioStream:
            stream: _PortAudioStream = module.OutputStream(
                samplerate=rate_hz,
                device=device.index,
                channels=1,
                dtype="int16",
                blocksize=rate_hz * _BLOCK_MS // 1000,
                callback=callback,
            )
            return stream

        self._stream, self.rate_hz = _open(make, device, "speaker", wanted_hz)
        self.latency_s = float(self._stream.latency)
        self.last_callback_s = time.monotonic() + 1.0

    def clear(self) -> None:
        """Drop what is queued, before the next block."""
        self._clear_to = self.ring.written

    def rest(self) -> Pcm:
        """Take what is queued and was not dropped; only once the stream is closed."""
        self.ring.skip_to(self._clear_to)
        return self.ring.read()
