"""The built-in intents that hand a call over to the phone: whom to call, and what to tell them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from desktop_voice.agent.intents.desk import Desk, Handler
from desktop_voice.agent.intents.spoken_digits import read_spoken_digits
from desktop_voice.agent.reply import Call, Do, HangUpCalls, ReplyPart, Say

CONFIRM = "I will ask you to confirm the call."
MAX_NAME_WORDS = 5
MAX_MESSAGE_CHARS = 1000
_MESSAGE = re.compile(
    r"[, ]+(?:and|to) (?P<verb>tell|ask|say|let|remind|inform|wish|invite)\b(?P<words>.*)",
    re.IGNORECASE | re.DOTALL,
)
_WHOM = r"(?:them|him|her|it|everyone|everybody|people|whoever answers|the person)"
_ABOUT = r"(?:about|on|over|regarding|concerning)"
_TALK = re.compile(
    rf"""[, ]+(?:and|to)\ (?:
        (?:talk|speak|chat)(?:\ (?:to|with)\ {_WHOM})?(?:\ {_ABOUT}\ (?P<talk>.+))?
        | (?:have|hold|start)\ (?:an?\ )?(?:conversation|talk|chat|discussion|word)
          (?:\ with\ {_WHOM})?(?:\ {_ABOUT}\ (?P<conversation>.+))?
        | discuss\ (?P<discuss>.+)
    )$""".replace(_WHOM, _WHOM.replace(" ", r"\ ")),
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_POLITE_END = re.compile(
    r"(?:(?:[,.!?;\s]+(?:please|thanks|thank you|for me))+[.!?]?)?[\s,;]*$", re.IGNORECASE
)
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


def split_message(text: str) -> tuple[str, str]:
    """Return a wish for a call without the message, and the message for whom is called.

    The message is what they are to hear: ``and tell them the server is up`` is ``the server is
    up``, ``and ask her to wait`` is ``Please wait``. It is empty if there is none.
    """
    found = _MESSAGE.search(text)
    if found is None:
        return text, ""
    words = _POLITE_END.sub("", found["words"]).strip(' ,:;"“”')
    return text[: found.start()], _message(found["verb"].casefold(), words)[:MAX_MESSAGE_CHARS]


def split_topic(text: str) -> tuple[str, str]:
    """Return a wish for a call without what is to be talked about, and that as first words.

    ``and have a conversation about their order`` is ``I am calling about your order.`` They are
    empty if nothing is named, or if there is a message before it.
    """
    text = _POLITE_END.sub("", text)
    found, message = _TALK.search(text), _MESSAGE.search(text)
    if found is None or (message is not None and message.start() < found.start()):
        return text, ""
    topic = next((words for words in found.groupdict().values() if words), "").strip(' ,.!?:;"“”')
    topic = re.sub(rf" with {_WHOM}$", "", topic, flags=re.IGNORECASE)
    topic = re.sub(r"^their\b", "your", topic, flags=re.IGNORECASE)
    words = f"I am calling about {topic}"[: MAX_MESSAGE_CHARS - 1]
    return text[: found.start()], f"{words}." if topic else ""


def _message(verb: str, words: str) -> str:
    """Turn what is said of somebody into what is said to them."""
    if verb == "say":
        return _without(words, "to them", "that")
    words = _without(words, _WHOM)
    if verb in {"tell", "let", "inform"}:
        words = _without(words, "know", "of", "about") if verb != "tell" else words
        verb = "ask" if re.match(r"(?:not )?to\s", words, re.IGNORECASE) else "tell"
    if verb == "tell":
        return _without(words, "that")
    openings = {
        ("ask", "to"): "Please",
        ("ask", "not to"): "Please do not",
        ("remind", "to"): "Please remember to",
        ("remind", "about"): "This is a reminder about",
        ("remind", "of"): "This is a reminder of",
        ("remind", "that"): "This is a reminder that",
        ("invite", "to"): "You are invited to",
    }
    for (of_verb, link), opening in openings.items():
        if verb == of_verb and (rest := _without(words, link)) != words:
            return f"{opening} {rest}"
    always = {"ask": "I was asked to ask", "remind": "This is a reminder:", "wish": "I wish you"}
    return f"{always.get(verb, 'You are invited:')} {words}" if words else ""


def _without(words: str, *leads: str) -> str:
    """Return ``words`` without these words at their beginning, one after the other."""
    for lead in leads:
        words = re.sub(rf"^{lead}(?:[\s,:]+|$)", "", words, flags=re.IGNORECASE)
    return words


def is_number(callee: str) -> bool:
    """Return whether what :func:`read_callee` returned is a number, not a name."""
    return _NUMBER.fullmatch(callee) is not None


def read_callee(text: str) -> str | None:
    """Return whom to call, without a message for them; None if that is neither name nor number.

    A number that was said in words is returned in digits, one that was typed as it stands.
    """
    callee = _TAIL.sub("", _TALK.sub("", _MESSAGE.sub("", text.strip(" ,.?!"))))
    number = _NUMBER.fullmatch(callee)
    if number is not None:
        return number[1].strip()
    spoken = read_spoken_digits(re.sub(r"^the number ", "number ", callee, flags=re.IGNORECASE))
    if spoken is not None:
        return spoken
    words = callee.casefold().split()
    is_name = (
        0 < len(words) <= 2 * MAX_NAME_WORDS + 2
        and words[0] not in _NO_NAMES
        and words[-1] not in _NO_LAST_WORDS
        and all(re.fullmatch(r"[^\W_][^\W_'’.-]*(?:['’.-][^\W_]*)*", word) for word in words)
    )
    return callee if is_name else None


def _call(slots: Mapping[str, Any], _desk: Desk) -> Iterator[ReplyPart]:
    callee: str = slots["callee"]
    topic: str = slots.get("topic", "")
    yield Do(Call(callee, topic or slots.get("message", ""), is_conversation=bool(topic)))
    if is_number(callee):
        yield Say(CONFIRM)
    else:
        yield Say("I don't know the number. Please tell me the number instead of the name.")


def _hang_up(_slots: Mapping[str, Any], _desk: Desk) -> Iterator[ReplyPart]:
    yield Do(HangUpCalls())
    yield Say("Okay.")


HANDLERS: Mapping[str, Handler] = MappingProxyType({"phone.call": _call, "phone.hang_up": _hang_up})
READERS: Mapping[str, Callable[[str], object | None]] = MappingProxyType({"callee": read_callee})
