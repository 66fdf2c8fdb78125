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
)


def make_carrier(
    name: CarrierName,
    secret: Secret,
    *,
    clock: Clock,
    api_base: str = "",
    language: str = "en-US",
) -> Carrier:
    """Return a carrier, ready to use; nothing is sent yet. Modules are imported when needed.

    ``secret`` returns the vault's entry of a name, or an empty string. ``api_base`` stands for the
    carrier's own ``https://api....com``; empty: that one. ``language`` is what the carrier's own
    voice and ear speak.

    Raises:
        PhoneError: A secret is missing or cannot be right (``CARRIER-01``, ``CARRIER-02``).
        ValueError: ``api_base`` is neither ``https://`` nor on this machine.
    """
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
