"""G.711, the telephone's sound: mu-law and A-law as tables (ITU-T G.711)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from desktop_voice.audio.frames import Pcm

MULAW_SILENCE = 0xFF
"""The mu-law byte of a zero; a zero byte would be a loud click."""
ALAW_SILENCE = 0xD5
"""The A-law byte of a zero."""

_MULAW_BIAS = 0x84
_MULAW_CLIP = 32635


def _mulaw_decode_table() -> Pcm:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    exponent, mantissa = (code >> 4) & 7, code & 0x0F
    magnitude = (((mantissa << 3) + _MULAW_BIAS) << exponent) - _MULAW_BIAS
    table: Pcm = np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)
    return table


def _alaw_decode_table() -> Pcm:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    exponent, mantissa = (code >> 4) & 7, code & 0x0F
    linear = (mantissa << 4) + 8
    magnitude = np.where(exponent, (linear + 0x100) << np.maximum(exponent - 1, 0), linear)
    table: Pcm = np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)
    return table


def _segment(magnitude: npt.NDArray[np.int32], first: int) -> npt.NDArray[np.int32]:
    """Return the segment 0 to 7 of magnitudes whose first segment ends at ``first``."""
    ends = first << np.arange(7, dtype=np.int32)
    return np.searchsorted(ends, magnitude, side="right").astype(np.int32)


def _mulaw_encode_table() -> npt.NDArray[np.uint8]:
    """Return the code of every sample; the table is indexed by the sample's 16 bits."""
    sample = np.arange(65_536, dtype=np.int32).astype(np.uint16).view(np.int16).astype(np.int32)
    # The standard looks at 14 bits: the two lowest are cut off towards minus infinity.
    linear = sample >> 2
    biased = np.minimum(np.abs(linear), _MULAW_CLIP >> 2) + (_MULAW_BIAS >> 2)
    exponent = _segment(biased, 0x40)
    mantissa = (biased >> (exponent + 1)) & 0x0F
    sign = np.where(linear < 0, 0x80, 0)
    codes: npt.NDArray[np.uint8] = (~(sign | exponent << 4 | mantissa) & 0xFF).astype(np.uint8)
    return codes


def _alaw_encode_table() -> npt.NDArray[np.uint8]:
    """Return the code of every sample; the table is indexed by the sample's 16 bits."""
    sample = np.arange(65_536, dtype=np.int32).astype(np.uint16).view(np.int16).astype(np.int32)
    linear = sample >> 3
    magnitude = np.where(linear < 0, -linear - 1, linear)
    exponent = _segment(magnitude, 0x20)
    mantissa = (magnitude >> np.maximum(exponent, 1)) & 0x0F
    sign = np.where(linear < 0, 0x00, 0x80)
    codes: npt.NDArray[np.uint8] = ((sign | exponent << 4 | mantissa) ^ 0x55).astype(np.uint8)
    return codes


_MULAW_TO_PCM = _mulaw_decode_table()
_ALAW_TO_PCM = _alaw_decode_table()
_PCM_TO_MULAW = _mulaw_encode_table()
_PCM_TO_ALAW = _alaw_encode_table()


def decode_mulaw(payload: bytes) -> Pcm:
    """Return the samples of mu-law bytes, at their own rate."""
    return _MULAW_TO_PCM[np.frombuffer(payload, dtype=np.uint8)]


def encode_mulaw(pcm: Pcm) -> bytes:
    """Return samples as mu-law, one byte each."""
    return _PCM_TO_MULAW[pcm.view(np.uint16)].tobytes()


def decode_alaw(payload: bytes) -> Pcm:
    """Return the samples of A-law bytes, at their own rate."""
    return _ALAW_TO_PCM[np.frombuffer(payload, dtype=np.uint8)]


def encode_alaw(pcm: Pcm) -> bytes:
    """Return samples as A-law, one byte each."""
    return _PCM_TO_ALAW[pcm.view(np.uint16)].tobytes()


def decode_l16(payload: bytes) -> Pcm:
    """Return the samples of 16-bit little-endian PCM; an odd byte at the end is dropped."""
    whole = len(payload) // 2 * 2
    return np.frombuffer(payload[:whole], dtype="<i2").astype(np.int16)


def encode_l16(pcm: Pcm) -> bytes:
    """Return samples as 16-bit little-endian PCM."""
    return pcm.astype("<i2").tobytes()
