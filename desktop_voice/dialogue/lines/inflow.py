"""The inflow: packets that come late, in bursts or never, as frames that come on time."""

from __future__ import annotations

from collections import deque

import numpy as np

from desktop_voice.audio.frames import FRAME_MS, SAMPLE_RATE_HZ, Frame, Framer, Pcm, silence
from desktop_voice.audio.resample import FirResampler

_FRAME_S = FRAME_MS / 1000
# Networks hold packets back for this long without anything being lost.
_PATIENCE_S = 0.06
_MOST_AHEAD_S = 0.1
_LONGEST_GAP_MS = 400
_MOST_FRAMES = 1500


class Inflow:
    """Makes 20 ms frames at 16 kHz of a far end's packets; no clock, no I/O.

    What comes is handed on at once. Where nothing comes for 80 ms there is silence, a frame at a
    time, and where timestamps show that packets were lost there is silence in their place. Stamps
    follow the clock: never backwards, at most 80 ms behind it while packets come, and at most
    100 ms ahead after a burst.
    """

    def __init__(self, rate_hz: int, now_s: float) -> None:
        self._rate_hz = rate_hz
        self._resampler = FirResampler(rate_hz, SAMPLE_RATE_HZ)
        self._framer = Framer()
        self._ready: deque[Pcm] = deque(maxlen=_MOST_FRAMES)
        self._stamp_s = now_s
        self._expected_ms: float | None = None
        self._filled_ms = 0.0

    def add(self, pcm: Pcm, timestamp_ms: int | None = None) -> None:
        """Take a packet's samples; ``timestamp_ms`` is the carrier's own time of their first."""
        if timestamp_ms is not None:
            if self._expected_ms is not None:
                self._fill_gap(timestamp_ms - self._expected_ms - self._filled_ms)
            self._expected_ms = timestamp_ms + len(pcm) * 1000 / self._rate_hz
        self._filled_ms = 0.0
        self._push(pcm)

    @property
    def has_sound(self) -> bool:
        """Whether a frame of what came is still to be taken."""
        return bool(self._ready)

    def take(self, now_s: float) -> Frame | None:
        """Return the next frame if it is there or overdue."""
        if self._ready:
            pcm = self._ready.popleft()
        elif now_s >= self._overdue_s:
            self._filled_ms += FRAME_MS
            pcm = silence(FRAME_MS)
        else:
            return None
        ahead_s = max(now_s + _MOST_AHEAD_S, self._stamp_s + 0.001)
        self._stamp_s = min(self._stamp_s + _FRAME_S, ahead_s)
        return Frame(pcm, self._stamp_s)

    def wait_s(self, now_s: float) -> float:
        """Return how long to wait for a packet before :meth:`take` is asked again."""
        return max(0.0, self._overdue_s - now_s)

    @property
    def _overdue_s(self) -> float:
        return self._stamp_s + _FRAME_S + _PATIENCE_S

    def _fill_gap(self, missing_ms: float) -> None:
        if FRAME_MS / 2 <= missing_ms <= _LONGEST_GAP_MS:
            self._push(np.zeros(int(missing_ms * self._rate_hz / 1000), dtype=np.int16))

    def _push(self, pcm: Pcm) -> None:
        self._ready.extend(self._framer.push(self._resampler.push(pcm)))
