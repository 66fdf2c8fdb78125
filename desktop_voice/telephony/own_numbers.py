"""Own numbers: which of the account's numbers calls go out from and come in on."""

from __future__ import annotations

from collections.abc import Sequence

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.errors import PhoneError
from desktop_voice.telephony.carriers.carrier import OwnNumber
from desktop_voice.telephony.carriers.errors import no_number


def voice_numbers(numbers: Sequence[OwnNumber], carrier: CarrierName) -> list[OwnNumber]:
    """Return those of the account's numbers that can carry calls.

    Raises:
        PhoneError: None can (``CARRIER-06``).
    """
    voice = [number for number in numbers if number.has_voice]
    if not voice:
        raise no_number(carrier)
    return voice


def choose_number(numbers: Sequence[OwnNumber], chosen: str, carrier: CarrierName) -> OwnNumber:
    """Return the chosen number of the account, or its only one where ``chosen`` is empty.

    Raises:
        PhoneError: The account has none for voice (``CARRIER-06``), not that one (``PHONE-03``), or
            several and none is chosen (``PHONE-04``).
    """
    voice = voice_numbers(numbers, carrier)
    if chosen:
        found = next((number for number in voice if number.number == chosen), None)
        if found is None:
            raise PhoneError(
                "PHONE-03",
                "The account has no such number.",
                "Check Settings > Phone > My number against the carrier's list; while that is "
                f"empty, {carrier}_phone_number in the vault counts.",
            )
        return found
    if len(voice) > 1:
        raise PhoneError(
            "PHONE-04",
            "The account has several numbers.",
            "Choose the one to use in Settings > Phone > My number.",
        )
    return voice[0]
