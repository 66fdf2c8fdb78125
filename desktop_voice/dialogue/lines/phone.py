"""The phone line: a carrier's media stream as a microphone and a speaker."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import structlog

from desktop_voice.audio.frames import Frame, Pcm
from desktop_voice.audio.g711 import (
    decode_alaw,
    decode_l16,
    decode_mulaw,
    encode_alaw,
    encode_l16,
    encode_mulaw,
)
from desktop_voice.audio.levels import FLOOR_DBFS, rms_dbfs, scaled
from desktop_voice.dialogue.lines.inflow import Inflow
from desktop_voice.dialogue.lines.media_socket import (
    Encoding,
    MediaAudio,
    MediaDigit,
    MediaMark,
    MediaSocket,
    MediaStopped,
)
from desktop_voice.dialogue.lines.pacer import FRAME_S, Pacer
from desktop_voice.dialogue.lines.progress import Progress

_log = structlog.get_logger()

_MOST_UNSENT_S = 4.0
_CHECK_PLAYED_S = 0.02
_MOST_DIGITS = 64
_BIN_MS = 0.1
_BINS = 5000


@dataclass(frozen=True, slots=True)
class _Codec:
    rate_hz: int
    decode: Callable[[bytes], Pcm]
    encode: Callable[[Pcm], bytes]


_CODECS: Mapping[Encoding, _Codec] = MappingProxyType(
    {
        Encoding.MULAW_8K: _Codec(8000, decode_mulaw, encode_mulaw),
        Encoding.ALAW_8K: _Codec(8000, decode_alaw, encode_alaw),
        Encoding.L16_8K: _Codec(8000, decode_l16, encode_l16),
        Encoding.L16_16K: _Codec(16_000, decode_l16, encode_l16),
    }
)


@dataclass(frozen=True, slots=True)
class PacingStats:
    """How punctual the sound of one line was: lateness of frames that were waited for, in ms."""

    frames_sent: int
    underruns: int
    p50_ms: float
    p99_ms: float
    max_ms: float


class PhoneLine:
    """One open media stream; used on the media loop.

    :meth:`frames` goes on with silence while the far end sends nothing, and stops when the stream
    ends or breaks; ``input_ended`` is true from then on, what is played counts as never heard, and
    nobody waits for it. Nothing raises into the conversation because a socket broke.

    Args:
        socket: The stream, after its start message. The line closes it.
        line_id: Names the conversation in events: the call's id.
        on_digit: Is called for every key that the far end presses.
    """

    is_paced = True
    is_half_duplex = False

    def __init__(
        self,
        socket: MediaSocket,
        line_id: str,
        *,
        on_digit: Callable[[str], None] | None = None,
    ) -> None:
        self.id = line_id
        self.is_relaxed = False
        self.input_ended = False
        self._socket = socket
        self._codec = _CODECS[socket.encoding]
        self._on_digit = on_digit
        self._digits: deque[str] = deque(maxlen=_MOST_DIGITS)
        self._has_digit = asyncio.Event()
        self._inflow = Inflow(self._codec.rate_hz, self.now())
        self._last_packet_s = self.now()
        self._has_input = asyncio.Event()
        self._pacer = Pacer(self._codec.rate_hz)
        self._progress = Progress()
        self._queue: deque[Pcm] = deque()
        self._unsent = 0
        self._ready_s = 0.0
        self._gain = 1.0
        self._level_dbfs = FLOOR_DBFS
        self._clear_wanted = False
        self._wake_sender = asyncio.Event()
        self._has_room = asyncio.Event()
        self._frames_sent = 0
        self._lateness = np.zeros(_BINS, dtype=np.int64)
        self._latest_ms = 0.0
        self._receiver: asyncio.Task[None] | None = None
        self._sender: asyncio.Task[None] | None = None
        self._played_at_end: int | None = None
        self._is_closed = False

    def now(self) -> float:
        """Return the media loop's time in seconds."""
        return asyncio.get_running_loop().time()

    # --- input ---

    @property
    def unheard_s(self) -> float:
        """For how long no sound has come, not even a silent one, as carriers always send."""
        return self.now() - self._last_packet_s

    async def frames(self) -> AsyncIterator[Frame]:
        """Yield 20 ms frames at 16 kHz until the stream ends; to be called once."""
        self._inflow = Inflow(self._codec.rate_hz, self.now())
        self._last_packet_s = self.now()
        self._receiver = self._start(self._receive())
        while not self._is_closed:
            self._has_input.clear()
            if self.input_ended and not self._inflow.has_sound:
                return
            frame = self._inflow.take(self.now())
            if frame is not None:
                yield frame
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(self._inflow.wait_s(self.now())):
                    await self._has_input.wait()

    async def _receive(self) -> None:
        while (event := await self._socket.receive()) is not None:
            match event:
                case MediaAudio(payload, timestamp_ms):
                    self._last_packet_s = self.now()
                    self._inflow.add(self._codec.decode(payload), timestamp_ms)
                    self._has_input.set()
                case MediaMark(name):
                    self._pacer.mark_came(name, self.now())
                    self._progress.advance(self.played_samples)
                case MediaDigit(digit):
                    self._digits.append(digit)
                    self._has_digit.set()
                    if self._on_digit is not None:
                        self._on_digit(digit)
                case MediaStopped():
                    return

    async def digits(self) -> AsyncIterator[str]:
        """Yield the keys that the far end presses, until the stream ends; for one reader."""
        while True:
            while self._digits:
                yield self._digits.popleft()
            if self.input_ended:
                return
            self._has_digit.clear()
            await self._has_digit.wait()

    # --- output ---

    @property
    def output_rate_hz(self) -> int:
        """The rate at which :meth:`play` takes samples."""
        return self._codec.rate_hz

    @property
    def output_level_dbfs(self) -> float:
        """How loud we are at the far end right now."""
        return self._level_dbfs if self._pacer.queued_s(self.now()) else FLOOR_DBFS

    async def play(self, pcm: Pcm) -> None:
        """Queue samples; waits while more than four seconds of them are unsent."""
        epoch = self._pacer.epoch
        while len(pcm) and epoch == self._pacer.epoch:
            if self.input_ended:
                self._unsent += len(pcm)
                return
            room = int(_MOST_UNSENT_S * self.output_rate_hz) - self._unsent
            if room <= 0:
                self._has_room.clear()
                await self._has_room.wait()
                continue
            self._enqueue(pcm[:room])
            pcm = pcm[room:]

    def _enqueue(self, pcm: Pcm) -> None:
        if self._unsent < self.output_rate_hz * FRAME_S:
            self._ready_s = self.now()
        self._queue.append(pcm)
        self._unsent += len(pcm)
        if self._sender is None:
            self._sender = self._start(self._send())
        self._wake_sender.set()

    @property
    def queued_samples(self) -> int:
        """Samples given to :meth:`play` so far."""
        return self._pacer.sent + self._unsent

    @property
    def played_samples(self) -> int:
        """How far playing has come at the carrier, as its marks tell."""
        if self._played_at_end is not None:
            return self._played_at_end
        return self._pacer.played(self.now())

    async def reached(self, position: int) -> None:
        """Return when the sample at ``position`` was played or dropped, or the stream ended."""
        if not self.input_ended:
            await self._progress.reached(position)

    def clear(self) -> None:
        """Stop at once: the clear is the next thing that goes to the carrier."""
        self._clear_wanted = self._clear_wanted or not self._pacer.is_all_known_played
        self._pacer.clear(self.now())
        self._queue.clear()
        self._unsent = 0
        self._has_room.set()
        self._wake_sender.set()
        self._progress.release()

    def set_gain(self, gain: float) -> None:
        """Play at ``gain`` from now on; what the carrier has already keeps its loudness."""
        self._gain = gain

    async def _send(self) -> None:
        while True:
            self._wake_sender.clear()
            if self._clear_wanted:
                self._clear_wanted = False
                await self._socket.send_clear()
                continue
            now_s = self.now()
            self._progress.advance(self.played_samples)
            due_s = self._next_due_s(now_s)
            if due_s is None:
                await self._wake_sender.wait()
            elif due_s > now_s:
                with suppress(TimeoutError):
                    async with asyncio.timeout(due_s - now_s):
                        await self._wake_sender.wait()
            elif self._queue:
                await self._send_frame(now_s, due_s)
            else:
                await self._send_mark(now_s)

    def _next_due_s(self, now_s: float) -> float | None:
        """Return when there is something to do next, or None if there is nothing."""
        if self._queue:
            return self._pacer.due_s(self._unsent)
        if not self._pacer.is_marked_to_end:
            return self._pacer.end_mark_due_s
        return now_s + _CHECK_PLAYED_S if self.played_samples < self._pacer.sent else None

    async def _send_frame(self, now_s: float, due_s: float) -> None:
        frame_samples = int(self.output_rate_hz * FRAME_S)
        pcm = self._dequeue(frame_samples)
        late_ms = (now_s - max(due_s, self._ready_s)) * 1000
        self._lateness[min(_BINS - 1, max(0, int(late_ms / _BIN_MS)))] += 1
        self._latest_ms = max(self._latest_ms, late_ms)
        self._frames_sent += 1
        self._pacer.frame_sent(len(pcm), now_s)
        pcm = scaled(pcm, self._gain)
        self._level_dbfs = rms_dbfs(pcm)
        epoch = self._pacer.epoch
        padding = np.zeros(frame_samples - len(pcm), dtype=np.int16)
        await self._socket.send_audio(
            self._codec.encode(np.concatenate([pcm, padding]) if len(padding) else pcm)
        )
        self._has_room.set()
        if epoch == self._pacer.epoch:
            self._pacer.frame_arrived(self.now())
            await self._send_mark(now_s)

    async def _send_mark(self, now_s: float) -> None:
        name = self._pacer.next_mark(now_s, is_end=not self._queue)
        if name is not None:
            await self._socket.send_mark(name)

    def _dequeue(self, samples: int) -> Pcm:
        pieces: list[Pcm] = []
        wanted = samples
        while wanted and self._queue:
            head = self._queue.popleft()
            if len(head) > wanted:
                self._queue.appendleft(head[wanted:])
                head = head[:wanted]
            wanted -= len(head)
            pieces.append(head)
        pcm = np.concatenate(pieces)
        self._unsent -= len(pcm)
        return pcm

    def stats(self) -> PacingStats:
        """Return how punctual the sound was so far."""
        total = int(self._lateness.sum())
        below = np.cumsum(self._lateness)

        def percentile(share: float) -> float:
            if not total:
                return 0.0
            return float((int(np.searchsorted(below, share * total)) + 1) * _BIN_MS)

        return PacingStats(
            self._frames_sent,
            self._pacer.underruns,
            percentile(0.5),
            percentile(0.99),
            self._latest_ms,
        )

    # --- the end ---

    async def close(self) -> None:
        """End the stream and the line; :meth:`frames` stops."""
        if self._is_closed:
            return
        self._is_closed = True
        self._end()
        tasks = [task for task in (self._receiver, self._sender) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._socket.close()

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(self._until_broken(work))

    async def _until_broken(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except ConnectionError as error:
            _log.info("media stream broke", line=self.id, error=type(error).__name__)
        except Exception:  # noqa: BLE001 - a broken stream ends the line, not the conversation
            _log.exception("media stream failed")
        self._end()

    def _end(self) -> None:
        """The stream is over: let go whoever waits for it."""
        if not self.input_ended:
            self._played_at_end = self.played_samples
            self.input_ended = True
        self._has_input.set()
        self._has_digit.set()
        self._has_room.set()
        self._progress.release()
