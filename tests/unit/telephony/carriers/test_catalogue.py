from __future__ import annotations

import pytest

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.errors import PhoneError
from desktop_voice.telephony.carriers.catalogue import make_carrier
from tests.helpers.virtual_clock import VirtualClock
from tests.unit.telephony.carriers.test_credentials import GOOD


@pytest.mark.parametrize("name", CarrierName)
async def test_each_carrier_is_made_from_the_vault(name: CarrierName) -> None:
    carrier = make_carrier(name, lambda entry: GOOD.get(entry, ""), clock=VirtualClock())
    assert carrier.name is name
    assert carrier.takes_documents is (name is not CarrierName.TELNYX)
    await carrier.close()


@pytest.mark.parametrize("name", CarrierName)
async def test_the_vault_may_have_the_accounts_number(name: CarrierName) -> None:
    entries = {**GOOD, f"{name}_phone_number": " +1 (415) 555-0123 "}
    carrier = make_carrier(name, lambda entry: entries.get(entry, ""), clock=VirtualClock())
    assert carrier.own_number == "+14155550123"
    await carrier.close()
    carrier = make_carrier(name, lambda entry: GOOD.get(entry, ""), clock=VirtualClock())
    assert carrier.own_number == ""
    await carrier.close()


@pytest.mark.parametrize("number", ["4155550123", "+0155550123", "Anna", "+1415555012345678"])
def test_a_number_in_the_vault_has_its_country(number: str) -> None:
    entries = {**GOOD, "twilio_phone_number": number}
    with pytest.raises(PhoneError) as caught:
        make_carrier(CarrierName.TWILIO, lambda entry: entries.get(entry, ""), clock=VirtualClock())
    assert caught.value.code == "CARRIER-02"
    assert "twilio_phone_number" in caught.value.what
    assert number not in caught.value.what


@pytest.mark.parametrize("name", CarrierName)
def test_an_empty_vault_is_said_before_anything_is_sent(name: CarrierName) -> None:
    with pytest.raises(PhoneError) as caught:
        make_carrier(name, lambda _: "", clock=VirtualClock())
    assert caught.value.code == "CARRIER-01"


@pytest.mark.parametrize("name", CarrierName)
def test_a_carrier_is_not_spoken_to_in_the_clear(name: CarrierName) -> None:
    with pytest.raises(ValueError, match="https"):
        make_carrier(
            name,
            lambda entry: GOOD.get(entry, ""),
            clock=VirtualClock(),
            api_base="http://x.example",
        )
