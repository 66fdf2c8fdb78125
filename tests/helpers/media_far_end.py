"""The far end of a media stream, in memory: a telephone that talks, listens and presses keys."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from desktop_voice.audio.frames import SAMPLE_RATE_HZ, Pcm
from desktop_voice.audio.g711 import (
    decode_alaw,
    decode_l16,
    decode_mulaw,
    encode_alaw,
    encode_l16,
    encode_mulaw,
)
from desktop_voice.audio.resample import resample
from desktop_voice.dialogue.lines.media_socket import (
    Encoding,
    MediaAudio,
    MediaDigit,
    MediaEvent,
    MediaMark,
    MediaStopped,
)

_FRAME_S = 0.02
_CODECS = {
    Encoding.MULAW_8K: (8000, encode_mulaw, decode_mulaw),
    Encoding.ALAW_8K: (8000, encode_alaw, decode_alaw),
    Encoding.L16_8K: (8000, encode_l16, decode_l16),
    Encoding.L16_16K: (16_000, encode_l16, decode_l16),
}


@dataclass
class FarEnd:
    """A telephone and the carrier between it and us, in the loop's real (or virtual) time.

    ``socket`` is our side of the stream. Every 20 ms the telephone sends 20 ms, and plays 20 ms of
    what the carrier has for it; a mark is returned once everything before it was played, or at
    once by a clear.

    Attributes:
        returns_marks: Whether marks come back at all.
        heard: What the telephone played, a piece for every 20 ms, silence included.
        sent_at_s: When each piece of sound came in.
        queued_ms: How much the carrier had each time a piece came in.
        cleared_at_s: When each clear came in.
    """

    encoding: Encoding = Encoding.MULAW_8K
    returns_marks: bool = True
    heard: list[Pcm] = field(default_factory=list)
    sent_at_s: list[float] = field(default_factory=list)
    queued_ms: list[float] = field(default_factory=list)
    cleared_at_s: list[float] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    payload_bytes: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rate_hz, self._encode, self._decode = _CODECS[self.encoding]
        self._frame_samples = int(self.rate_hz * _FRAME_S)
        self._to_us: asyncio.Queue[MediaEvent | None] = asyncio.Queue()
        self._buffer: deque[Pcm | str] = deque()
        self._speech: deque[Pcm] = deque()
        self._spoken = asyncio.Event()
        self._ticking: asyncio.Task[None] | None = None
        self.is_mute = False
        self.is_broken = False
        self.is_closed = False
        self.is_stalled = False

    @property
    def socket(self) -> FarEnd:
        """Our side: this object is the :class:`MediaSocket` too."""
        return self

    # --- the telephone ---

    async def __aenter__(self) -> FarEnd:
        self._ticking = asyncio.get_running_loop().create_task(self._tick())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.gather(self._ticking, return_exceptions=True)

    async def say(self, pcm: Pcm) -> None:
        """Speak 16 kHz samples; return when the last was sent."""
        narrow = resample(pcm, SAMPLE_RATE_HZ, self.rate_hz)
        padding = np.zeros(-len(narrow) % self._frame_samples, dtype=np.int16)
        self._speech.extend(np.split(*self._frames(np.concatenate([narrow, padding]))))
        self._spoken.clear()
        await self._spoken.wait()

    def _frames(self, pcm: Pcm) -> tuple[Pcm, int]:
        return pcm, max(1, len(pcm) // self._frame_samples)

    def press(self, digit: str) -> None:
        """Press a key."""
        self._to_us.put_nowait(MediaDigit(digit))

    def hang_up(self) -> None:
        """End the stream as carriers do."""
        self._to_us.put_nowait(MediaStopped())
        self._to_us.put_nowait(None)

    def break_off(self) -> None:
        """Lose the connection."""
        self.is_broken = True
        self._to_us.put_nowait(None)

    def send(self, event: MediaEvent) -> None:
        """Let any event come in."""
        self._to_us.put_nowait(event)

    @property
    def heard_pcm(self) -> Pcm:
        """All that was heard since the beginning, at the stream's rate."""
        return np.concatenate([np.zeros(0, dtype=np.int16), *self.heard])

    @property
    def heard_sound_ms(self) -> float:
        """How much of what was heard was not silence."""
        return sum(bool(piece.any()) for piece in self.heard) * _FRAME_S * 1000

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            self._play()
            if not self.is_mute:
                pcm = self._speech.popleft() if self._speech else None
                if pcm is None:
                    self._spoken.set()
                    pcm = np.zeros(self._frame_samples, dtype=np.int16)
                self._to_us.put_nowait(MediaAudio(self._encode(pcm)))
            due_s += _FRAME_S
            await asyncio.sleep(max(0.0, due_s - loop.time()))

    def _play(self) -> None:
        pieces: list[Pcm] = []
        wanted = self._frame_samples
        while self._buffer:
            head = self._buffer[0]
            if isinstance(head, str):
                self._return(head)
            elif wanted == 0:
                break
            elif len(head) > wanted:
                self._buffer[0] = head[wanted:]
                pieces.append(head[:wanted])
                wanted = 0
                break
            else:
                pieces.append(head)
                wanted -= len(head)
            if self._buffer[0] is head:
                self._buffer.popleft()
        self.heard.append(np.concatenate([*pieces, np.zeros(wanted, dtype=np.int16)]))

    def _return(self, mark: str) -> None:
        if self.returns_marks:
            self._to_us.put_nowait(MediaMark(mark))

    # --- our side of the stream ---

    async def receive(self) -> MediaEvent | None:
        return None if self.is_closed else await self._to_us.get()

    async def send_audio(self, payload: bytes) -> None:
        self._check()
        pcm = self._decode(payload)
        self.payload_bytes.append(len(payload))
        self._buffer.append(pcm)
        self.sent_at_s.append(asyncio.get_running_loop().time())
        self.queued_ms.append(self.buffered_ms)

    async def send_mark(self, name: str) -> None:
        self._check()
        self.marks.append(name)
        self._buffer.append(name)

    async def send_clear(self) -> None:
        self._check()
        self.cleared_at_s.append(asyncio.get_running_loop().time())
        for dropped in self._buffer:
            if isinstance(dropped, str):
                self._return(dropped)
        self._buffer.clear()

    async def close(self) -> None:
        self.is_closed = True
        self._to_us.put_nowait(None)

    @property
    def buffered_ms(self) -> float:
        """How much the carrier has to play."""
        samples = sum(len(piece) for piece in self._buffer if not isinstance(piece, str))
        return samples * 1000 / self.rate_hz

    def _check(self) -> None:
        if self.is_broken or self.is_closed:
            raise ConnectionError("the stream is gone")
