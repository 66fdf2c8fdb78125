"""Loudness of PCM in dBFS."""

from __future__ import annotations

import math

import numpy as np

from desktop_voice.audio.frames import Pcm

FLOOR_DBFS = -100.0


def rms_dbfs(pcm: Pcm) -> float:
    """Return the root-mean-square level of ``pcm``, from ``FLOOR_DBFS`` (silence) to 0."""
    if not len(pcm):
        return FLOOR_DBFS
    samples = pcm.astype(np.float32)
    mean_square = float(np.dot(samples, samples)) / len(samples)
    if mean_square <= 0:
        return FLOOR_DBFS
    return max(FLOOR_DBFS, 10 * math.log10(mean_square / 32768.0**2))


def scaled(pcm: Pcm, gain: float) -> Pcm:
    """Return ``pcm`` times ``gain`` (0 and up), clipped to 16 bits."""
    if gain == 1.0:
        return pcm
    louder: Pcm = np.clip(pcm.astype(np.float32) * gain, -32768, 32767).astype(np.int16)
    return louder
