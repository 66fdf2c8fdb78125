"""Sound inside the app: 16-bit mono PCM at 16 kHz, in frames of 20 ms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Pcm: TypeAlias = npt.NDArray[np.int16]
"""Mono samples, shape (frames,), dtype int16."""

SAMPLE_RATE_HZ = 16_000
FRAME_MS = 20
FRAME_SAMPLES = SAMPLE_RATE_HZ * FRAME_MS // 1000


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame from a microphone: ``FRAME_SAMPLES`` samples and the time its last one was heard.

    ``time_s`` is in seconds on the line's own clock, which for a file is the position in the file.
    """

    pcm: Pcm
    time_s: float


def silence(ms: float, sample_rate_hz: int = SAMPLE_RATE_HZ) -> Pcm:
    """Return ``ms`` milliseconds of zeros."""
    return np.zeros(int(sample_rate_hz * ms / 1000), dtype=np.int16)


def duration_ms(samples: int, sample_rate_hz: int = SAMPLE_RATE_HZ) -> float:
    """Return how long ``samples`` samples last, in milliseconds."""
    return samples * 1000 / sample_rate_hz


class Framer:
    """Cuts a stream of chunks of any length into chunks of one length."""

    def __init__(self, samples: int = FRAME_SAMPLES) -> None:
        self._samples = samples
        self._rest = np.zeros(0, dtype=np.int16)

    def push(self, pcm: Pcm) -> list[Pcm]:
        """Add samples; return the whole chunks that are ready, in order."""
        joined = np.concatenate([self._rest, pcm]) if len(self._rest) else pcm
        whole = len(joined) // self._samples
        cut = whole * self._samples
        self._rest = joined[cut:].copy()
        return [joined[i * self._samples : (i + 1) * self._samples] for i in range(whole)]

    def clear(self) -> None:
        """Forget the samples that wait for a whole chunk."""
        self._rest = self._rest[:0]
