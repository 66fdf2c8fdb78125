"""Telephone codecs of the rehearsal: libsndfile's, so that the app's own are checked against it."""

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
