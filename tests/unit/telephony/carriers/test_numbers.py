from __future__ import annotations

import pytest

from desktop_voice.telephony.carriers.numbers import with_plus, without_plus


@pytest.mark.parametrize("number", ["14155550100", "4930123456", "4420794600"])
def test_numbers_go_there_and_back(number: str) -> None:
    assert with_plus(number) == f"+{number}"
    assert without_plus(with_plus(number)) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+14155550100",
        "anonymous",
        "911",
        "04155550100",
        "1415555010012345",
        "١٤١٥٥٥٥٠١٠٠",
        "1 415",
    ],
)
def test_what_is_no_number_in_full_stays_as_it_is(text: str) -> None:
    assert with_plus(text) == text
