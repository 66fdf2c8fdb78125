"""Recognises built-in intents: hassil matches the sentences, readers check the open slots."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from types import MappingProxyType
from typing import Any

import yaml

from desktop_voice.agent.intents import arithmetic, call, phone_setup, timers, units
from desktop_voice.agent.intents.numbers import ends_in_number

MAX_CHARACTERS = 200
READERS: Mapping[str, Callable[[str], object | None]] = MappingProxyType(
    {
        **arithmetic.READERS,
        **call.READERS,
        **phone_setup.READERS,
        **timers.READERS,
        **units.READERS,
    }
)
"""Reads the words of a wildcard slot, by its name; None means that they do not belong there."""

_OPEN_SLOTS = frozenset({"callee", "callers", "label"})
_LEAD = re.compile(
    r"(?:please|hey|hi|hello|okay|ok|oh|so|well|um|uh|erm|and|then|now|alright|all right|jarvis|"
    r"nabu|mycroft|alexa|computer|assistant|can you(?: please)?|could you(?: please)?|"
    r"would you(?: please)?|will you(?: please)?|can i|may i|i want you to|i need you to|"
    r"i'd like you to|i would like you to|go ahead and|just|quickly|do you know|can you tell me|"
    r"could you tell me|tell me|i want to know|let me know)(?:[,.!]+\s*|\s+)",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"(?:[,.!?]+\s*|\s+)(?:please|now|right now|for me|thanks|thank you|would you|will you|"
    r"could you|can you|jarvis|assistant|computer|then|again)[\s,.!?]*$",
    re.IGNORECASE,
)
_END = ' \t\n,.!?;:…"“”'


@dataclass(frozen=True, slots=True)
class IntentMatch:
    """A built-in intent that was recognised.

    Attributes:
        name: The intent's id, such as ``timer.set``.
        is_open_ended: Whether more words may well follow what was said so far.
        slots: The values read from the words.
    """

    name: str
    is_open_ended: bool
    slots: Mapping[str, Any] = field(default_factory=dict)


class Recogniser:
    """The sentences of all built-in intents, compiled once (about 0.3 s); safe on any thread."""

    def __init__(self) -> None:
        from hassil import Intents, merge_dict

        merged: dict[str, Any] = {}
        folder = resources.files(__package__).joinpath("sentences")
        for file in sorted(folder.iterdir(), key=lambda file: file.name):
            merge_dict(merged, yaml.safe_load(file.read_text("utf-8")))
        self.intent_names = frozenset(merged["intents"])
        self._intents = Intents.from_dict(merged)

    def warm_up(self) -> None:
        """Fill the caches that the first match would wait for, such as the number words."""
        self.recognise("volume twenty five percent")
        self.recognise("set a pasta timer for ten minutes")
        self.recognise("how many miles is 5 kilometres")

    def recognise(self, text: str) -> IntentMatch | None:
        """Return the built-in intent behind ``text``, or None for a question to the model."""
        said = " ".join(text.split())
        for slot, split in (("topic", call.split_topic), ("message", call.split_message)):
            wish, words = split(said)
            if words and (match := self._first(wish)) is not None and match.name == "phone.call":
                return IntentMatch(match.name, True, MappingProxyType({**match.slots, slot: words}))
        return self._first(text)

    def _first(self, text: str) -> IntentMatch | None:
        if len(text) > MAX_CHARACTERS:
            return None
        for candidate in _candidates(text):
            match = self._match(candidate)
            if match is not None:
                return match
        return None

    def _match(self, text: str) -> IntentMatch | None:
        from hassil import recognize_all

        for result in recognize_all(text, self._intents):
            slots: dict[str, Any] = {}
            for entity in result.entities_list:
                value = entity.value
                if entity.is_wildcard:
                    value = READERS[entity.name](str(value).strip(_END))
                if value is None:
                    break
                slots[entity.name] = value
            else:
                is_open = (
                    bool((result.intent_metadata or {}).get("is_open_ended"))
                    or not _OPEN_SLOTS.isdisjoint(slots)
                    or ends_in_number(text)
                )
                return IntentMatch(result.intent.name, is_open, MappingProxyType(slots))
        return None


def _candidates(text: str) -> list[str]:
    """Return the text without the politeness around it, then with more and more of it.

    The barest comes first, so that no "please" becomes part of a name.
    """
    text = re.sub(r"\s+", " ", text.replace("’", "'")).strip(_END)
    text = re.sub(r"(?<=\d)\s?%", " percent", text)
    text = re.sub(r"(?<=[a-z\d]),(?=\s)", "", text, flags=re.IGNORECASE)
    candidates = [text] if text else []
    while (lead := _LEAD.match(text)) is not None and lead.end() < len(text):
        text = text[lead.end() :]
        candidates.append(text)
    while (tail := _TAIL.search(text)) is not None and tail.start() > 0:
        text = text[: tail.start()].strip(_END)
        candidates.append(text)
    return candidates[::-1]
