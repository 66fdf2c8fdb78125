"""The spoken reply: what one reply is made of while it is being written, spoken and cut."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal

from desktop_voice.agent.reply import Action
from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.core.events import LatencyStage
from desktop_voice.dialogue.lines.line import Line
from desktop_voice.dialogue.mouth import Speech

TurnSource = Literal["voice", "keyboard", "dtmf"]


@dataclass(frozen=True, slots=True)
class Heard:
    """Where the time went before a spoken turn reached the brain."""

    endpointing_ms: float
    stt_ms: float


@dataclass(slots=True)
class SpokenReply:
    """A reply, or an announcement, from the question to its last sound.

    Attributes:
        turn: The question; of an announcement the text itself.
        heard: Of a spoken question, how long it took to be understood.
        said: The question as it was said, with keys in it; shown to nobody.
        is_announcement: Spoken by the assistant's own accord.
        is_protected: Nothing that the far end does cuts it.
        is_turn: Whether it belongs to the history.
        asked_s: When the question was asked, on the loop's clock.
        queued: Set once all of it was given to the line, or once it was given up.
        held_s: Line time at which a voice silenced it, before it was known whether it interrupts.
        held_heard: What had been heard of it then.
        may_be_held: False once a voice silenced it for nothing: from then on words are waited for.
        said_over: A turn that came meanwhile and waits for its end.
    """

    turn: str
    heard: Heard | None = None
    is_announcement: bool = False
    is_protected: bool = False
    is_turn: bool = True
    said: str = field(default="", repr=False)
    asked_s: float = 0.0
    speech: Speech = field(default_factory=Speech)
    actions: list[Action] = field(default_factory=list)
    queued: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    was_cut: bool = False
    held_s: float | None = None
    held_heard: str = ""
    may_be_held: bool = True
    said_over: tuple[str, TurnSource] | None = None

    @property
    def has_sounded(self) -> bool:
        """Whether a first sound (or without a voice, a first clause) was given to the line."""
        return self.speech.first_sound_s is not None

    def heard_text(self, played_samples: int, rate_hz: int) -> str:
        """Return what was heard of it when the line has played so far."""
        if self.held_s is not None:
            return self.held_heard
        heard = self.speech.heard(played_samples, rate_hz)
        return self.speech.text.strip() if heard == self.speech.spoken else heard

    def latency(self, heard_s: float) -> tuple[LatencyStage, ...]:
        """Return where the time went from the end of the question to the first sound.

        Args:
            heard_s: When that sound was heard, on the loop's clock.
        """
        speech, heard = self.speech, self.heard
        if heard is None or speech.first_clause_s is None or speech.first_sound_s is None:
            return ()
        return (
            LatencyStage("endpointing", heard.endpointing_ms),
            LatencyStage("stt", heard.stt_ms),
            LatencyStage("reply", (speech.first_clause_s - self.asked_s) * 1000),
            LatencyStage("tts", (speech.first_sound_s - speech.first_clause_s) * 1000),
            LatencyStage("output", (heard_s - speech.first_sound_s) * 1000),
        )


class ReplyWatch:
    """Tells of one reply while the mouth speaks it, and measures how long its beginning took."""

    def __init__(
        self,
        line: Line,
        bus: EventBus,
        reply: SpokenReply,
        *,
        on_begin: Callable[[], None],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._line = line
        self._bus = bus
        self._reply = reply
        self._on_begin = on_begin
        self._spawn = spawn

    def on_clause(self, text: str) -> None:
        """A clause is about to be heard."""
        self._bus.publish(ev.ReplyText(self._line.id, text))

    def on_begin(self) -> None:
        """The first sound was queued."""
        self._on_begin()
        if self._reply.heard is not None:
            self._spawn(self._measure())

    def on_problem(self, error: DesktopVoiceError) -> None:
        """The voice engine failed; the reply goes on as text."""
        self._bus.publish(ev.ErrorRaised.of(error))

    async def _measure(self) -> None:
        reply, line = self._reply, self._line
        await line.reached(reply.speech.first_sample + 1)
        if reply.was_cut and line.played_samples <= reply.speech.first_sample:
            return
        stages = reply.latency(asyncio.get_running_loop().time())
        if stages:
            total_ms = sum(stage.ms for stage in stages)
            self._bus.publish(ev.LatencyMeasured(line.id, total_ms, stages))
