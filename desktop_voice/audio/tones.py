"""The short sounds of the assistant, computed rather than shipped."""

from __future__ import annotations

import numpy as np

from desktop_voice.audio.frames import Pcm

_PEAK = 0.12
_NOTE_MS = 70
_FADE_MS = 12
_LISTENING_HZ = (660.0, 880.0)


def listening_tone(sample_rate_hz: int) -> Pcm:
    """Return two soft rising notes, 140 ms: "I am listening"."""
    times_s = np.arange(int(sample_rate_hz * _NOTE_MS / 1000)) / sample_rate_hz
    fade = np.minimum(1.0, np.minimum(times_s, times_s[::-1]) * 1000 / _FADE_MS)
    notes = [np.sin(2 * np.pi * hz * times_s) * fade for hz in _LISTENING_HZ]
    tone: Pcm = (np.concatenate(notes) * _PEAK * 32767).astype(np.int16)
    return tone
