"""A line whose far end is a file: a recording as the microphone, a WAV file as the speaker."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np

from desktop_voice.audio.frames import FRAME_MS, Frame, Pcm, silence
from desktop_voice.audio.levels import FLOOR_DBFS, rms_dbfs, scaled
from desktop_voice.audio.wav import SoundFile, WavWriter
from desktop_voice.core.errors import AudioError
from desktop_voice.dialogue.lines.progress import Progress

LONGEST_S = 3600
# A wake word is told of up to 0.3 s after its end, an utterance up to 1.2 s.
_TAIL_S = 1.5


class FileLine:
    """Plays a recording into the conversation, and collects the reply.

    Each frame read moves the line's clock, and its playback, by 20 ms. Paced, that happens in real
    time; unpaced, as fast as the engines can follow, with the same result. After the recording's
    end silence follows until the line is closed or, from 1.5 s on, ``is_over`` says so.

    Raises:
        AudioError: The recording cannot be read or is too long, or the reply cannot be written.
    """

    def __init__(
        self,
        recording: Path,
        reply: Path | None = None,
        *,
        is_paced: bool = True,
        output_rate_hz: int = 24_000,
        line_id: str = "file",
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        self.id = line_id
        self.is_paced = is_paced
        self.input_ended = False
        self.is_half_duplex = False
        self.is_relaxed = False
        self.output_level_dbfs = FLOOR_DBFS
        self.output_rate_hz = output_rate_hz
        self._is_over = is_over
        self._recording = SoundFile(recording)
        if self._recording.duration_s > LONGEST_S:
            self._recording.close()
            raise AudioError(
                "AUDIO-13",
                f"{recording.name} is too long for one conversation: "
                f"{self._recording.duration_s / 60:.0f} minutes.",
                f"Cut it to {LONGEST_S // 60} minutes or less.",
            )
        if reply is not None and reply.exists() and reply.samefile(recording):
            self._recording.close()
            raise AudioError(
                "AUDIO-14",
                f"The reply would overwrite the recording {recording.name}.",
                "Give the reply another file name.",
            )
        self._writer = WavWriter(reply, output_rate_hz) if reply else None
        self._queue: deque[Pcm] = deque()
        self._queued = 0
        self._played = 0
        self._waiting = 0
        self._gain = 1.0
        self._progress = Progress()
        self._closed = False
        self._was_idle = True
        self._frames_read = 0
        self._started_s = 0.0
        self.played_at: list[tuple[float, int]] = []
        """When (line time) each run of uninterrupted playback began, and its first sample."""

    async def frames(self) -> AsyncIterator[Frame]:
        """Yield the recording, then silence, until the line is closed."""
        loop = asyncio.get_running_loop()
        self._started_s = loop.time()
        recorded = self._recording.frames()
        silent_s = 0.0
        while not self._closed:
            pcm = next(recorded, None)
            if pcm is None:
                self.input_ended = True
                if silent_s >= _TAIL_S and self._is_over():
                    return
                silent_s += FRAME_MS / 1000
                pcm = silence(FRAME_MS)
            self._frames_read += 1
            if self.is_paced:
                due_s = self._started_s + self.now()
                await asyncio.sleep(max(0.0, due_s - loop.time()))
            else:
                await asyncio.sleep(0)
            self._play_one_frame()
            yield Frame(pcm, self.now())

    def now(self) -> float:
        """Return the position in the recording, in seconds."""
        return self._frames_read * FRAME_MS / 1000

    async def play(self, pcm: Pcm) -> None:
        """Queue samples."""
        if len(pcm):
            self._queue.append(pcm)
            self._queued += len(pcm)
            self._waiting += len(pcm)

    @property
    def queued_samples(self) -> int:
        """Samples given to :meth:`play` so far."""
        return self._queued

    @property
    def played_samples(self) -> int:
        """How far playing has come."""
        return self._played

    async def reached(self, position: int) -> None:
        """Return when the sample at ``position`` was played or dropped."""
        await self._progress.reached(position)

    def clear(self) -> None:
        """Drop what was queued but not played."""
        self._queue.clear()
        self._queued -= self._waiting
        self._waiting = 0
        self._progress.release()

    def set_gain(self, gain: float) -> None:
        """Play from now on at ``gain``."""
        self._gain = gain

    async def close(self) -> None:
        """End the line and finish the reply's file."""
        self._closed = True
        self._progress.release()
        self._recording.close()
        if self._writer:
            self._writer.close()
            self._writer = None

    def _play_one_frame(self) -> None:
        wanted = self.output_rate_hz * FRAME_MS // 1000
        self.output_level_dbfs = rms_dbfs(self._queue[0]) if self._queue else FLOOR_DBFS
        if self._queue and self._was_idle:
            self.played_at.append((self.now(), self._played))
        self._was_idle = not self._queue
        while wanted and self._queue:
            head = self._queue.popleft()
            if len(head) > wanted:
                self._queue.appendleft(head[wanted:])
                head = head[:wanted]
            wanted -= len(head)
            self._played += len(head)
            self._waiting -= len(head)
            if self._writer:
                self._writer.write(scaled(np.asarray(head), self._gain))
        self._progress.advance(self._played)
