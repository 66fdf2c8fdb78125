"""The gather pipeline: text turns for carriers that hear and speak themselves."""

from __future__ import annotations

import asyncio
import re
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal

from desktop_voice.agent.history import History
from desktop_voice.agent.manner import Answerer
from desktop_voice.agent.reply import Action, EndCall
from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.secret_text import masked
from desktop_voice.dialogue.clauses import speakable
from desktop_voice.dialogue.fragments import fragments_of, reply_failure

MAX_REPLY_CHARS = 2500
APOLOGY = "Sorry, something went wrong here. Please say that again."
_SENTENCE_END = re.compile(r"[.!?…][\"')\]”’]*(?=\s|$)")


@dataclass(frozen=True, slots=True)
class GatherReply:
    """A reply that is ready to be spoken by the carrier.

    Attributes:
        text: Plain words without markup, at most ``MAX_REPLY_CHARS``; may be empty.
        actions: What the reply asked for besides.
        ends_call: Whether the call is to be ended once ``text`` was spoken.
    """

    text: str
    actions: tuple[Action, ...] = ()
    ends_call: bool = False


def bounded(text: str, most_chars: int = MAX_REPLY_CHARS) -> str:
    """Return the beginning of ``text`` up to the last sentence that fits, else the last word."""
    if len(text) <= most_chars:
        return text
    # One character more shows whether a sentence ends exactly at the limit.
    ends = [match.end() for match in _SENTENCE_END.finditer(text[: most_chars + 1])]
    ends = [end for end in ends if end <= most_chars]
    if ends:
        return text[: ends[-1]]
    space = text.rfind(" ", 0, most_chars)
    return text[: space if space > 0 else most_chars]


class GatherPipeline:
    """One conversation in text turns; used on the media loop.

    The conversation's owner tells what the far end said (:meth:`begin`), asks for the reply
    (:meth:`reply_within`, again and again while the model thinks), and tells what the carrier
    speaks (:meth:`say`) and has spoken (:meth:`heard`).
    """

    def __init__(
        self, brain: Answerer, bus: EventBus, line_id: str, history: History | None = None
    ) -> None:
        self._brain = brain
        self._bus = bus
        self._line_id = line_id
        self._history = history if history is not None else History()
        self._thinking: asyncio.Task[GatherReply] | None = None
        self._saying = ""

    @property
    def is_thinking(self) -> bool:
        """Whether a turn has begun whose reply nobody has taken yet."""
        return self._thinking is not None

    def begin(self, text: str, source: Literal["voice", "keyboard", "dtmf"] = "voice") -> None:
        """Take a turn of the far end; one that is still being thought about is given up.

        Keys in it are masked before anybody sees them.
        """
        self._give_up()
        text = masked(text)
        self._bus.publish(ev.UserTurn(self._line_id, text, source))
        self._history.add_user(text)
        self._thinking = asyncio.get_running_loop().create_task(self._reply_to(text))

    async def reply_within(self, seconds: float) -> GatherReply | None:
        """Return the reply to the last turn; None while it is not ready after ``seconds``.

        Never raises for a broken brain: the reply is then an apology.
        """
        thinking = self._thinking
        if thinking is None:
            return None
        await asyncio.wait({thinking}, timeout=seconds)
        if not thinking.done() or thinking.cancelled():
            return None
        if self._thinking is thinking:
            self._thinking = None
        return thinking.result()

    async def answer(
        self, text: str, source: Literal["voice", "keyboard", "dtmf"] = "voice"
    ) -> GatherReply:
        """Take a turn and wait for its reply; empty if a later turn came meanwhile."""
        self.begin(text, source)
        thinking = self._thinking
        while thinking is not None and not thinking.done():
            await asyncio.wait({thinking})
        if thinking is None or thinking.cancelled():
            return GatherReply("")
        if self._thinking is thinking:
            self._thinking = None
        return thinking.result()

    def say(self, text: str) -> None:
        """Tell that the carrier begins to speak ``text``."""
        self._saying = text
        if text:
            self._bus.publish(ev.ReplyText(self._line_id, text))

    def heard(self, text: str = "") -> None:
        """Tell what the far end heard of what was last said; all of it if ``text`` is empty."""
        said, self._saying = self._saying, ""
        heard = text or said
        if not heard:
            return
        self._history.add_assistant(heard)
        self._bus.publish(ev.AssistantTurn(self._line_id, said or heard, heard))

    async def close(self) -> None:
        """End the conversation; what is being thought about is given up."""
        thinking = self._thinking
        self._give_up()
        if thinking is not None:
            await asyncio.wait({thinking})

    def _give_up(self) -> None:
        if self._thinking is not None:
            self._thinking.cancel()
            self._thinking = None

    async def _reply_to(self, text: str) -> GatherReply:
        parts: list[str] = []
        actions: list[Action] = []
        try:
            answer = self._brain.answer(text, self._history)
            fragments = fragments_of(answer, self._bus, self._line_id, self._history, actions)
            async with aclosing(fragments):
                # Fillers are left to the conversation's owner, who knows what the carrier says.
                async for part in fragments:
                    if not part.is_filler:
                        parts.append(part.text)
        except Exception as error:  # noqa: BLE001 - one broken reply must not end the call
            self._bus.publish(reply_failure(error))
            parts.append(f" {APOLOGY}")
        spoken = bounded(speakable("".join(parts)))
        ends_call = any(isinstance(action, EndCall) for action in actions)
        return GatherReply(spoken, tuple(actions), ends_call)
