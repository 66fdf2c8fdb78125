"""The catalogue: makes the carrier that the settings name, with the keys that the vault has."""

from __future__ import annotations

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.clock import Clock
from desktop_voice.telephony.carriers.carrier import Carrier
from desktop_voice.telephony.carriers.credentials import (
    PlivoCredentials,
    Secret,
    TelnyxCredentials,
    TwilioCredentials,
    own_number,
)


def make_carrier(
    name: CarrierName,
    secret: Secret,
    *,
    clock: Clock,
    api_base: str = "",
    language: str = "en-US",
) -> Carrier:
    """Return a carrier, ready to use; nothing is sent yet.

    ``secret`` returns the vault's entry of a name, or an empty string. ``api_base`` stands for the
    carrier's own ``https://api....com``; empty: that one. ``language`` is what the carrier's own
    voice and ear speak.

    Raises:
        PhoneError: A secret is missing or cannot be right (``CARRIER-01``, ``CARRIER-02``).
        ValueError: ``api_base`` is neither ``https://`` nor on this machine.
    """
    carrier = _of(name, secret, clock, api_base, language)
    carrier.own_number = own_number(name, secret)
    return carrier


def _of(name: CarrierName, secret: Secret, clock: Clock, api_base: str, language: str) -> Carrier:
    """Import the carrier's module, which no other carrier needs, and make it."""
    match name:
        case CarrierName.TWILIO:
            from desktop_voice.telephony.carriers.twilio import TwilioCarrier

            return TwilioCarrier(
                TwilioCredentials.of(secret), clock=clock, api_base=api_base, language=language
            )
        case CarrierName.TELNYX:
            from desktop_voice.telephony.carriers.telnyx import TelnyxCarrier

            return TelnyxCarrier(
                TelnyxCredentials.of(secret), clock=clock, api_base=api_base, language=language
            )
        case CarrierName.PLIVO:
            from desktop_voice.telephony.carriers.plivo import PlivoCarrier

            return PlivoCarrier(
                PlivoCredentials.of(secret), clock=clock, api_base=api_base, language=language
            )
