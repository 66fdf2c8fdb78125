"""Resampling between the rates of engines, devices and files (libsoxr)."""

from __future__ import annotations

from typing import Literal

import numpy as np
import soxr

from desktop_voice.audio.frames import Pcm


def resample(pcm: Pcm, from_hz: int, to_hz: int) -> Pcm:
    """Return ``pcm`` at another rate, as one closed piece; adds no delay."""
    if from_hz == to_hz or not len(pcm):
        return pcm
    return np.asarray(soxr.resample(pcm, from_hz, to_hz, quality="HQ"), dtype=np.int16)


class StreamResampler:
    """Resamples a stream chunk by chunk.

    Quality QQ holds back 5 ms and costs speech recognition nothing (5.4 to 6.1 % word errors over
    all qualities); HQ, for what people hear, holds back 45 ms or more until the stream ends.
    """

    def __init__(self, from_hz: int, to_hz: int, quality: Literal["QQ", "HQ"] = "QQ") -> None:
        self._same = from_hz == to_hz
        self._stream = (
            None
            if self._same
            else soxr.ResampleStream(from_hz, to_hz, 1, dtype="int16", quality=quality)
        )

    def push(self, pcm: Pcm, *, last: bool = False) -> Pcm:
        """Return what is ready after ``pcm``; with ``last`` everything that was held back."""
        if self._stream is None:
            return pcm
        return np.asarray(self._stream.resample_chunk(pcm, last=last), dtype=np.int16)
