from __future__ import annotations

from dataclasses import replace

import pytest

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.errors import PhoneError
from desktop_voice.telephony.carriers import errors
from desktop_voice.telephony.carriers.account_states import account_in, health_of, refused_account
from desktop_voice.telephony.carriers.carrier import AccountState, OwnNumber
from tests.helpers.scripted_carrier import ACTIVE, MY_NUMBER, ScriptedCarrier

ME = CarrierName.TWILIO


@pytest.mark.parametrize(
    ("state", "is_usable", "word"),
    [
        (AccountState.ACTIVE, True, "active"),
        (AccountState.TRIAL, True, "verified"),
        (AccountState.NO_CREDIT, False, "credit"),
        (AccountState.SUSPENDED, False, "suspended"),
        (AccountState.CLOSED, False, "closed"),
    ],
)
def test_each_state_is_told_in_words(state: AccountState, is_usable: bool, word: str) -> None:
    account = account_in(state, ME, 2.5)
    assert state.is_usable == is_usable
    assert word in account.text
    assert account.clock_offset_s == 2.5
    assert (account.problem is None) == (state is AccountState.ACTIVE)


def test_only_a_suspension_is_an_account() -> None:
    suspended = refused_account(errors.account_suspended(ME), ME, 0.0)
    assert suspended.state is AccountState.SUSPENDED
    with pytest.raises(PhoneError) as caught:
        refused_account(errors.key_refused(ME), ME, 0.0)
    assert caught.value.code == "CARRIER-03"


async def test_health_counts_numbers_and_looks_at_the_clock() -> None:
    two = (OwnNumber(MY_NUMBER, True, "1"), OwnNumber("+14155550101", True, "2"))
    carrier = ScriptedCarrier(own=two, state=replace(ACTIVE, clock_offset_s=-90.0))
    health = await health_of(carrier)
    assert health.is_ok
    assert "2 numbers" in health.text
    assert "90 s off" in health.text
    trial = ScriptedCarrier(state=account_in(AccountState.TRIAL, ME))
    assert (await health_of(trial)).is_ok


@pytest.mark.parametrize("state", [AccountState.SUSPENDED, AccountState.CLOSED])
async def test_an_account_out_of_use_is_not_healthy(state: AccountState) -> None:
    health = await health_of(ScriptedCarrier(state=account_in(state, ME)))
    assert health.problem is not None
    assert (health.is_ok, health.text) == (False, health.problem.what)


async def test_health_never_raises() -> None:
    carrier = ScriptedCarrier(own=(OwnNumber(MY_NUMBER, False, "1"),))
    mute = await health_of(carrier)
    carrier.fail("account")
    unknown = await health_of(carrier)
    assert mute.problem is not None
    assert unknown.problem is not None
    assert (mute.problem.code, unknown.is_ok) == ("CARRIER-06", False)
