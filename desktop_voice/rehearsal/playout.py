"""What the app's side plays into a call: a queue that is played in real time, with marks."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

import numpy as np

from desktop_voice.audio.frames import FRAME_SAMPLES, SAMPLE_RATE_HZ, Pcm, duration_ms

_GAP_S = 0.3


class Playout:
    """Samples at 16 kHz on their way to the far end, drawn by the call's clock.

    A mark is told when all sound before it has been played, at once if there is none, and at once
    for all marks when the queue is cleared: as all three carriers do. Event loop only.

    Attributes:
        underruns: How often the queue ran dry and got more within 300 ms: gaps inside speech.
    """

    def __init__(self) -> None:
        self._items: deque[Pcm | Callable[[], None]] = deque()
        self._played: list[Callable[[], None]] = []
        self._samples = 0
        self._drained = asyncio.Event()
        self._drained.set()
        self._dry_since_s: float | None = None
        self.underruns = 0

    @property
    def queued_ms(self) -> float:
        """How much sound waits."""
        return duration_ms(self._samples, SAMPLE_RATE_HZ)

    def play(self, pcm: Pcm) -> None:
        """Add 16 kHz samples at the end."""
        if len(pcm):
            if self._dry_since_s is not None:
                self.underruns += time.monotonic() - self._dry_since_s < _GAP_S
                self._dry_since_s = None
            self._items.append(pcm)
            self._samples += len(pcm)
            self._drained.clear()

    def mark(self, on_played: Callable[[], None]) -> None:
        """Call ``on_played`` when everything before it has been played or was cleared."""
        if self._drained.is_set():
            on_played()
        else:
            self._items.append(on_played)

    def clear(self) -> None:
        """Drop all sound; every outstanding mark is told at once, in order."""
        marks = self._played + [item for item in self._items if not isinstance(item, np.ndarray)]
        self._items.clear()
        self._played = []
        self._samples = 0
        self._drained.set()
        self._dry_since_s = None
        for mark in marks:
            mark()

    async def drained(self) -> None:
        """Wait until everything has been played or was cleared."""
        await self._drained.wait()

    def draw(self) -> Pcm | None:
        """Take the next 20 ms, filled up with zeros; ``None`` if nothing waits (the clock's).

        Marks are told at the draw after the one that took the last of their sound.
        """
        played, self._played = self._played, []
        frame: Pcm = np.zeros(FRAME_SAMPLES, dtype=np.int16)
        filled = 0
        while self._items and filled < FRAME_SAMPLES:
            item = self._items.popleft()
            if not isinstance(item, np.ndarray):
                (self._played if filled else played).append(item)
                continue
            taken = item[: FRAME_SAMPLES - filled]
            frame[filled : filled + len(taken)] = taken
            filled += len(taken)
            if len(taken) < len(item):
                self._items.appendleft(item[len(taken) :])
        self._samples -= filled
        if not filled and not self._drained.is_set():
            self._drained.set()
            self._dry_since_s = time.monotonic()
        for mark in played:
            mark()
        return frame if filled else None
