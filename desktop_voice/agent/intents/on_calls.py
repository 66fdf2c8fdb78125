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
    steers the desk's voice or microphone, which a call does not use.
    """
    return _OWNER if is_owner else _CALLER


def _goodbye(_slots: Mapping[str, Any], _desk: Desk) -> Iterator[ReplyPart]:
    yield Say(GOODBYE)
    yield Do(EndCall())


def _or_goodbye(handler: Handler) -> Handler:
    """Return a handler that says goodbye where the words close the conversation."""

    def handle(slots: Mapping[str, Any], desk: Desk) -> Iterator[ReplyPart]:
        return _goodbye(slots, desk) if slots.get("closes") else handler(slots, desk)

    return handle


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
        "chat.hello": smalltalk.HANDLERS["chat.hello"],
        "chat.nature": smalltalk.HANDLERS["chat.nature"],
        "talk.repeat": control.HANDLERS["talk.repeat"],
        "talk.stop": _or_goodbye(control.HANDLERS["talk.stop"]),
        "talk.thanks": _or_goodbye(control.HANDLERS["talk.thanks"]),
        "chat.goodbye": _goodbye,
        "chat.help": _help,
        "chat.name": _name,
        "phone.hang_up": _goodbye,
    }
)
_OWNER: Mapping[str, Handler] = MappingProxyType({**_CALLER, **timers.HANDLERS})
