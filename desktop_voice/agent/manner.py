"""The manner: who is being answered, in which words, and what their words may set off."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol

from desktop_voice.agent.history import History
from desktop_voice.agent.reply import ReplyPart
from desktop_voice.agent.tools import Tool
from desktop_voice.core.calls import CallMode
from desktop_voice.core.phone_settings import ToolPolicy


class Trust(StrEnum):
    """Whose words they are: anybody's, a known caller's, or the owner's.

    A caller's number makes nobody the owner: the carrier vouches for having sent it, not for who
    dialled.
    """

    GUEST = "guest"
    """Nothing is set off by their words."""
    KNOWN = "known"
    """On the list, paired, or called by us."""
    OWNER = "owner"
    """At this machine, or proven to be the owner."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a conversation is answered.

    Attributes:
        prompt: Which prompt the model is given: for the desk or for the phone.
        trust: Whose words are answered.
        tools: What the model may have done.
        instructions: What the model is told of this one conversation, by us or by the owner;
            nothing that came from a caller, not even their number, belongs here.
        refused: Built-in intents that cannot be done in this conversation, by their ids, and what
            is said instead.
    """

    prompt: Literal["desk", "phone"] = "desk"
    trust: Trust = Trust.OWNER
    tools: tuple[Tool, ...] = ()
    instructions: str = ""
    refused: Mapping[str, str] = field(default_factory=dict)


DESK = Manner()


class Answerer(Protocol):
    """What answers one conversation's turns; used on its loop."""

    def answer(self, text: str, history: History) -> AsyncGenerator[ReplyPart, None]:
        """Yield the reply to ``text``; closing the iterator ends all work on it.

        The history is read, never written.
        """


def granted(trust: Trust, tool_policy: ToolPolicy, mode: CallMode) -> ToolPolicy:
    """Return which tools the far end's words may set off on a call.

    The setting is the most that is granted: never anything to guests or on a call that delivers
    a message, and everything to the owner alone.
    """
    if trust is Trust.GUEST or mode is CallMode.NOTIFY:
        return ToolPolicy.NONE
    if trust is Trust.KNOWN and tool_policy is ToolPolicy.FULL:
        return ToolPolicy.CURATED
    return tool_policy


def manner_for_call(
    trust: Trust,
    tool_policy: ToolPolicy,
    mode: CallMode,
    *,
    curated: Sequence[Tool] = (),
    full: Sequence[Tool] = (),
    instructions: str = "",
) -> Manner:
    """Return how a call is answered.

    Args:
        trust: Whom we talk with.
        tool_policy: The user's setting.
        mode: What the call is for.
        curated: Tools that known callers may use, which neither act for the owner nor tell of them.
        full: Further tools, for the owner alone.
        instructions: As in :class:`Manner`.
    """
    match granted(trust, tool_policy, mode):
        case ToolPolicy.NONE:
            tools: tuple[Tool, ...] = ()
        case ToolPolicy.CURATED:
            tools = tuple(curated)
        case ToolPolicy.FULL:
            tools = (*curated, *full)
    return Manner("phone", trust, tools, instructions)
