"""Microphone and speaker streams, with a watchdog that notices when one is dead.

The callbacks run in threads of the sound system: they copy to or from a ring and wake the media
loop; no lock, no log. Opening and closing may block for seconds and belongs in a worker thread.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from desktop_voice.audio.devices import Device, sound_system
from desktop_voice.audio.frames import SAMPLE_RATE_HZ, Pcm
from desktop_voice.audio.ring import PcmRing
from desktop_voice.core.errors import AudioError

if TYPE_CHECKING:
    from desktop_voice.audio.sound_system import OpenStream

# Windows and macOS move a stream to another default by themselves, with a pause.
DEAD_AFTER_S = 0.5 if sys.platform == "linux" else 2.0
_RING_S = 4.0
_TO_START_S = 1.0


class _Stream:
    """What both directions share: the callback's heartbeat and closing."""

    def __init__(self, device: Device, rate_hz: int) -> None:
        self.device = device
        self.rate_hz = rate_hz
        self.last_callback_s = time.monotonic()
        self.ring = PcmRing(int(_RING_S * rate_hz))
        self._stream: OpenStream | None = None
        self._closing = threading.Lock()

    @property
    def is_dead(self) -> bool:
        """Whether the callback has not come for ``DEAD_AFTER_S``."""
        return time.monotonic() - self.last_callback_s > DEAD_AFTER_S

    def close(self) -> None:
        """Stop and close the stream; may block, may be called twice, from any thread."""
        with self._closing:
            stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def _open(
        self,
        word: str,
        start: Callable[[bytes | None, int, Callable[[Pcm], None]], OpenStream],
        callback: Callable[[Pcm], None],
    ) -> None:
        try:
            self._stream = start(self.device.id, self.rate_hz, callback)
        except sound_system().SoundError as error:
            raise AudioError(
                "AUDIO-04",
                f"The {word} “{self.device.name}” cannot be opened.",
                "Check that no other program holds it and that this app may use it, or choose "
                "another one in Settings > Sound.",
                retryable=True,
            ) from error
        self.last_callback_s = time.monotonic() + _TO_START_S


class MicrophoneStream(_Stream):
    """Reads a device into a ring, at 16 kHz.

    Raises:
        AudioError: The device cannot be opened.
    """

    def __init__(self, device: Device, on_samples: Callable[[], None]) -> None:
        super().__init__(device, SAMPLE_RATE_HZ)
        self.wake_at_samples = 0
        """How much must wait in the ring before ``on_samples`` is called."""

        def take(block: Pcm) -> None:
            self.last_callback_s = time.monotonic()
            self.ring.write(block)
            if len(self.ring) >= self.wake_at_samples:
                on_samples()

        self._open("microphone", sound_system().open_capture, take)


class SpeakerStream(_Stream):
    """Plays a ring on a device, and keeps a copy of what it handed over as the echo's reference.

    Raises:
        AudioError: The device cannot be opened.
    """

    def __init__(self, device: Device, rate_hz: int, on_played: Callable[[], None]) -> None:
        super().__init__(device, rate_hz)
        self.gain = 1.0
        self.played = 0
        self._clear_to = 0
        self.reference = PcmRing(int(_RING_S * rate_hz))

        def fill(out: Pcm) -> None:
            self.last_callback_s = time.monotonic()
            self.ring.skip_to(self._clear_to)
            count = self.ring.read_into(out)
            if count and self.gain != 1.0:
                np.multiply(out, self.gain, out=out, casting="unsafe")
            self.reference.write(out)
            if count:
                self.played += count
                on_played()

        self._open("speaker", sound_system().open_playback, fill)

    def clear(self) -> None:
        """Drop what is queued, before the next block."""
        self._clear_to = self.ring.written

    def rest(self) -> Pcm:
        """Take what is queued and was not dropped; only once the stream is closed."""
        self.ring.skip_to(self._clear_to)
        return self.ring.read()
