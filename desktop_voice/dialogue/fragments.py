"""Fragments: what a reply's parts mean for the conversation, and what of them is to be spoken."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import structlog

from desktop_voice.agent.history import History
from desktop_voice.agent.reply import Action, Did, Do, Filler, Problem, RepeatLast, ReplyPart, Say
from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.errors import DesktopVoiceError

_log = structlog.get_logger()

_NOTHING_TO_REPEAT = "I have not said anything yet."


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of text to be spoken; a filler is spoken at once and is no part of the reply."""

    text: str
    is_filler: bool = False


async def fragments_of(
    parts: AsyncGenerator[ReplyPart, None],
    bus: EventBus,
    line_id: str,
    history: History,
    actions: list[Action],
) -> AsyncGenerator[Fragment, None]:
    """Yield the text of ``parts``; publish what ran and what failed, and collect ``actions``.

    Closing it closes ``parts``.
    """
    async with aclosing(parts):
        async for part in parts:
            match part:
                case Say(text):
                    yield Fragment(text)
                case Filler(text):
                    yield Fragment(text, is_filler=True)
                case Did(name):
                    bus.publish(ev.ToolRan(line_id, name))
                case Do(RepeatLast()):
                    yield Fragment(history.last_reply or _NOTHING_TO_REPEAT)
                case Do(action):
                    actions.append(action)
                case Problem(error):
                    bus.publish(ev.ErrorRaised.of(error))


async def spoken(text: str) -> AsyncGenerator[Fragment, None]:
    """Yield ``text`` as it is."""
    yield Fragment(text)


def _failure(error: Exception, code: str, what: str, do: str) -> ev.ErrorRaised:
    """Return the event that tells of ``error``; one that nobody foresaw is logged.

    ``code``, ``what`` (without a period) and ``do`` describe an error that does not do so itself.
    """
    if isinstance(error, DesktopVoiceError):
        return ev.ErrorRaised.of(error)
    _log.error("conversation failed", code=code, exc_info=error)
    return ev.ErrorRaised(code, f"{what} ({type(error).__name__}).", do, retryable=True)


def reply_failure(error: Exception) -> ev.ErrorRaised:
    """Return the event that tells that a reply failed."""
    return _failure(
        error,
        "TURN-01",
        "The reply failed unexpectedly",
        "Ask again; if it keeps failing, see the log.",
    )


def listening_failure(error: Exception) -> ev.ErrorRaised:
    """Return the event that tells that listening failed."""
    return _failure(
        error,
        "TURN-02",
        "Listening failed unexpectedly",
        "Ask again; if it keeps failing, choose other engines in Settings > Speech.",
    )
