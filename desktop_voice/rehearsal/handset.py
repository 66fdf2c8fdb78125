"""The far end's handset: its mouth and its ear, moved 20 ms at a time by the call's clock."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from desktop_voice.audio.frames import FRAME_MS, Pcm, silence
from desktop_voice.rehearsal.playout import Playout

_AUDIBLE_RMS = 60.0
"""About -55 dBFS: below it a frame counts as silence, as comfort noise does."""
UTTERANCE_GAP_MS = 700
"""So much silence ends what is reported as one utterance of the app."""
_PRE_ROLL_MS = 200


def audible(pcm: Pcm) -> bool:
    """Whether somebody would notice that there is sound in the frame."""
    return bool(len(pcm)) and float(np.sqrt(np.mean(pcm.astype(np.float32) ** 2))) >= _AUDIBLE_RMS


@dataclass(slots=True)
class Said:
    """Something the far end said whose words are known; times in ms on the call's clock."""

    text: str
    start_ms: float
    end_ms: float


class Handset:
    """Event loop only.

    Attributes:
        now_ms: The call's clock: how many milliseconds of sound have passed.
        app_has_spoken: Whether the app has ever been heard.
        app_quiet_ms: For how long the app has been silent.
        said: What this end has said so far in known words.
        on_utterance: Is told the sound of each utterance of the app.
        microphone: A live source of 20 ms frames, used while nothing else is said.
        speaker: A live sink of what the app plays.
    """

    def __init__(self, on_digit: Callable[[str], None]) -> None:
        self.now_ms = 0.0
        self.app_has_spoken = False
        self.app_quiet_ms = 0.0
        self.said: list[Said] = []
        self.on_utterance: Callable[[Pcm], None] | None = None
        self.digits_heard = ""
        self.microphone: Callable[[], Pcm | None] | None = None
        self.speaker: Callable[[Pcm], None] | None = None
        self._on_digit = on_digit
        self._mouth = Playout()
        self._utterance: list[Pcm] = []
        self._before: deque[Pcm] = deque(maxlen=_PRE_ROLL_MS // FRAME_MS)
        self._tick = asyncio.Event()

    async def say(self, pcm: Pcm, text: str = "") -> None:
        """Say 16 kHz samples; return when they have been said. ``text``: its words, if known."""
        start_ms = self.now_ms
        if text:
            self.said.append(Said(text, start_ms, start_ms + len(pcm) / 16))
        self._mouth.play(pcm)
        await self._mouth.drained()

    async def press(self, digits: str, *, gap_ms: int = 200) -> None:
        """Press keys; ``w`` waits half a second."""
        for key in digits:
            if key == "w":
                await self.wait(500)
                continue
            self._on_digit(key)
            await self.wait(gap_ms)

    async def wait(self, ms: float) -> None:
        """Let ``ms`` of the call pass."""
        until_ms = self.now_ms + ms
        while self.now_ms < until_ms:
            await self._next_tick()

    async def wait_for_quiet(self, gap_ms: float, patience_ms: float) -> bool:
        """Wait until the app has spoken and then been silent for ``gap_ms``.

        Returns:
            False if it has said nothing for ``patience_ms``.
        """
        give_up_ms = self.now_ms + patience_ms
        while self.app_quiet_ms < gap_ms or not self.app_has_spoken:
            if not self.app_has_spoken and self.now_ms >= give_up_ms:
                return False
            await self._next_tick()
        return True

    async def wait_for_speech(self) -> None:
        """Wait until the app speaks."""
        while self.app_quiet_ms > 0 or not self.app_has_spoken:
            await self._next_tick()

    def forget_speech(self) -> None:
        """Let :meth:`wait_for_quiet` wait for something that the app is yet to say."""
        self.app_has_spoken = False

    def words_between(self, start_ms: float, end_ms: float) -> str | None:
        """Return the known words said in that time, ``None`` if words were said that are not."""
        texts = [s.text for s in self.said if s.start_ms < end_ms and s.end_ms > start_ms]
        return " ".join(texts) if texts else None

    def tick(self, from_app: Pcm | None) -> tuple[Pcm, bool]:
        """Hear 20 ms of the app; return 20 ms of this end and whether somebody is heard in it."""
        self._hear(from_app)
        if self.speaker is not None and from_app is not None:
            self.speaker(from_app)
        own = self._mouth.draw()
        if own is None and self.microphone is not None:
            own = self.microphone()
        frame = silence(FRAME_MS) if own is None else own
        self.now_ms += FRAME_MS
        tick, self._tick = self._tick, asyncio.Event()
        tick.set()
        return frame, audible(frame)

    def hear_digits(self, digits: str) -> None:
        """Hear keys that the app pressed."""
        self.digits_heard += digits

    def finish(self) -> None:
        """Report an utterance that the end of the call cut off."""
        self._close_utterance()

    def _hear(self, from_app: Pcm | None) -> None:
        if from_app is not None and audible(from_app):
            self.app_has_spoken = True
            self.app_quiet_ms = 0.0
        else:
            self.app_quiet_ms += FRAME_MS
        frame = silence(FRAME_MS) if from_app is None else from_app
        if self.app_quiet_ms == 0 or self._utterance:
            self._utterance += [*self._before, frame]
            self._before.clear()
        else:
            self._before.append(frame)
        if self._utterance and self.app_quiet_ms >= UTTERANCE_GAP_MS:
            self._close_utterance()

    def _close_utterance(self) -> None:
        frames, self._utterance = self._utterance, []
        if frames and self.on_utterance is not None:
            self.on_utterance(np.concatenate(frames))

    async def _next_tick(self) -> None:
        await self._tick.wait()
