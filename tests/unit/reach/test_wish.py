"""The wish of a set-up."""

from __future__ import annotations

import pytest

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.errors import CommandError
from desktop_voice.core.phone_settings import InboundPolicy, TunnelChoice
from desktop_voice.core.reach import SetUpWish
from desktop_voice.core.settings import Settings
from desktop_voice.reach.wish import changes_for


def test_what_is_not_wished_for_stays() -> None:
    settings = Settings().with_value("phone", "greeting", "Good morning.")
    changes = changes_for(SetUpWish(CarrierName.PLIVO), settings)
    assert changes == (("phone", "carrier", "plivo"), ("inbound", "policy", "pairing"))


def test_whoever_names_callers_lets_those_in() -> None:
    wish = SetUpWish(CarrierName.PLIVO, allow_from=("+14155550123",))
    assert ("inbound", "policy", "allowlist") in changes_for(wish, Settings())


@pytest.mark.parametrize("policy", ["open", "allowlist", "pairing"])
def test_a_policy_that_was_chosen_stays(policy: str) -> None:
    settings = Settings().with_value("inbound", "policy", policy)
    changes = changes_for(SetUpWish(CarrierName.PLIVO), settings)
    assert changes == (("phone", "carrier", "plivo"),)


def test_a_whole_wish_becomes_settings() -> None:
    wish = SetUpWish(
        CarrierName.TWILIO,
        number="+14155550100",
        tunnel=TunnelChoice.NGROK,
        policy=InboundPolicy.ALLOWLIST,
        allow_from=("+14155550123",),
        greeting="Hello.",
    )
    settings = Settings().with_values(changes_for(wish, Settings()))
    assert settings.phone.number == "+14155550100"
    assert settings.tunnel.provider is TunnelChoice.NGROK
    assert settings.inbound.allow_from == ["+14155550123"]
    assert changes_for(wish, settings) == ()


def test_the_number_of_another_carrier_is_not_kept() -> None:
    settings = Settings().with_values(
        [("phone", "carrier", "twilio"), ("phone", "number", "+14155550100")]
    )
    settings = settings.with_values(changes_for(SetUpWish(CarrierName.TELNYX), settings))
    assert settings.phone.number == ""


@pytest.mark.parametrize(
    "wish",
    [
        SetUpWish(CarrierName.TWILIO, number="call me"),
        SetUpWish(CarrierName.TWILIO, allow_from=("555",)),
        SetUpWish(CarrierName.TWILIO, greeting="x" * 500),
    ],
)
def test_what_cannot_be_is_refused_in_words(wish: SetUpWish) -> None:
    with pytest.raises(CommandError) as refused:
        changes_for(wish, Settings())
    assert refused.value.code == "SETUP-01"
