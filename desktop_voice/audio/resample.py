"""Resampling between the rates of engines, devices, files and phone lines (libsoxr, short FIR)."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, gcd
from typing import Literal

import numpy as np
import numpy.typing as npt
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


# The band is whole up to 88 % of the lower rate's half, and 70 dB down from 102 % on.
_STOP_DB = 70.0
_PASS, _STOP = 0.88, 1.02


@lru_cache(maxsize=16)
def _fir_phases(up: int, down: int) -> npt.NDArray[np.float32]:
    """Return the low-pass for the ratio ``up / down``, one row of taps for each phase."""
    half_band = 0.5 * min(1.0, up / down)
    width = (_STOP - _PASS) * half_band
    half = ceil((_STOP_DB - 8) / (2.285 * 2 * np.pi * width) / 2)
    # Input samples -half+1 to half lie around an output; phase p lies p / up after input 0.
    offset = np.arange(-half + 1, half + 1) - np.arange(up)[:, None] / up
    cutoff = (_STOP + _PASS) * half_band
    window = np.i0(0.1102 * (_STOP_DB - 8.7) * np.sqrt(np.maximum(0, 1 - (offset / half) ** 2)))
    taps = np.sinc(cutoff * offset) * window
    phases: npt.NDArray[np.float32] = (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)
    return phases


class FirResampler:
    """Resamples a stream chunk by chunk through a short linear-phase FIR, without aliases.

    Holds back 4 ms (8 or 16 kHz at either end), where soxr's qualities that do not alias hold back
    40 to 120 ms. Meant for sound that somebody waits for: phone lines and spoken replies.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        divisor = gcd(from_hz, to_hz)
        self._up, self._down = to_hz // divisor, from_hz // divisor
        self._phases = _fir_phases(self._up, self._down)
        self._half = self._phases.shape[1] // 2
        self._input = np.zeros(self._half - 1, dtype=np.float32)
        self._input_at = -(self._half - 1)
        self._pushed = 0
        self._made = 0

    @property
    def held_back_samples(self) -> int:
        """Samples at the input's rate that an output waits for."""
        return 0 if self._up == self._down else self._half

    def push(self, pcm: Pcm, *, last: bool = False) -> Pcm:
        """Return what is ready after ``pcm``; with ``last`` everything that was held back."""
        if self._up == self._down:
            return pcm
        self._pushed += len(pcm)
        pieces = [self._input, pcm.astype(np.float32)]
        if last:
            pieces.append(np.zeros(self._half, dtype=np.float32))
        self._input = np.concatenate(pieces)
        # Output n lies at input n * down / up and needs ``half`` inputs after it.
        ready = self._pushed if last else self._pushed - self._half
        end = -(-max(0, ready) * self._up // self._down)
        if end <= self._made:
            return pcm[:0]
        numbers = np.arange(self._made, end)
        self._made = end
        places = numbers * self._down
        starts = places // self._up - (self._half - 1) - self._input_at
        windows = np.lib.stride_tricks.sliding_window_view(self._input, 2 * self._half)
        sums = np.einsum("nt,nt->n", windows[starts], self._phases[places % self._up])
        keep_from = self._made * self._down // self._up - (self._half - 1)
        self._input = self._input[keep_from - self._input_at :].copy()
        self._input_at = keep_from
        out: Pcm = np.clip(np.rint(sums), -32768, 32767).astype(np.int16)
        return out
