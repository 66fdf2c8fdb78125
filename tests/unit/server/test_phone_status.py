"""The phone's status in words."""

from __future__ import annotations

import pytest

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.phone_settings import InboundPolicy
from desktop_voice.server.phone_status import phone_status

BASE = "https://calm-river.example.com"


@pytest.mark.parametrize(
    ("carrier", "base", "policy", "said"),
    [
        (None, "", InboundPolicy.OPEN, "No carrier is set up."),
        (CarrierName.PLIVO, "", InboundPolicy.OPEN, "no public address yet"),
        (CarrierName.TELNYX, BASE, InboundPolicy.DISABLED, "through Telnyx. Incoming calls are re"),
        (CarrierName.TWILIO, BASE, InboundPolicy.PAIRING, "make and take calls through Twilio."),
    ],
)
def test_it_names_what_is_in_the_way(
    carrier: CarrierName | None, base: str, policy: InboundPolicy, said: str
) -> None:
    status = phone_status(carrier, base, policy)
    assert said in status.text
    assert status.is_set_up == (carrier is not None)
    assert status.is_reachable == bool(base)
