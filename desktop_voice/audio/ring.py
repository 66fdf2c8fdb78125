"""A ring buffer between one writer thread and one reader thread, without a lock."""

from __future__ import annotations

import numpy as np

from desktop_voice.audio.frames import Pcm


class PcmRing:
    """Holds samples until their one reader takes them.

    One thread may write and another may read: each side only moves its own counter, and a Python
    integer is stored atomically. Nothing is allocated while writing. What does not fit is counted
    in ``dropped`` and lost.
    """

    def __init__(self, samples: int) -> None:
        self._buffer = np.zeros(samples, dtype=np.int16)
        self._size = samples
        self._written = 0
        self._read = 0
        self.dropped = 0

    def __len__(self) -> int:
        return self._written - self._read

    @property
    def free(self) -> int:
        """Samples that can be written now."""
        return self._size - len(self)

    def write(self, pcm: Pcm) -> int:
        """Store as much of ``pcm`` as fits; return how many samples that was."""
        count = min(len(pcm), self.free)
        self.dropped += len(pcm) - count
        start = self._written % self._size
        first = min(count, self._size - start)
        self._buffer[start : start + first] = pcm[:first]
        self._buffer[: count - first] = pcm[first:count]
        self._written += count
        return count

    def read_into(self, out: Pcm) -> int:
        """Fill the start of ``out`` with what is there; return how many samples that was."""
        count = min(len(out), len(self))
        start = self._read % self._size
        first = min(count, self._size - start)
        out[:first] = self._buffer[start : start + first]
        out[first:count] = self._buffer[: count - first]
        self._read += count
        return count

    def read(self, limit: int | None = None) -> Pcm:
        """Return (a copy of) what is there, at most ``limit`` samples."""
        out = np.empty(len(self) if limit is None else min(limit, len(self)), dtype=np.int16)
        count = self.read_into(out)
        return out[:count]

    @property
    def written(self) -> int:
        """How many samples were ever written: the position of the next one."""
        return self._written

    def skip_to(self, position: int) -> None:
        """Drop what was written before ``position``; to be called by the reader."""
        self._read = max(self._read, min(position, self._written))
