"""Answers: everything that one sentence says of the phone, whatever was asked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from desktop_voice.agent.intents.phone_setup import (
    Callers,
    read_callers,
    read_carrier,
    read_host,
    read_tunnel,
    read_url,
)
from desktop_voice.agent.phone_setup.draft import Step
from desktop_voice.agent.phone_setup.wording import (
    as_e164,
    is_question,
    read_choice,
    read_greeting,
    read_own_number,
    read_place,
)
from desktop_voice.core.calls import CarrierName
from desktop_voice.core.phone_settings import TunnelChoice
from desktop_voice.core.reach import NumberChoice

_USES_TUNNEL = re.compile(
    r"\b(?:use|with|through|over|by|via)\s+(?:the\s+)?(?P<tunnel>.{3,40})", re.I
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said; None or empty: nothing of the kind.

    Attributes:
        number: The user's own at the carrier, in E.164.
        callers: Who may call; its numbers are in E.164.
        greeting: The words for callers; empty: a greeting was wished for without its words.
        is_bad_number: Whether a phone number was said that cannot be one.
    """

    carrier: CarrierName | None = None
    number: str = ""
    tunnel: TunnelChoice | None = None
    public_url: str = ""
    hostname: str = ""
    callers: Callers | None = None
    greeting: str | None = None
    is_bad_number: bool = False

    @property
    def says_something(self) -> bool:
        """Whether anything was understood."""
        return self != Answer()


def read_answer(
    text: str,
    step: Step | None,
    region: str,
    choices: Sequence[NumberChoice] = (),
    *,
    is_command: bool = False,
) -> Answer:
    """Return what ``text`` says; pure. A question says nothing, unless it is a command.

    Args:
        text: The words, with keys masked.
        step: What was asked; what would be a plain answer to it needs no more words.
        region: The country of numbers that are said without one.
        choices: The numbers of the account, if one of them was asked for.
        is_command: Whether the words are a command that was recognised.
    """
    rest, greeting = read_greeting(text)
    if is_question(rest) and not is_command:
        return Answer(greeting=greeting)
    if step is Step.GREETING and not is_command:
        # Whatever it is about, it may be what callers shall hear.
        return Answer(greeting=greeting)
    callers, is_bad = _callers(rest, step, region)
    if callers is not None or is_bad:
        own = ""
    else:
        own, is_bad = _own_number(rest, step, region, choices)
    tunnel, url = _tunnel(rest, step, is_command=is_command)
    carrier = read_carrier(rest) if step is Step.CARRIER or is_command else None
    if carrier is None and step is Step.CARRIER:
        carrier = read_place(rest, tuple(CarrierName))
    return Answer(
        carrier,
        own,
        tunnel,
        url,
        read_host(rest) if TunnelChoice.CLOUDFLARED is tunnel or step is Step.TUNNEL_DETAIL else "",
        callers,
        greeting,
        is_bad,
    )


def _callers(text: str, step: Step | None, region: str) -> tuple[Callers | None, bool]:
    callers = read_callers(text, is_answer=step is Step.POLICY)
    if callers is None:
        return None, False
    numbers = tuple(as_e164(number, region) for number in callers.numbers)
    if not all(numbers):
        return None, True
    return Callers(callers.kind, numbers), False


def _own_number(
    text: str, step: Step | None, region: str, choices: Sequence[NumberChoice]
) -> tuple[str, bool]:
    chosen = read_choice(text, choices) if step is Step.NUMBER else None
    if chosen is not None:
        return chosen.number, False
    digits = read_own_number(text)
    number = as_e164(digits, region) if digits else ""
    return number, bool(digits and not number)


def _tunnel(text: str, step: Step | None, *, is_command: bool) -> tuple[TunnelChoice | None, str]:
    if step is Step.TUNNEL_DETAIL:
        return None, read_url(text)
    if step is Step.TUNNEL or is_command:
        tunnel = read_tunnel(text)
        if tunnel is None and step is Step.TUNNEL:
            tunnel = read_place(text, tuple(TunnelChoice))
        url = read_url(text) if tunnel in (None, TunnelChoice.NONE) else ""
        return (TunnelChoice.NONE if url else tunnel), url
    uses = _USES_TUNNEL.search(text)
    return (read_tunnel(uses["tunnel"]) if uses else None), ""
