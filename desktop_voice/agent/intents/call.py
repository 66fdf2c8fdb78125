"""The built-in intent that hands a call over to the phone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from desktop_voice.agent.intents.desk import Desk, Handler
from desktop_voice.agent.intents.numbers import read_number
from desktop_voice.agent.reply import Call, Do, HangUpCalls, ReplyPart, Say

MAX_NAME_WORDS = 5
_MESSAGE = re.compile(r"[, ]+(?:and|to) (?:tell|ask|say|let|remind|inform|wish|invite)\b.*", re.I)
_TAIL = re.compile(r"\s+(?:on the phone|on (?:his|her|their) (?:mobile|cell)|back|up|again)$", re.I)
_NUMBER = re.compile(r"(?:the )?(?:number )?(\+?[\d(][\d\s().\-/]{1,30}\d)")
_NO_NAMES = frozenset(
    [
        "a",
        "an",
        "and",
        "at",
        "attention",
        "back",
        "for",
        "forth",
        "him",
        "her",
        "into",
        "it",
        "me",
        "names",
        "number",
        "numbers",
        "of",
        "off",
        "on",
        "out",
        "that",
        "them",
        "these",
        "this",
        "those",
        "to",
        "upon",
        "us",
        "what",
        "when",
        "who",
        "why",
        "you",
        "your",
        "yourself",
    ]
)
_NO_LAST_WORDS = frozenset(
    [
        "api",
        "bell",
        "bluff",
        "day",
        "doorbell",
        "function",
        "method",
        "names",
        "off",
        "procedure",
        "quits",
        "shots",
        "stack",
        "something",
        "ring",
        "tone",
        "waiting",
    ]
)


def read_callee(text: str) -> str | None:
    """Return whom to call, without a message for them; None if that is neither name nor number."""
    callee = _TAIL.sub("", _MESSAGE.sub("", text.strip(" ,.?!")))
    number = _NUMBER.fullmatch(callee)
    if number is not None:
        return number[1].strip()
    words = callee.casefold().split()
    if words[:1] == ["number"] and _is_digits(words[1:]):
        return callee.split(maxsplit=1)[1]
    is_name = (
        0 < len(words) <= 2 * MAX_NAME_WORDS + 2
        and words[0] not in _NO_NAMES
        and words[-1] not in _NO_LAST_WORDS
        and all(re.fullmatch(r"[^\W_][^\W_'’.-]*(?:['’.-][^\W_]*)*", word) for word in words)
    )
    return callee if is_name else None


def _is_digits(words: Sequence[str]) -> bool:
    """Return whether ``words`` are the digits of a number, said one by one."""
    return bool(words) and all(word == "oh" or read_number(word) is not None for word in words)


def _call(slots: Mapping[str, Any], _desk: Desk) -> Iterator[ReplyPart]:
    yield Do(Call(slots["callee"]))
    yield Say("I can't place calls yet, because the phone is not set up.")


def _hang_up(_slots: Mapping[str, Any], _desk: Desk) -> Iterator[ReplyPart]:
    yield Do(HangUpCalls())
    yield Say("Okay.")


HANDLERS: Mapping[str, Handler] = MappingProxyType({"phone.call": _call, "phone.hang_up": _hang_up})
READERS: Mapping[str, Callable[[str], object | None]] = MappingProxyType({"callee": read_callee})
