from __future__ import annotations

import pytest

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.errors import PhoneError
from desktop_voice.core.phone_settings import AwayChoice, AwaySettings
from desktop_voice.telephony.carriers import away as aways


@pytest.mark.parametrize(
    "away",
    [
        AwaySettings(choice=AwayChoice.MESSAGE, message=""),
        AwaySettings(choice=AwayChoice.FORWARD, address="https://me.example.com"),
        AwaySettings(choice=AwayChoice.ADDRESS, forward_to="+14155550123"),
    ],
)
def test_what_is_missing_is_named_so_that_it_can_be_entered(away: AwaySettings) -> None:
    what = aways.lacking(away)
    with pytest.raises(PhoneError, match=what) as caught:
        aways.check(away, CarrierName.PLIVO)
    assert what
    assert "Plivo" in caught.value.what


@pytest.mark.parametrize(
    "away",
    [
        AwaySettings(choice=AwayChoice.MESSAGE),
        AwaySettings(choice=AwayChoice.FORWARD, forward_to="+14155550123"),
        AwaySettings(choice=AwayChoice.VOICEMAIL),
        AwaySettings(choice=AwayChoice.ADDRESS, address="https://me.example.com"),
    ],
)
def test_what_is_whole_lacks_nothing(away: AwaySettings) -> None:
    aways.check(away, CarrierName.TWILIO)
    assert aways.lacking(away) == ""


def test_what_a_carrier_cannot_do_comes_with_what_it_can() -> None:
    error = aways.not_by_itself(CarrierName.PLIVO, AwayChoice.FORWARD, "Choose an address.")
    assert error.code == "CARRIER-20"
    assert "forward callers" in error.what
    assert error.do == "Choose an address."
