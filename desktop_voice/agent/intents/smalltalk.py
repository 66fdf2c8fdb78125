"""Built-in intents for greetings and questions about the assistant itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from desktop_voice.agent.intents.desk import Desk, Handler
from desktop_voice.agent.reply import ReplyPart, Say


def _hello(_slots: Mapping[str, Any], desk: Desk) -> Iterator[ReplyPart]:
    hour = desk.clock.now().hour
    part = "morning" if 4 <= hour < 12 else "afternoon" if 12 <= hour < 18 else "evening"
    yield Say(f"Good {part}. What can I do for you?")


def _goodbye(_slots: Mapping[str, Any], _desk: Desk) -> Iterator[ReplyPart]:
    yield Say("Goodbye.")


def _help(_slots: Mapping[str, Any], _desk: Desk) -> Iterator[ReplyPart]:
    yield Say(
        "I can tell the time, set timers, alarms and reminders, do sums, convert units and "
        "change the volume, and a language model answers anything else."
    )


def _name(_slots: Mapping[str, Any], _desk: Desk) -> Iterator[ReplyPart]:
    yield Say("I'm Desktop Voice, your assistant.")


def _nature(_slots: Mapping[str, Any], _desk: Desk) -> Iterator[ReplyPart]:
    yield Say("I'm an AI assistant, not a person.")


HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        "chat.hello": _hello,
        "chat.goodbye": _goodbye,
        "chat.help": _help,
        "chat.name": _name,
        "chat.nature": _nature,
    }
)
