"""The built-in intents that set the phone up, and how carriers, tunnels and callers are said."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeVar

from desktop_voice.agent.intents.desk import Desk, Handler
from desktop_voice.agent.intents.spoken_digits import read_spoken_digits
from desktop_voice.agent.reply import ReplyPart, Say
from desktop_voice.core.calls import CarrierName
from desktop_voice.core.phone_settings import TunnelChoice

NOT_HERE = (
    "The phone is set up at the desk: open Desktop Voice, or run “desktop-voice setup phone”."
)
MIN_NUMBER_DIGITS = 7
MAX_NUMBER_DIGITS = 15
_MAX_NUMBERS = 20
_MAX_CHARACTERS = 400

Choice = TypeVar("Choice")

_CARRIERS = {
    CarrierName.TWILIO: r"twil+io|twil+y ?o|twilight|twill? ?eo|tullio",
    CarrierName.TELNYX: r"tel ?n[iy](?:x|cks|ks|cs)|tell? ?n[iy](?:x|cks|ks)|tail ?n[iy]x",
    CarrierName.PLIVO: r"pl[iey]e?vo|plee ?vo|cleavo|clivo|ply ?vo",
}
_TUNNELS = {
    TunnelChoice.CLOUDFLARED: r"cloud[ -]?fl(?:are|air|ared|ayer)d?|cloud flare d",
    TunnelChoice.NGROK: r"n[ -]?grok|en[ -]?gro[ck]k?|and grok|n\.? ?g ?rock?|in grok",
    TunnelChoice.TAILSCALE: r"tail[ -]?scales?|tale ?scale|tail ?skill",
    TunnelChoice.NONE: r"my own(?: public)?(?: address| url| domain)?|own address|no tunnel",
}
_URL = re.compile(r"https://[A-Za-z0-9.-]{1,200}(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]{0,100})?")
_HOST = re.compile(
    r"(?<![A-Za-z0-9.@-])(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}\b"
)
_NOT = re.compile(r"\b(?:do not|don'?t|never|stop|no(?=\s+(?:one|calls?)\b)|nobody|no one|noone)\b")
_BUT = re.compile(r"\b(?:except|but|unless|other than|apart from|not)\b")
_MISHEARD = re.compile(r"^((?:(?:please|only|also|just)[, ]+)*)except (?:a )?call(?:s|ed)?\b")
_CODE = re.compile(r"\b(?:codes?|pair|pairing|paired)\b")
_ANYONE = re.compile(
    r"\b(?:anyone|anybody|any ?one|everyone|everybody|every ?one|whoever|(?:any|all|every) callers?"
    r"|all calls|the whole world|all numbers|any numbers?)\b"
)
_ALSO = re.compile(r"\b(?:also|too|as well|additionally|add)\b")
_NOBODY_ELSE = re.compile(r"\b(?:nobody|no one|noone|no calls?)\b")
_LEAD_OF_NUMBERS = re.compile(
    r"^.*?\b(?:from|allow|let|admit|add|only|just|accept|number is)\s+"
    r"(?=\+|\d|\(|plus\b|the number\b|zero|oh|one|two|three|four"
    r"|five|six|seven|eight|nine|double|triple|ten|eleven|twelve|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)",
    re.DOTALL,
)
_NUMBER_TAIL = re.compile(
    r"[\s,.!?]*(?:\b(?:to call|may call|can call|call)(?: me| in)?|\bas well|\btoo|\balso|\bplease"
    r"|\bonly)[\s,.!?]*$"
)


class CallersKind(StrEnum):
    """What a sentence says of who may call."""

    ONLY = "only"
    ALSO = "also"
    ANYONE = "anyone"
    CODE = "code"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Callers:
    """Who may call, as it was said; numbers are digits with a ``+`` if it was said."""

    kind: CallersKind
    numbers: tuple[str, ...] = ()


def read_carrier(text: str) -> CarrierName | None:
    """Return the one carrier that ``text`` names, as recognisers write it; else None."""
    return _only(_CARRIERS, text)


def read_tunnel(text: str) -> TunnelChoice | None:
    """Return the one tunnel that ``text`` names, as recognisers write it; else None."""
    return _only(_TUNNELS, text)


def read_url(text: str) -> str:
    """Return the https address in ``text``, or a host name in it as one; empty if there is none."""
    found = _URL.search(text)
    if found:
        return found[0].rstrip("/.").lower()
    host = read_host(text)
    return f"https://{host}" if host else ""


def read_host(text: str) -> str:
    """Return the host name in ``text``, also a spoken one; empty if there is none."""
    found = _HOST.search(text) or _HOST.search(" ".join(text.split()).replace(" dot ", "."))
    return found[0].lower() if found else ""


def read_numbers(text: str) -> tuple[str, ...]:
    """Return the phone numbers that ``text`` is, as digits; empty if any part of it is none."""
    text = text.casefold().replace("the number ", "").strip(" ,.!?")
    whole = _number(text)
    if whole:
        return (whole,)
    for separator in (r"\s+(?:and|or)\s+(?:from\s+)?", r"\s*[,;]\s*(?:and\s+|or\s+)?"):
        parts = re.split(separator, text)
        numbers = [_number(part) for part in parts]
        if 1 < len(parts) <= _MAX_NUMBERS and all(numbers):
            return tuple(dict.fromkeys(numbers))
        pieces = [piece for part in parts for piece in re.split(r"\s*[,;]\s*", part)]
        numbers = [_number(piece) for piece in pieces]
        if 1 < len(pieces) <= _MAX_NUMBERS and all(numbers):
            return tuple(dict.fromkeys(numbers))
    return ()


def read_callers(text: str, *, is_answer: bool = False) -> Callers | None:
    """Return who may call according to a sentence; None if it does not say so plainly.

    Args:
        text: The words.
        is_answer: Whether it was asked who may call, so that ``anyone`` says enough.
    """
    said = _MISHEARD.sub(r"\1accept calls", " ".join(text.casefold().replace("’", "'").split()))
    if len(said) > _MAX_CHARACTERS:
        return None
    if not is_answer and not re.search(
        r"\b(?:calls?|callers?|accept|allow|admit|answer|let)\b", said
    ):
        return None
    numbers = _numbers_in(said, is_answer=is_answer)
    if _NOT.search(said):
        return None if numbers or _BUT.search(said.replace("do not", "")) else _nobody(said)
    if _BUT.search(said):
        return None
    if _CODE.search(said):
        return Callers(CallersKind.CODE)
    if _ANYONE.search(said):
        return None if numbers else Callers(CallersKind.ANYONE)
    if numbers:
        is_only = is_answer or re.search(r"\b(?:only|just)\b", said)
        adds = _ALSO.search(said) or not is_only
        return Callers(CallersKind.ALSO if adds else CallersKind.ONLY, numbers)
    return None


def _nobody(said: str) -> Callers | None:
    stops = re.search(r"\b(?:accept|allow|take|answer|admit|taking|accepting|answering|let)", said)
    return Callers(CallersKind.NOBODY) if stops or _NOBODY_ELSE.search(said) else None


def _numbers_in(said: str, *, is_answer: bool) -> tuple[str, ...]:
    rest = _NUMBER_TAIL.sub("", said)
    lead = _LEAD_OF_NUMBERS.match(rest)
    if lead:
        return read_numbers(rest[lead.end() :])
    return read_numbers(rest) if is_answer else ()


def _number(text: str) -> str:
    digits = read_spoken_digits(text) or ""
    count = len(digits.lstrip("+"))
    return digits if MIN_NUMBER_DIGITS <= count <= MAX_NUMBER_DIGITS else ""


def _only(choices: Mapping[Choice, str], text: str) -> Choice | None:
    named = [
        choice
        for choice, pattern in choices.items()
        if re.search(rf"\b(?:{pattern})\b", text, re.IGNORECASE)
    ]
    return named[0] if len(named) == 1 else None


def _callers_slot(text: str) -> str | None:
    """Whether a wildcard holds callers: numbers, anybody, or whoever has the code."""
    return text if read_callers(text, is_answer=True) is not None else None


def _not_here(_slots: Mapping[str, Any], _desk: Desk) -> Iterator[ReplyPart]:
    yield Say(NOT_HERE)


HANDLERS: Mapping[str, Handler] = MappingProxyType(
    dict.fromkeys(
        ("phone.set_up", "phone.use_carrier", "phone.use_tunnel", "phone.callers", "phone.check"),
        _not_here,
    )
)
"""Where no phone is at hand; at the desk the set-up talk answers before."""
READERS: Mapping[str, Callable[[str], object | None]] = MappingProxyType(
    {"carrier": read_carrier, "tunnel": read_tunnel, "callers": _callers_slot}
)
