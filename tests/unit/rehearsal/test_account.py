from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from functools import partial

import aiohttp
import pytest
from aiohttp import web

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.clock import SystemClock
from desktop_voice.core.errors import CommandError, PhoneError
from desktop_voice.core.phone_settings import AwayChoice, AwaySettings
from desktop_voice.rehearsal.process import RehearsalProcess
from desktop_voice.telephony.addresses import webhook_path
from desktop_voice.telephony.carriers.carrier import AccountState, Carrier, PlaceOrder
from desktop_voice.telephony.carriers.catalogue import make_carrier
from tests.unit.rehearsal.fake_app import PUBLIC_BASE, FakeApp
from tests.unit.rehearsal.schemas import assert_conforms, schemas_or_skip
from tests.unit.rehearsal.telnyx_client import TelnyxClient
from tests.unit.rehearsal.twilio_client import CALLEE, CALLER, violations

FALLBACK = "https://rehearsal.localhost/fallback"
OTHERS = ["+14155550161", "+14155550162"]

Carriers = dict[CarrierName, Carrier]


def _entry(credentials: Mapping[str, str], name: str) -> str:
    return credentials.get(name, "")


@pytest.fixture
async def carriers(rehearsal: RehearsalProcess) -> AsyncIterator[Carriers]:
    """The app's own modules: what they read here is what they would read outside."""
    made = {
        name: make_carrier(
            name,
            partial(_entry, rehearsal.card.credentials[name]),
            clock=SystemClock(),
            api_base=rehearsal.card.api_base(name),
        )
        for name in CarrierName
    }
    yield made
    for carrier in made.values():
        await carrier.close()


def own_url(name: CarrierName) -> str:
    return f"{PUBLIC_BASE}{webhook_path(name)}"


async def code_of_placing(carrier: Carrier, own: str) -> str:
    order = PlaceOrder("01ab", CALLEE, own, f"{own_url(carrier.name)}?call=01ab", 20, 60)
    try:
        await carrier.place(order)
    except PhoneError as error:
        return error.code
    return ""


async def test_an_account_is_as_the_test_says(
    rehearsal: RehearsalProcess, carriers: Carriers
) -> None:
    for name, carrier in carriers.items():
        states = [AccountState.SUSPENDED, AccountState.NO_CREDIT, AccountState.ACTIVE]
        if name is not CarrierName.TELNYX:
            states.append(AccountState.TRIAL)
        for state in states:
            await rehearsal.account(name, state=state, clock_skew_s=-3600)
            account = await carrier.account()
            # Twilio suspends an account without credit.
            is_twilio = name is CarrierName.TWILIO
            spent = AccountState.SUSPENDED if is_twilio else AccountState.NO_CREDIT
            assert account.state is {AccountState.NO_CREDIT: spent}.get(state, state)
            # Our clock is an hour ahead of a carrier's that is an hour behind it.
            assert account.clock_offset_s == pytest.approx(3600, abs=5)
            assert (account.problem is None) == (state is AccountState.ACTIVE)
            if not state.is_usable:
                assert await code_of_placing(carrier, rehearsal.card.numbers[name]) in (
                    "CARRIER-22",
                    "CARRIER-27",
                )
                ref = await rehearsal.dial(name, CALLER)
                await rehearsal.wait_for("call", ref=ref, state="ended", by="network")
    assert violations(rehearsal) == []


async def test_a_closed_account(rehearsal: RehearsalProcess, carriers: Carriers) -> None:
    for name in carriers:
        await rehearsal.account(name, state="closed")
    assert (await carriers[CarrierName.TWILIO].account()).state is AccountState.CLOSED
    for name in (CarrierName.TELNYX, CarrierName.PLIVO):
        with pytest.raises(PhoneError) as caught:
            await carriers[name].account()
        assert caught.value.code == "CARRIER-03"


async def test_it_has_the_numbers_that_the_test_says(
    app: FakeApp, rehearsal: RehearsalProcess, carriers: Carriers
) -> None:
    for name, carrier in carriers.items():
        first = rehearsal.card.numbers[name]
        await rehearsal.account(name, numbers=[])
        assert await carrier.numbers() == []
        assert (await carrier.health()).is_ok is False
        await rehearsal.account(name, numbers=[first, *OTHERS])
        numbers = await carrier.numbers()
        assert [number.number for number in numbers] == [first, *OTHERS]
        app.on(webhook_path(name), "<Response><Hangup/></Response>")
        await carrier.set_webhook(numbers[1], own_url(name))
        ref = await rehearsal.dial(name, CALLER, to_number=OTHERS[0])
        await rehearsal.wait_for("webhook", carrier=name, ref=ref, status=200)
        await rehearsal.far_hang_up(ref)


BONDS = [
    (CarrierName.TWILIO, "twiml_app", "CARRIER-21"),
    (CarrierName.TWILIO, "trunk", "CARRIER-21"),
    (CarrierName.TELNYX, "connection", "CARRIER-29"),
    (CarrierName.TELNYX, "nothing", ""),
    (CarrierName.PLIVO, "application", ""),
]


async def test_a_number_that_is_bound_elsewhere_is_taken_over_and_given_back_as_it_was(
    rehearsal: RehearsalProcess, carriers: Carriers
) -> None:
    for name, bond, code in BONDS:
        carrier = carriers[name]
        await rehearsal.account(name, bound=bond)
        (number,) = await carrier.numbers()
        before = await carrier.webhook(number)
        assert before.url != own_url(name)
        assert bool(before.taken_by) == bool(code)
        if code:
            with pytest.raises(PhoneError) as caught:
                await carrier.set_webhook(number, own_url(name))
            assert caught.value.code == code
            assert await carrier.webhook(number) == before
        was = await carrier.set_webhook(number, own_url(name), FALLBACK, takes_over=True)
        assert was == before
        now = await carrier.webhook(number)
        assert (now.url, now.taken_by) == (own_url(name), "")
        assert FALLBACK in now.data.values()
        await carrier.restore_webhook(before)
        after = await carrier.webhook(number)
        # Neither a connection nor an address of a Telnyx application can be made empty again.
        assert after == before or bond == "nothing"
        await rehearsal.account(name, bound="")
    await rehearsal.account("plivo", bound="sub_account")
    plivo = carriers[CarrierName.PLIVO]
    with pytest.raises(PhoneError) as caught:
        await plivo.set_webhook((await plivo.numbers())[0], own_url(plivo.name), takes_over=True)
    assert caught.value.code == "CARRIER-31"
    assert violations(rehearsal) == []


async def test_setting_the_same_address_twice_changes_nothing(
    rehearsal: RehearsalProcess, carriers: Carriers
) -> None:
    for name, carrier in carriers.items():
        (number,) = await carrier.numbers()
        first = await carrier.set_webhook(number, own_url(name))
        once = await carrier.webhook(number)
        assert await carrier.set_webhook(number, own_url(name)) == once
        assert await carrier.webhook(number) == once
        await carrier.restore_webhook(first)
        restored = await carrier.webhook(number)
        assert restored.url == first.url


AWAYS = [
    (
        CarrierName.TWILIO,
        AwaySettings(choice=AwayChoice.MESSAGE, message="We are closed."),
        "We are closed.",
    ),
    (CarrierName.TWILIO, AwaySettings(choice=AwayChoice.FORWARD, forward_to=CALLEE), CALLEE),
    (
        CarrierName.TWILIO,
        AwaySettings(choice=AwayChoice.VOICEMAIL, email="me@example.com"),
        "me@example.com",
    ),
    (CarrierName.TELNYX, AwaySettings(choice=AwayChoice.FORWARD, forward_to=CALLEE), CALLEE),
    (CarrierName.TELNYX, AwaySettings(choice=AwayChoice.VOICEMAIL), ""),
]


async def test_a_caller_gets_what_the_carrier_does_by_itself_until_the_app_is_back(
    app: FakeApp, rehearsal: RehearsalProcess, carriers: Carriers
) -> None:
    await rehearsal.far_end(CALLEE, ring_ms=0, hang_up_after_ms=200)
    for name, away, detail in AWAYS:
        carrier = carriers[name]
        app.on(webhook_path(name), "<Response><Hangup/></Response>")
        (number,) = await carrier.numbers()
        await carrier.set_webhook(number, own_url(name))
        before = len(app.received)
        await carrier.set_away(number, away)
        ref = await rehearsal.dial(name, CALLER)
        await rehearsal.wait_for("away", ref=ref, kind=away.choice, detail=detail)
        await rehearsal.far_hang_up(ref)
        await rehearsal.wait_for("call", ref=ref, state="ended")
        assert len(app.received) == before
        await carrier.set_webhook(number, own_url(name))
        ref = await rehearsal.dial(name, CALLER)
        await rehearsal.wait_for("webhook", carrier=name, ref=ref, status=200)
        await rehearsal.far_hang_up(ref)
        await rehearsal.wait_for("call", ref=ref, state="ended")
    assert violations(rehearsal) == []


async def test_while_the_app_fails_twilio_turns_to_the_fallback(
    app: FakeApp, rehearsal: RehearsalProcess, carriers: Carriers
) -> None:
    carrier = carriers[CarrierName.TWILIO]
    away = AwaySettings(choice=AwayChoice.MESSAGE, message="Call later.")
    (number,) = await carrier.numbers()
    app.on(webhook_path(carrier.name), lambda _: web.Response(status=502))
    await carrier.set_webhook(number, own_url(carrier.name), carrier.away_url(away))
    ref = await rehearsal.dial("twilio", CALLER)
    await rehearsal.wait_for("away", ref=ref, kind="message", detail="Call later.")


async def test_telnyx_shows_numbers_as_its_description_does(
    app: FakeApp, rehearsal: RehearsalProcess
) -> None:
    spec = schemas_or_skip("telnyx_call_control.openapi.json")
    async with aiohttp.ClientSession() as session:
        client = TelnyxClient(rehearsal, app, session)
        _, listed = await client.request("GET", "/phone_numbers")
        path = f"/phone_numbers/{listed['data'][0]['id']}"
        _, number = await client.request("GET", path)
        assert_conforms(spec, "components/schemas/PhoneNumberDetailed", number["data"])
        _, voice = await client.request("GET", f"{path}/voice")
        assert_conforms(spec, "components/schemas/PhoneNumberWithVoiceSettings", voice["data"])
        forwarding = {"forwarding_type": "sometimes"}
        status, _ = await client.request("PATCH", f"{path}/voice", {"call_forwarding": forwarding})
        assert status == 422
        assert (await client.request("PATCH", f"{path}/voicemail", {"enabled": True}))[0] == 404
        assert (await client.request("POST", f"{path}/voicemail", {"enabled": True}))[0] == 200
        _, voicemail = await client.request("GET", f"{path}/voicemail")
        assert voicemail["data"]["enabled"] is True


WRONG: list[tuple[str, dict[str, object]]] = [
    ("telnyx", {"state": "trial"}),
    ("twilio", {"state": "happy"}),
    ("twilio", {"bound": "connection"}),
    ("plivo", {"numbers": ["123"]}),
    ("plivo", {"numbers": [OTHERS[0], OTHERS[0]]}),
    ("twilio", {"numbers": [], "bound": "trunk"}),
    ("plivo", {"numbers": [{}, OTHERS[0]]}),
    ("twilio", {"clock_skew_s": "much"}),
    ("twilio", {"clock_skew_s": float("nan")}),
    ("twilio", {"colour": "red"}),
]


async def test_what_no_account_can_be_is_refused(
    rehearsal: RehearsalProcess, carriers: Carriers
) -> None:
    for name, fields in WRONG:
        with pytest.raises(CommandError, match="does not understand"):
            await rehearsal.send("account", carrier=name, **fields)
    for carrier in carriers.values():
        assert (await carrier.account()).state is AccountState.ACTIVE
        assert len(await carrier.numbers()) == 1
