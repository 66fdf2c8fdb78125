"""What the built-in intents may use, and what a handler of theirs looks like."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from desktop_voice.agent.alarms import Alarms
from desktop_voice.agent.history import History
from desktop_voice.agent.reply import ReplyPart
from desktop_voice.core.clock import Clock


@dataclass(frozen=True, slots=True)
class Desk:
    """The clock on the wall, the alarms, and the conversation the question came from."""

    clock: Clock
    alarms: Alarms
    history: History


Handler = Callable[[Mapping[str, Any], Desk], Iterator[ReplyPart]]
"""Answers one intent from the values of its slots, at once: no waiting, no network."""
