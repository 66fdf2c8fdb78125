"""A typed conversation with the set-up talk, without a desk around it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from desktop_voice.agent.intents.recogniser import Recogniser
from desktop_voice.agent.phone_setup.talk import SetUpTalk
from desktop_voice.agent.reply import Did, Filler, Problem, ReplyPart, Say
from tests.helpers.phone_setup import ScriptedPhone
from tests.helpers.virtual_clock import VirtualClock

RECOGNISER = Recogniser()
USUAL = "As usual."


@dataclass
class Conversation:
    """What is typed, what is replied, and what the rest of the app saw of it."""

    phone: ScriptedPhone | None = field(default_factory=ScriptedPhone)
    has_model: bool = False
    clock: VirtualClock = field(default_factory=VirtualClock)
    seen: list[str] = field(default_factory=list)
    passed_on: list[str] = field(default_factory=list)
    parts: list[ReplyPart] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.talk = SetUpTalk(RECOGNISER.recognise, lambda: self.has_model, self.clock)
        if self.phone is not None:
            self.talk.use(self.phone)

    async def say(self, text: str) -> str:
        """Return the words of the reply to ``text``."""
        self.parts = [part async for part in self.reply(text)]
        return "".join(part.text for part in self.parts if isinstance(part, Say)).strip()

    async def say_all(self, *texts: str) -> str:
        """Return the words of the reply to the last of ``texts``."""
        return [await self.say(text) for text in texts][-1]

    def reply(self, text: str) -> AsyncGenerator[ReplyPart, None]:
        """Return the reply to ``text``, to be iterated over."""
        masked = self.talk.taken(text)
        self.seen.append(masked)

        async def usual() -> AsyncGenerator[ReplyPart, None]:
            self.passed_on.append(masked)
            yield Say(USUAL)

        return self.talk.answer(masked, usual)

    @property
    def did(self) -> list[str]:
        return [part.name for part in self.parts if isinstance(part, Did)]

    @property
    def fillers(self) -> list[str]:
        return [part.text for part in self.parts if isinstance(part, Filler)]

    @property
    def problems(self) -> list[str]:
        return [part.error.code for part in self.parts if isinstance(part, Problem)]
