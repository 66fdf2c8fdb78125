"""Inbound policy: who may call in, decided from the caller's number alone and before the answer.

A caller's number is a filter and no proof: the carrier vouches for having sent it, not for who
dialled. So even a known caller may set off little; see the tool policy.
"""

from __future__ import annotations

from dataclasses import dataclass

from desktop_voice.agent.manner import Trust as Trust
from desktop_voice.core.calls import EndReason
from desktop_voice.core.numbers import strict_e164
from desktop_voice.core.phone_settings import InboundPolicy, InboundSettings

_CREDIBLE = frozenset({"", "A", "B", "C"})
_KEYS_OF_WORDS = frozenset({"+266696687", "+7378742883", "+2562533", "+8656696", "+86282452253"})
"""What carriers send in place of a withheld number: ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN and
UNAVAILABLE on a telephone's keys."""


@dataclass(frozen=True, slots=True)
class Admit:
    """Answer the call."""

    trust: Trust


@dataclass(frozen=True, slots=True)
class Refuse:
    """Refuse the call at the carrier, unanswered."""

    reason: EndReason


@dataclass(frozen=True, slots=True)
class AskPairing:
    """Answer, ask for the code, and let nothing else happen before the user agrees."""


Admission = Admit | Refuse | AskPairing


def caller_number(event_from: str, settings: InboundSettings) -> str:
    """Return the caller's number if it is one, else an empty string.

    It is one if it is valid, or listed by the user exactly as it came: the tables of valid numbers
    do not hold all there are.
    """
    if event_from in settings.allow_from and event_from not in _KEYS_OF_WORDS:
        return event_from
    return strict_e164(event_from) or ""


def admit(
    event_from: str, attestation: str, settings: InboundSettings, is_paired: bool
) -> Admission:
    """Return what becomes of an incoming call.

    Args:
        event_from: The caller's number exactly as the carrier sent it.
        attestation: STIR/SHAKEN: ``A``, ``B``, ``C``, or empty where the carrier says nothing;
            anything else makes the number count as withheld.
        settings: Who may call in; numbers are compared as they are, character by character.
        is_paired: Whether exactly ``event_from`` is paired.
    """
    policy = settings.policy
    if policy is InboundPolicy.DISABLED:
        return Refuse(EndReason.INBOUND_DISABLED)
    if not caller_number(event_from, settings) or attestation not in _CREDIBLE:
        return Refuse(EndReason.CALLER_WITHHELD)
    is_listed = event_from in settings.allow_from
    if policy is InboundPolicy.ALLOWLIST:
        return Admit(Trust.KNOWN) if is_listed else Refuse(EndReason.CALLER_NOT_ALLOWED)
    if is_listed or is_paired:
        return Admit(Trust.KNOWN)
    return AskPairing() if policy is InboundPolicy.PAIRING else Admit(Trust.GUEST)
