"""The number to use is the chosen one or the only one, and nothing is guessed."""

from __future__ import annotations

import pytest

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.errors import PhoneError
from desktop_voice.telephony.carriers.carrier import OwnNumber
from desktop_voice.telephony.own_numbers import choose_number, voice_numbers

FIRST, SECOND = OwnNumber("+14155550101", True, "1"), OwnNumber("+14155550102", True, "2")
MUTE = OwnNumber("+14155550103", False, "3")


def test_only_numbers_with_a_voice_count() -> None:
    assert voice_numbers([FIRST, MUTE, SECOND], CarrierName.PLIVO) == [FIRST, SECOND]


@pytest.mark.parametrize(
    ("numbers", "chosen", "found"),
    [
        ([FIRST], "", FIRST),
        ([MUTE, SECOND], "", SECOND),
        ([FIRST, SECOND], SECOND.number, SECOND),
    ],
)
def test_the_chosen_number_is_used_or_the_only_one(
    numbers: list[OwnNumber], chosen: str, found: OwnNumber
) -> None:
    assert choose_number(numbers, chosen, CarrierName.TWILIO) is found


@pytest.mark.parametrize(
    ("numbers", "chosen", "code"),
    [
        ([], "", "CARRIER-06"),
        ([MUTE], MUTE.number, "CARRIER-06"),
        ([FIRST, SECOND], "", "PHONE-04"),
        ([FIRST], SECOND.number, "PHONE-03"),
        ([FIRST, MUTE], MUTE.number, "PHONE-03"),
    ],
)
def test_a_number_is_never_guessed(numbers: list[OwnNumber], chosen: str, code: str) -> None:
    with pytest.raises(PhoneError) as caught:
        choose_number(numbers, chosen, CarrierName.TELNYX)
    assert caught.value.code == code
