"""Built-in intents on the telephone: the harmless ones, and a goodbye that ends the call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from desktop_voice.agent.intents import arithmetic, clock, control, smalltalk, timers, units
from desktop_voice.agent.intents.desk import Desk, Handler
from desktop_voice.agent.reply import Do, EndCall, ReplyPart, Say

GOODBYE = "Goodbye."


def on_calls(*, is_owner: bool) -> Mapping[str, Handler]:
    """Return the handlers of what is answered without the model on a call.

    Nothing among them acts on the owner's machine unless the owner is on the line, and nothing
    steers the desk's voice or microphone, which a call does not use. ``talk.stop`` is not among
    them either: on a call "no" and "not now" answer a question.
    """
    return _OWNER if is_owner else _CALLER


def _goodbye(_slots: Mapping[str, Any], _desk: Desk) -> Iterator[ReplyPart]:
    yield Say(GOODBYE)
    yield Do(EndCall())


def _hello(_slots: Mapping[str, Any], _desk: Desk) -> Iterator[ReplyPart]:
    yield Say("Hello, I can hear you.")


def _help(_slots: Mapping[str, Any], _desk: Desk) -> Iterator[ReplyPart]:
    yield Say(
        "I'm an AI assistant. I can tell the time, do sums and convert units, and a language model "
        "answers other questions. Say goodbye to end the call."
    )


def _name(_slots: Mapping[str, Any], _desk: Desk) -> Iterator[ReplyPart]:
    yield Say("I'm Desktop Voice, an AI assistant.")


_CALLER: Mapping[str, Handler] = MappingProxyType(
    {
        **arithmetic.HANDLERS,
        **clock.HANDLERS,
        **units.HANDLERS,
        "chat.nature": smalltalk.HANDLERS["chat.nature"],
        "talk.repeat": control.HANDLERS["talk.repeat"],
        "talk.thanks": control.HANDLERS["talk.thanks"],
        "talk.done": _goodbye,
        "chat.goodbye": _goodbye,
        "chat.hello": _hello,
        "chat.help": _help,
        "chat.name": _name,
        "phone.hang_up": _goodbye,
    }
)
_OWNER: Mapping[str, Handler] = MappingProxyType({**_CALLER, **timers.HANDLERS})
