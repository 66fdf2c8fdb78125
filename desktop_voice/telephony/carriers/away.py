"""Away: what the settings want for callers while the app is closed, and what they lack for it."""

from __future__ import annotations

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.errors import PhoneError
from desktop_voice.core.phone_settings import AwayChoice, AwaySettings
from desktop_voice.telephony.carriers import errors

FORWARDING = "call forwarding"
"""What takes a number's calls that the carrier forwards by itself."""

_DEEDS = {
    AwayChoice.MESSAGE: "say a message to callers",
    AwayChoice.FORWARD: "forward callers",
    AwayChoice.VOICEMAIL: "take messages of callers",
}


def lacking(away: AwaySettings) -> str:
    """Return what ``away`` needs for its choice and does not have, in words; empty: nothing."""
    match away.choice:
        case AwayChoice.MESSAGE if not away.message.strip():
            return "a message"
        case AwayChoice.FORWARD if not away.forward_to:
            return "a number to forward to"
        case AwayChoice.ADDRESS if not away.address:
            return "an https address of yours"
    return ""


def check(away: AwaySettings, carrier: CarrierName) -> None:
    """Raise what ``away`` lacks for its choice.

    Raises:
        PhoneError: ``CARRIER-32``.
        ValueError: It says ``restore``.
    """
    if away.choice is AwayChoice.RESTORE:
        raise ValueError("what stood there before is restored, not set")
    if what := lacking(away):
        raise errors.away_incomplete(carrier, what)


def not_by_itself(carrier: CarrierName, choice: AwayChoice, do: str) -> PhoneError:
    """The carrier has nothing of its own for ``choice``; ``do`` says what it has."""
    return errors.not_possible(carrier, f"{_DEEDS[choice]} by itself while this app is closed", do)
