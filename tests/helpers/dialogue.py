"""A conversation without devices: a line, a VAD, a recogniser, a voice and a brain by script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from desktop_voice.agent.history import History
from desktop_voice.agent.intents.recogniser import IntentMatch
from desktop_voice.agent.manner import Manner
from desktop_voice.agent.model import ChatMessage
from desktop_voice.agent.reply import ReplyPart, Say
from desktop_voice.audio.frames import FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE_HZ, Frame, Pcm
from desktop_voice.audio.levels import FLOOR_DBFS
from desktop_voice.core.bus import EventBus
from desktop_voice.core.errors import EngineError
from desktop_voice.core.events import Event
from desktop_voice.dialogue.lines.progress import Progress
from desktop_voice.speech.tts.synthesiser import Voice
from desktop_voice.speech.wake.detector import WakePhrase

E = TypeVar("E", bound=Event)

LOUD = 8000
WAKE_LEVEL = 20_000
"""A frame of this level is a wake word to :class:`ScriptedWake`."""
WORD_MS = 200
"""How long a word of :class:`ScriptedStt` takes."""


def sound(ms: float, level: int = LOUD) -> Pcm:
    """Return a constant level: loud enough for :class:`LevelVad` to be speech."""
    return np.full(int(SAMPLE_RATE_HZ * ms / 1000), level, dtype=np.int16)


def quiet(ms: float) -> Pcm:
    """Return silence."""
    return sound(ms, 0)


async def settle() -> None:
    """Let everything that is ready on the loop run."""
    for _ in range(30):
        await asyncio.sleep(0)


class LevelVad:
    """Takes loud for speech, a frame at a time and without delay."""

    block_samples = FRAME_SAMPLES

    def __init__(self) -> None:
        self.resets = 0

    def probability(self, block: Pcm) -> float:
        return 1.0 if int(np.abs(block).max()) >= LOUD // 2 else 0.0

    def reset(self) -> None:
        self.resets += 1


class ScriptedStt:
    """Hears one word of its script in every 200 ms of loud sound.

    ``said`` is moved by :meth:`expect`; each run begins at its first word, as a real recogniser
    that is given the utterance so far would.
    """

    def __init__(self, said: str = "") -> None:
        self.said = said
        self.runs_ms: list[float] = []
        self.error: Exception | None = None
        self.let_go = asyncio.Event()
        self.let_go.set()

    async def __call__(self, pcm: Pcm) -> str:
        self.runs_ms.append(len(pcm) * 1000 / SAMPLE_RATE_HZ)
        await self.let_go.wait()
        if self.error is not None:
            raise self.error
        loud_ms = np.count_nonzero(pcm) * 1000 / SAMPLE_RATE_HZ
        return " ".join(self.said.split()[: round(loud_ms / WORD_MS)])


class ToneTts:
    """Speaks 20 ms of tone a character; a clause with ``breaks_on`` in it fails half-way."""

    sample_rate_hz = 24_000

    def __init__(self, breaks_on: str = "\0") -> None:
        self.breaks_on = breaks_on
        self.spoken: list[tuple[str, str, int]] = []

    def voices(self) -> tuple[Voice, ...]:
        return (Voice("tone", "Tone", "en"),)

    def synthesise(self, text: str, *, voice: str, rate_wpm: int) -> Iterator[Pcm]:
        self.spoken.append((text, voice, rate_wpm))
        for index in range(len(text)):
            if self.breaks_on in text and index == len(text) // 2:
                raise EngineError("TTS-05", "The voice failed.", "Choose another voice.")
            yield np.full(self.sample_rate_hz // 50, 5000, dtype=np.int16)

    def close(self) -> None:
        """Nothing to free."""


class ScriptedWake:
    """Hears its phrase in the first frame of level ``WAKE_LEVEL``, and tells of it at once."""

    lag_ms = 0.0

    def __init__(self) -> None:
        self.phrases = self.known_phrases()
        self._was_loud = False

    @staticmethod
    def known_phrases() -> tuple[WakePhrase, ...]:
        return (WakePhrase("hey_test", "Hey Test"),)

    def process(self, pcm: Pcm) -> str | None:
        is_loud = int(pcm.max(initial=0)) >= WAKE_LEVEL
        heard, self._was_loud = is_loud and not self._was_loud, is_loud
        return "hey_test" if heard else None

    def reset(self) -> None:
        self._was_loud = False


@dataclass
class ScriptedBrain:
    """Answers by a table of replies; a text that is not in it is echoed back.

    While ``gate`` is cleared no reply begins. ``histories`` holds what each question could see.
    """

    replies: Mapping[str, Sequence[ReplyPart | Exception]] = field(default_factory=dict)
    intents: Mapping[str, IntentMatch] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    histories: list[list[ChatMessage]] = field(default_factory=list)
    manners: list[Manner] = field(default_factory=list)
    given_up: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def recognise(self, text: str) -> IntentMatch | None:
        return self.intents.get(text)

    def as_answerer(self, manner: Manner) -> ScriptedBrain:
        self.manners.append(manner)
        return self

    async def answer(self, text: str, history: History) -> AsyncGenerator[ReplyPart, None]:
        self.asked.append(text)
        self.histories.append(history.messages())
        parts = self.replies.get(text, [Say(f"You said {text}.")])
        is_whole = False
        try:
            await self.gate.wait()
            for part in parts:
                if isinstance(part, Exception):
                    raise part
                yield part
            is_whole = True
        finally:
            # As with a model's connection, giving up takes a moment of the loop.
            await asyncio.sleep(0)
            self.given_up += not is_whole


class ScriptLine:
    """A line in memory: the test says what is heard, and each 20 ms heard play 20 ms.

    ``frames`` ends after :meth:`hang_up`. Time passes by frames only, paced or not.
    """

    output_rate_hz = 24_000

    def __init__(self, *, is_paced: bool = False) -> None:
        self.id = "script"
        self.is_paced = is_paced
        self.input_ended = False
        self.is_half_duplex = False
        self.is_relaxed = False
        self.output_level_dbfs = FLOOR_DBFS
        self.closed = 0
        self.clears = 0
        self.gain = 1.0
        self.played_levels: list[float] = []
        self.has_queued = asyncio.Event()
        self._heard: asyncio.Queue[Pcm | None] = asyncio.Queue()
        self._time_frames = 0
        self._queued = 0
        self._played = 0
        self._progress = Progress()

    async def hear(self, *sounds: Pcm) -> None:
        """Let these be heard; return when whoever reads the line has taken them all in."""
        pcm = np.concatenate(sounds)
        for start in range(0, len(pcm), FRAME_SAMPLES):
            self._heard.put_nowait(pcm[start : start + FRAME_SAMPLES])
        await self._heard.join()
        await settle()

    def hang_up(self) -> None:
        """Let ``frames`` end."""
        self._heard.put_nowait(None)

    async def frames(self) -> AsyncIterator[Frame]:
        while (pcm := await self._heard.get()) is not None:
            self._time_frames += 1
            played = min(self._queued, self._played + self.output_rate_hz * FRAME_MS // 1000)
            self.played_levels += [self.gain] * (played > self._played)
            self._played = played
            self._progress.advance(played)
            yield Frame(pcm, self.now())
            await settle()
            self._heard.task_done()

    def now(self) -> float:
        return self._time_frames * FRAME_MS / 1000

    async def play(self, pcm: Pcm) -> None:
        self._queued += len(pcm)
        self.has_queued.set()

    @property
    def queued_samples(self) -> int:
        return self._queued

    @property
    def played_samples(self) -> int:
        return self._played

    @property
    def still_to_play_ms(self) -> float:
        return (self._queued - self._played) * 1000 / self.output_rate_hz

    async def reached(self, position: int) -> None:
        await self._progress.reached(position)

    def clear(self) -> None:
        self.clears += 1
        self._queued = self._played
        self._progress.release()

    def set_gain(self, gain: float) -> None:
        self.gain = gain

    async def close(self) -> None:
        self.closed += 1
        self.hang_up()


class Events:
    """Everything published on a bus, in order."""

    def __init__(self, bus: EventBus) -> None:
        self.all: list[Event] = []
        self._changed = asyncio.Event()
        bus.on(Event, self._keep)

    def _keep(self, event: Event) -> None:
        self.all.append(event)
        self._changed.set()

    def of(self, event_type: type[E]) -> list[E]:
        """Return the events of one type."""
        return [event for event in self.all if isinstance(event, event_type)]

    async def until(self, is_there: Callable[[], bool]) -> None:
        """Return when ``is_there`` holds; looked at after every event."""
        while not is_there():
            self._changed.clear()
            await self._changed.wait()

    async def next(self, event_type: type[E], count: int = 1) -> E:
        """Return the ``count``-th event of one type, waiting for it if need be."""
        await self.until(lambda: len(self.of(event_type)) >= count)
        return self.of(event_type)[count - 1]
