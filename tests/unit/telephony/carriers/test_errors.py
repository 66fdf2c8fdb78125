from __future__ import annotations

import inspect

import pytest

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.errors import PhoneError
from desktop_voice.telephony.carriers import errors

SPARE = {
    "entry": "an_entry",
    "shape": "a shape",
    "status": 400,
    "code": "7",
    "capability": "fly",
    "do": "Walk.",
}


def every(carrier: CarrierName) -> list[PhoneError]:
    made = []
    for name, make in inspect.getmembers(errors, inspect.isfunction):
        parameters = inspect.signature(make).parameters
        if make.__module__ == errors.__name__ and name != "title_of":
            made.append(make(carrier, *(SPARE.get(p, "that") for p in list(parameters)[1:])))
    return made


@pytest.mark.parametrize("carrier", CarrierName)
def test_each_names_the_carrier_what_happened_and_what_to_do(carrier: CarrierName) -> None:
    made = every(carrier)
    for error in made:
        assert errors.title_of(carrier) in f"{error.what} {error.do}"
        for sentence in (error.what, error.do):
            assert sentence[0] != " "
            assert sentence.endswith(".")
    assert len({error.code for error in made}) == len(made)


def test_a_code_of_the_carrier_is_shown_only_if_it_is_one() -> None:
    assert "21211" in errors.refused(CarrierName.TWILIO, 400, "21211").what
    assert "<b>" not in errors.refused(CarrierName.TWILIO, 400, "<b>").what


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (errors.key_refused(CarrierName.TWILIO), "regenerate it in the Twilio Console"),
        (errors.account_forbidden(CarrierName.TWILIO), "suspended"),
        (errors.account_unknown(CarrierName.TWILIO), "vault secret twilio_account_sid"),
        (errors.no_number(CarrierName.TWILIO), "Buy one"),
        (errors.webhook_unreachable(CarrierName.TWILIO), "public URL is reachable"),
        (
            errors.webhook_governed_elsewhere(CarrierName.TWILIO, "a trunk"),
            "setup phone --take-over",
        ),
        (
            errors.number_assigned_elsewhere(CarrierName.TELNYX, "a trunk"),
            "setup phone --take-over",
        ),
    ],
)
def test_the_promised_advice(error: PhoneError, words: str) -> None:
    assert words in error.do
