"""Telephone sound: G.711 by libsndfile, so that the app's own is checked against it; 8 kHz."""

from __future__ import annotations

import io
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt
import soundfile

from desktop_voice.audio.frames import Pcm

Law = Literal["ULAW", "ALAW"]


@cache
def _decode_table(law: Law) -> Pcm:
    codes = io.BytesIO(bytes(range(256)))
    table, _ = soundfile.read(
        codes, dtype="int16", samplerate=8000, channels=1, format="RAW", subtype=law
    )
    return np.asarray(table, dtype=np.int16)


@cache
def _encode_table(law: Law) -> npt.NDArray[np.uint8]:
    encoded = io.BytesIO()
    samples = np.arange(-32768, 32768).astype(np.int16)
    soundfile.write(encoded, samples, 8000, format="RAW", subtype=law)
    return np.frombuffer(encoded.getvalue(), dtype=np.uint8)


def decode(law: Law, data: bytes) -> Pcm:
    """Return G.711 bytes as samples at their own rate."""
    table: Pcm = _decode_table(law)[np.frombuffer(data, dtype=np.uint8)]
    return table


def encode(law: Law, pcm: Pcm) -> bytes:
    """Return samples as G.711 bytes."""
    return _encode_table(law)[pcm.astype(np.int32) + 32768].tobytes()


_CUTOFF = 0.22
"""Of the 16 kHz rate: 3.5 kHz."""
_TAPS = 31


@cache
def _low_pass() -> npt.NDArray[np.float32]:
    offsets = np.arange(_TAPS) - _TAPS // 2
    taps = 2 * _CUTOFF * np.sinc(2 * _CUTOFF * offsets) * np.hamming(_TAPS)
    return np.asarray(taps / taps.sum(), dtype=np.float32)


class _LowPass:
    def __init__(self) -> None:
        self._history = np.zeros(_TAPS - 1, dtype=np.float32)

    def push(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        joined = np.concatenate([self._history, samples])
        self._history = joined[-(_TAPS - 1) :]
        return np.asarray(np.convolve(joined, _low_pass(), "valid"), dtype=np.float32)


class ToNarrowband:
    """16 kHz to 8 kHz, frame by frame: exactly half as many samples, 1 ms late."""

    def __init__(self) -> None:
        self._filter = _LowPass()

    def push(self, pcm: Pcm) -> Pcm:
        """Return an even number of 16 kHz samples at 8 kHz."""
        filtered = self._filter.push(pcm.astype(np.float32))[::2]
        return np.clip(np.rint(filtered), -32768, 32767).astype(np.int16)


class FromNarrowband:
    """8 kHz to 16 kHz, chunk by chunk: exactly twice as many samples, 1 ms late."""

    def __init__(self) -> None:
        self._filter = _LowPass()

    def push(self, pcm: Pcm) -> Pcm:
        """Return 8 kHz samples at 16 kHz."""
        stuffed = np.zeros(2 * len(pcm), dtype=np.float32)
        stuffed[::2] = pcm.astype(np.float32) * 2
        return np.clip(np.rint(self._filter.push(stuffed)), -32768, 32767).astype(np.int16)
