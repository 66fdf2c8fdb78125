"""One conversation in memory, held by a test: the cascading pipeline on a scripted line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from desktop_voice.agent.brain import Brain
from desktop_voice.agent.model import ChatMessage
from desktop_voice.agent.reply import Action, ReplyPart
from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.settings import Interruption, SpeechSettings, TurnSettings
from desktop_voice.core.states import Trigger
from desktop_voice.dialogue.cascading import CascadingPipeline
from desktop_voice.dialogue.ear import Ear
from desktop_voice.dialogue.interruption import InterruptionPolicy
from desktop_voice.dialogue.mouth import Mouth
from desktop_voice.dialogue.turn_words import TurnWords
from desktop_voice.speech.worker import EngineWorker
from tests.helpers.dialogue import (
    Events,
    LevelVad,
    ScriptedBrain,
    ScriptedStt,
    ScriptLine,
    ToneTts,
    quiet,
    settle,
    sound,
)

LONG = "It rains in Paris today and it will rain tomorrow as well. It may be dry on Sunday."
WORDS = sound(600)
"""Three words of the script."""


@dataclass
class Talk:
    """One conversation, held by a test."""

    line: ScriptLine
    stt: ScriptedStt
    brain: ScriptedBrain
    pipeline: CascadingPipeline
    events: Events
    triggers: list[Trigger] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)

    async def ask(self, text: str) -> None:
        """Say ``text`` and wait silently until the turn is over; the reply is not yet played."""
        self.stt.said = text
        self.pipeline.listen()
        await self.line.hear(quiet(100), sound(200 * len(text.split())), quiet(800))

    async def reply_is_played(self) -> None:
        while self.pipeline.is_replying:
            await self.line.hear(quiet(100))

    @property
    def user_turns(self) -> list[str]:
        return [event.text for event in self.events.of(ev.UserTurn)]

    @property
    def replies(self) -> list[tuple[str, str]]:
        return [(event.text, event.heard) for event in self.events.of(ev.AssistantTurn)]

    async def history(self) -> list[ChatMessage]:
        """Return what the next question sees of what went before it."""
        await self.ask("anything more")
        await self.events.next(ev.UserTurn, len(self.user_turns))
        await settle()
        return self.brain.histories[-1][:-1]


@asynccontextmanager
async def talk(
    replies: Mapping[str, Sequence[ReplyPart | Exception]] | None = None,
    *,
    is_paced: bool = False,
    interruptible: Interruption = Interruption.NONE,
    tts: ToneTts | None = None,
    has_voice: bool = True,
    policy: InterruptionPolicy | None = None,
    words: TurnWords | None = None,
) -> AsyncIterator[Talk]:
    bus = EventBus()
    line, stt, brain = ScriptLine(is_paced=is_paced), ScriptedStt(), ScriptedBrain(replies or {})
    turns = TurnSettings(interruptible=interruptible, learn_pauses=False)
    ear = Ear(LevelVad(), stt, lambda _text: 0.7, turns, is_paced=is_paced)
    worker = EngineWorker("tts")
    voice = (tts or ToneTts()) if has_voice else None
    loop = asyncio.get_running_loop()
    mouth = Mouth(line, voice, worker, SpeechSettings(), now=loop.time)
    triggers: list[Trigger] = []
    actions: list[Action] = []

    class Observer:
        def on_trigger(self, trigger: Trigger) -> None:
            triggers.append(trigger)

        def on_action(self, action: Action) -> None:
            actions.append(action)

    events = Events(bus)
    pipeline = CascadingPipeline(
        line, ear, mouth, cast(Brain, brain), bus, Observer(), turns, policy=policy, words=words
    )

    async def read() -> None:
        async for frame in line.frames():
            await pipeline.push(frame)

    reading = asyncio.create_task(read())
    try:
        yield Talk(line, stt, brain, pipeline, events, triggers, actions)
    finally:
        await pipeline.close()
        line.hang_up()
        await reading
        worker.shut_down()
