"""Accounts in words: what a state means to the user, and whether calls can be made with it."""

from __future__ import annotations

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.errors import PhoneError
from desktop_voice.telephony.carriers import errors
from desktop_voice.telephony.carriers.carrier import Account, AccountState, Carrier, Health

_PROBLEMS = {
    AccountState.TRIAL: errors.trial_account,
    AccountState.NO_CREDIT: errors.no_credit,
    AccountState.SUSPENDED: errors.account_suspended,
    AccountState.CLOSED: errors.account_closed,
}
_CLOCK_OFF_S = 60.0


def account_in(
    state: AccountState, carrier: CarrierName, clock_offset_s: float | None = None
) -> Account:
    """Return an account in ``state``, with its diagnosis."""
    make = _PROBLEMS.get(state)
    if make is None:
        line = f"The {errors.title_of(carrier)} account is active."
        return Account(state, line, clock_offset_s)
    problem = make(carrier)
    return Account(state, problem.what, clock_offset_s, problem)


def refused_account(
    problem: PhoneError, carrier: CarrierName, clock_offset_s: float | None
) -> Account:
    """Return the account that a refusal is about, if it says that it is suspended.

    Raises:
        PhoneError: ``problem``, if it says anything else.
    """
    if problem.code != errors.SUSPENDED:
        raise problem
    return account_in(AccountState.SUSPENDED, carrier, clock_offset_s)


async def health_of(carrier: Carrier, known: Account | None = None) -> Health:
    """Check the account, unless it is ``known``, its numbers and our clock; never raises."""
    try:
        account = known or await carrier.account()
        if account.problem is not None and account.state is not AccountState.TRIAL:
            raise account.problem
        count = sum(number.has_voice for number in await carrier.numbers())
        if not count:
            raise errors.no_number(carrier.name)
    except PhoneError as problem:
        return Health(False, problem.what, problem)
    line = f"{account.text} It has {count} number{'s' if count > 1 else ''} for calls."
    offset_s = account.clock_offset_s or 0.0
    if abs(offset_s) > _CLOCK_OFF_S:
        line += f" This computer's clock is {abs(offset_s):.0f} s off: set it."
    return Health(True, line)
