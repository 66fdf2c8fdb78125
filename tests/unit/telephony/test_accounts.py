"""Accounts: whose signature counts while keys and carriers change, and when keys can go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from multidict import MultiDict
from twilio.request_validator import RequestValidator

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.clock import SystemClock
from desktop_voice.telephony.accounts import Accounts
from desktop_voice.telephony.carriers.carrier import (
    Carrier,
    CarrierEvent,
    CarrierEventKind,
    WebhookRefusedError,
    WebhookRequest,
)
from desktop_voice.telephony.carriers.credentials import TwilioCredentials
from desktop_voice.telephony.carriers.twilio import TwilioCarrier
from desktop_voice.telephony.entry import CarrierWire
from tests.helpers.scripted_carrier import ScriptedCarrier
from tests.helpers.webhook_cases import posted

SID = "AC" + "0123456789abcdef" * 2
OLD, NEW, OLDER = ("0f1e2d3c4b5a6978" * 2, "8796a5b4c3d2e1f7" * 2, "1234567890abcdef" * 2)
LIVE, OTHER = "CA" + "1" * 32, "CA" + "2" * 32
URL = "https://phone.example.com/api/voice/webhook/twilio"


def signed(token: str, call: str = LIVE, url: str = URL) -> WebhookRequest:
    form = [("CallSid", call), ("AccountSid", SID), ("CallStatus", "ringing")]
    form += [("From", "+14155550123"), ("To", "+14155550100"), ("Direction", "inbound")]
    signature = RequestValidator(token).compute_signature(url, MultiDict(form))
    return posted(url, form, {"x-twilio-signature": (signature,)})


def handshake(token: str) -> WebhookRequest:
    url = "wss://phone.example.com/call/stream/ticket"
    signature = RequestValidator(token).compute_signature(url, {})
    return WebhookRequest("GET", url, {"x-twilio-signature": (signature,)}, b"")


def is_taken(wire: CarrierWire, request: WebhookRequest) -> bool:
    """Say whether the listener would act on it."""
    try:
        wire.verify(request)
        wire.parse(request)
    except WebhookRefusedError:
        return False
    return True


def may_connect(wire: CarrierWire, request: WebhookRequest) -> bool:
    try:
        wire.verify_upgrade(request)
    except WebhookRefusedError:
        return False
    return True


@pytest.fixture
async def carriers() -> AsyncIterator[dict[str, TwilioCarrier]]:
    made = {
        token: TwilioCarrier(TwilioCredentials(SID, token), clock=SystemClock())
        for token in (OLD, NEW, OLDER)
    }
    yield made
    for carrier in made.values():
        await carrier.close()


async def test_a_call_goes_on_when_its_keys_are_replaced(
    carriers: dict[str, TwilioCarrier],
) -> None:
    accounts = Accounts(carriers[OLD])
    accounts.choose(carriers[NEW])

    def carries(carrier: Carrier, event: CarrierEvent) -> bool:
        return carrier is carriers[OLD] and event.carrier_ref == LIVE

    wire = accounts.wires([carriers[OLD], carriers[OLD]], carries)[CarrierName.TWILIO]
    assert is_taken(wire, signed(OLD))
    assert is_taken(wire, signed(NEW))
    assert is_taken(wire, signed(NEW, OTHER))
    assert may_connect(wire, handshake(OLD))
    assert may_connect(wire, handshake(NEW))
    # The old keys may be the ones that leaked: they begin nothing.
    assert not is_taken(wire, signed(OLD, OTHER))
    assert not is_taken(wire, signed(OLDER))
    assert not may_connect(wire, handshake(OLDER))


async def test_old_keys_are_worth_nothing_once_no_call_lives_on_them(
    carriers: dict[str, TwilioCarrier],
) -> None:
    accounts = Accounts(carriers[OLD])
    accounts.choose(carriers[NEW])
    wire = accounts.wires([carriers[NEW]], lambda _carrier, _event: True)[CarrierName.TWILIO]
    assert is_taken(wire, signed(NEW))
    assert not is_taken(wire, signed(OLD))
    accounts.choose(None)
    assert accounts.wires([], lambda _carrier, _event: True) == {}


async def test_a_carrier_left_behind_is_listened_to_for_its_calls(
    carriers: dict[str, TwilioCarrier],
) -> None:
    plivo = ScriptedCarrier(CarrierName.PLIVO)
    accounts = Accounts(plivo)
    wires = accounts.wires([carriers[OLD]], lambda _carrier, _event: False)
    assert set(wires) == {CarrierName.PLIVO, CarrierName.TWILIO}
    # A new caller is understood too, so that they can be refused.
    wire = wires[CarrierName.TWILIO]
    assert is_taken(wire, signed(OLD, OTHER))
    assert wire.parse(signed(OLD, OTHER)).kind is CarrierEventKind.INCOMING
    assert not is_taken(wire, signed(NEW))
    assert accounts.of(CarrierName.TWILIO, [carriers[OLD]]) is carriers[OLD]
    assert accounts.of(CarrierName.TELNYX, [carriers[OLD]]) is None


async def test_an_account_is_unused_when_nothing_holds_it_any_more() -> None:
    # Equal in every field, and yet not the same account object.
    old, new = ScriptedCarrier(), ScriptedCarrier()
    accounts = Accounts(old)
    accounts.hold(old)
    waiting = [asyncio.create_task(accounts.unused(old)) for _ in range(2)]

    async def is_unused() -> bool:
        for _ in range(5):
            await asyncio.sleep(0)
        return all(task.done() for task in waiting)

    assert not await is_unused()
    accounts.choose(new)
    assert not await is_unused()
    accounts.hold(new)
    with accounts.holding(old):
        accounts.let_go(old)
        assert not await is_unused()
    assert await is_unused()
    accounts.choose(None)
    assert not any(task.cancelled() for task in waiting)
    accounts.let_go(new)
    await asyncio.wait_for(accounts.unused(new), 5)
