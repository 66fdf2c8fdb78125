from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema
import pytest

from desktop_voice.core.calls import CarrierName, EndReason
from desktop_voice.core.errors import PhoneError
from desktop_voice.core.phone_settings import AwayChoice, AwaySettings
from desktop_voice.telephony.carriers.carrier import (
    AccountState,
    Capability,
    Carrier,
    CarrierEventKind,
    NumberWebhook,
    OwnNumber,
    PlaceOrder,
    RemoteCall,
    RemoteState,
    WebhookRefusedError,
)
from desktop_voice.telephony.carriers.catalogue import make_carrier
from desktop_voice.telephony.carriers.credentials import TwilioCredentials
from desktop_voice.telephony.carriers.twilio import TwilioCarrier
from desktop_voice.telephony.carriers.twilio_media import TwilioMedia
from desktop_voice.telephony.steps import HangUp, Say
from tests.helpers.scripted_api import CUT, STALL, Scripted, ScriptedApi
from tests.helpers.virtual_clock import FRIDAY_AFTERNOON, VirtualClock
from tests.unit.telephony.carriers import test_twilio_webhooks as webhooks

SID, TOKEN = webhooks.SID, webhooks.TOKEN
CALL = "CA" + "1" * 32
HOOK = f"{webhooks.BASE}?call=01ab"
ORDER = PlaceOrder("01ab", "+14155550187", "+14155550100", HOOK, 30, 3600)
ACCOUNT = f"/2010-04-01/Accounts/{SID}"
CALLS, ONE_CALL = f"{ACCOUNT}/Calls.json", f"{ACCOUNT}/Calls/{CALL}.json"
NUMBERS, ONE_NUMBER = (
    f"{ACCOUNT}/IncomingPhoneNumbers.json",
    f"{ACCOUNT}/IncomingPhoneNumbers/PN7.json",
)
NUMBER = OwnNumber("+14155550100", True, "PN7", "Front desk")
DATA = json.loads((Path(__file__).parents[3] / "data" / "carriers" / "twilio.json").read_text())


def error(code: int, status: int) -> dict[str, object]:
    return {
        "code": code,
        "message": "something about +14155550187",
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }


def listed(seconds_ago: float, sid: str = CALL, **fields: object) -> dict[str, object]:
    created = FRIDAY_AFTERNOON - timedelta(seconds=seconds_ago)
    return {
        "sid": sid,
        "status": "queued",
        "direction": "outbound-api",
        "to": ORDER.to_number,
        "from": ORDER.from_number,
        "date_created": format_datetime(created),
        **fields,
    }


@dataclass
class Phone:
    carrier: TwilioCarrier
    api: ScriptedApi
    clock: VirtualClock
    waits: list[float]


@pytest.fixture
async def phone() -> AsyncIterator[Phone]:
    # The machine's own clock is wrong by an hour; the carrier's counts.
    clock = VirtualClock(FRIDAY_AFTERNOON + timedelta(hours=1))
    api, waits = ScriptedApi(date=format_datetime(FRIDAY_AFTERNOON)), list[float]()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        clock.advance(seconds)

    async with api.serving() as address:
        carrier = TwilioCarrier(
            TwilioCredentials(SID, TOKEN),
            clock=clock,
            api_base=address,
            deadline_s=0.3,
            sleep=sleep,
        )
        yield Phone(carrier, api, clock, waits)
        await carrier.close()


def stored(webhook: NumberWebhook) -> NumberWebhook:
    """Return what a file gives back of it."""
    text = json.dumps([webhook.number, webhook.url, dict(webhook.data)])
    return NumberWebhook(*json.loads(text))


async def code_of(doing: Any) -> str:
    with pytest.raises(PhoneError) as caught:
        await doing
    told = f"{caught.value.what} {caught.value.do}"
    assert TOKEN not in told
    assert SID not in told
    assert ORDER.to_number not in told
    return caught.value.code


def check(pairs: list[tuple[str, str]], schema: str) -> dict[str, Any]:
    """Return a form's fields, once they are what the published description says."""
    described = DATA["requests"][schema]
    fields: dict[str, Any] = {}
    for name, value in pairs:
        kind = described["properties"].get(name, {}).get("type")
        if kind == "array":
            fields.setdefault(name, []).append(value)
        else:
            assert name not in fields, name
            fields[name] = int(value) if kind == "integer" else value
    jsonschema.validate(fields, described)
    return fields


# --- placing ---


async def test_a_call_is_placed(phone: Phone) -> None:
    phone.api.will(f"POST {CALLS}", (201, listed(0)))
    assert await phone.carrier.place(ORDER) == CALL
    (form,) = phone.api.bodies(CALLS)
    assert check(form, "create_call") == {
        "To": "+14155550187",
        "From": "+14155550100",
        "Url": f"{HOOK}&at=answer",
        "Method": "POST",
        "StatusCallback": f"{HOOK}&at=status",
        "StatusCallbackMethod": "POST",
        "StatusCallbackEvent": ["initiated", "ringing", "answered", "completed"],
        "Timeout": 30,
        "TimeLimit": 3600,
    }
    assert phone.api.headers[0]["Authorization"].startswith("Basic ")


async def test_machines_are_looked_for_without_making_people_wait(phone: Phone) -> None:
    phone.api.will(f"POST {CALLS}", (201, listed(0)))
    await phone.carrier.place(replace(ORDER, detect_machine=True))
    fields = check(phone.api.bodies(CALLS)[0], "create_call")
    assert (fields["MachineDetection"], fields["AsyncAmd"]) == ("DetectMessageEnd", "true")
    assert fields["AsyncAmdStatusCallback"] == f"{HOOK}&at=machine"


LOST: list[Scripted] = [CUT, STALL, (500, {}), (503, error(20500, 503)), (201, {}), (201, [])]


@pytest.mark.parametrize("fault", LOST, ids=str)
async def test_a_create_whose_answer_is_lost_is_looked_up_and_never_repeated(
    phone: Phone, fault: Scripted
) -> None:
    phone.api.will(f"POST {CALLS}", fault)
    phone.api.will(f"GET {CALLS}", (200, {"calls": []}), (200, {"calls": [listed(1)]}))
    assert await phone.carrier.place(ORDER) == CALL
    assert phone.api.requests() == [f"POST {CALLS}", f"GET {CALLS}", f"GET {CALLS}"]
    query = phone.api.queries[-1]
    assert (query["To"], query["From"]) == ([ORDER.to_number], [ORDER.from_number])
    assert set(query) <= set(DATA["queries"]["list_calls"])


@pytest.mark.parametrize("fault", LOST, ids=str)
async def test_a_create_whose_call_is_not_found_stays_uncertain(
    phone: Phone, fault: Scripted
) -> None:
    phone.api.will(f"POST {CALLS}", fault)
    others = [listed(60), listed(0, direction="inbound"), listed(0, date_created="rubbish")]
    phone.api.will(f"GET {CALLS}", (200, {"calls": others}))
    assert await code_of(phone.carrier.place(ORDER)) == "CARRIER-13"
    assert phone.api.requests().count(f"POST {CALLS}") == 1


async def test_a_lost_create_is_uncertain_if_nobody_answers_any_more(phone: Phone) -> None:
    phone.api.will(f"POST {CALLS}", CUT)
    phone.api.will(f"GET {CALLS}", CUT)
    assert await code_of(phone.carrier.place(ORDER)) == "CARRIER-13"
    assert phone.api.requests().count(f"POST {CALLS}") == 1


async def test_an_earlier_call_to_the_same_number_is_not_taken_for_the_lost_one(
    phone: Phone,
) -> None:
    phone.api.will(f"POST {CALLS}", (201, listed(0)), CUT)
    other = "CA" + "2" * 32
    phone.api.will(f"GET {CALLS}", (200, {"calls": [listed(0), listed(0, other)]}))
    assert await phone.carrier.place(ORDER) == CALL
    assert await phone.carrier.place(ORDER) == other


async def test_how_long_ago_the_create_was_is_measured_here_and_dated_there(phone: Phone) -> None:
    phone.api.will(f"POST {CALLS}", CUT)
    phone.api.will(f"GET {CALLS}", (200, {"calls": [listed(9)]}))
    assert await phone.carrier.place(ORDER) == CALL
    assert phone.waits == [0.0, 1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, error(20003, 401), "CARRIER-03"),
        (401, {}, "CARRIER-03"),
        (403, error(20403, 403), "CARRIER-04"),
        (401, error(10001, 401), "CARRIER-27"),
        (404, error(20404, 404), "CARRIER-05"),
        (400, error(21219, 400), "CARRIER-07"),
        (400, error(21215, 400), "CARRIER-08"),
        (403, error(13227, 403), "CARRIER-08"),
        (429, error(20429, 429), "CARRIER-09"),
        (400, error(10004, 400), "CARRIER-10"),
        (400, error(21211, 400), "CARRIER-14"),
        (400, error(21210, 400), "CARRIER-15"),
        (400, error(21212, 400), "CARRIER-15"),
        (400, error(21205, 400), "CARRIER-17"),
        (400, error(99999, 400), "CARRIER-18"),
        (400, {"type": "x", "title": "y", "status": 400, "code": 21219}, "CARRIER-07"),
        (400, {"code": ["21219"]}, "CARRIER-18"),
        (302, {}, "CARRIER-18"),
    ],
)
async def test_a_refusal_is_explained_and_not_repeated(
    phone: Phone, status: int, body: object, code: str
) -> None:
    phone.api.will(f"POST {CALLS}", (status, body))
    assert await code_of(phone.carrier.place(ORDER)) == code
    assert phone.api.requests() == [f"POST {CALLS}"]


@pytest.mark.parametrize(
    ("status", "code", "word"),
    [
        (401, 20003, "API keys & tokens"),
        (403, 20403, "sub-account"),
        (404, 20404, "twilio_account_sid"),
    ],
)
async def test_the_promised_advice_is_given(
    phone: Phone, status: int, code: int, word: str
) -> None:
    phone.api.will(f"POST {CALLS}", (status, error(code, status)))
    with pytest.raises(PhoneError) as caught:
        await phone.carrier.place(ORDER)
    assert word in caught.value.do


# --- a call that goes on ---


async def test_hanging_up_ends_the_call(phone: Phone) -> None:
    phone.api.will(f"POST {ONE_CALL}", (200, listed(0, status="completed")))
    await phone.carrier.hang_up(CALL)
    assert check(phone.api.bodies(ONE_CALL)[0], "update_call") == {"Status": "completed"}


async def test_hanging_up_what_is_gone_is_a_success(phone: Phone) -> None:
    phone.api.will(f"POST {ONE_CALL}", (404, error(20404, 404)))
    await phone.carrier.hang_up(CALL)


async def test_hanging_up_is_repeated_until_it_is_confirmed(phone: Phone) -> None:
    phone.api.will(f"POST {ONE_CALL}", CUT, (429, error(20429, 429)), (503, {}), (200, {}))
    await phone.carrier.hang_up(CALL)
    assert len(phone.api.asked) == 4


async def test_a_hang_up_that_fails_for_good_says_so(phone: Phone) -> None:
    phone.api.will(f"POST {ONE_CALL}", (503, {}))
    phone.api.will(f"GET {ONE_CALL}", (200, listed(0, status="in-progress")))
    assert await code_of(phone.carrier.hang_up(CALL)) == "CARRIER-23"
    assert phone.api.requests() == [*[f"POST {ONE_CALL}"] * 4, f"GET {ONE_CALL}"]


async def test_a_hang_up_whose_answer_was_lost_is_confirmed_by_looking(phone: Phone) -> None:
    phone.api.will(f"POST {ONE_CALL}", CUT, (400, error(21220, 400)))
    phone.api.will(f"GET {ONE_CALL}", (200, listed(0, status="completed")))
    await phone.carrier.hang_up(CALL)


@pytest.mark.parametrize(("status", "requests"), [("completed", 2), ("ringing", 3)])
async def test_a_hang_up_in_the_wrong_state_looks_again(
    phone: Phone, status: str, requests: int
) -> None:
    phone.api.will(f"POST {ONE_CALL}", (400, error(21220, 400)), (200, {}))
    phone.api.will(f"GET {ONE_CALL}", (200, listed(0, status=status)))
    await phone.carrier.hang_up(CALL)
    assert len(phone.api.asked) == requests
    if requests == 3:
        assert phone.api.bodies(ONE_CALL)[-1] == [("Status", "canceled")]


async def test_new_steps_replace_the_document(phone: Phone) -> None:
    phone.api.will(f"POST {ONE_CALL}", (200, {}))
    left = await phone.carrier.perform(CALL, [Say("Sorry & bye"), HangUp()], f"{HOOK}&at=steps")
    assert left == ()
    fields = check(phone.api.bodies(ONE_CALL)[0], "update_call")
    twiml = '<Response><Say language="en-US">Sorry &amp; bye</Say><Hangup /></Response>'
    assert fields == {"Twiml": twiml}


async def test_long_steps_are_fetched_from_us(phone: Phone) -> None:
    phone.api.will(f"POST {ONE_CALL}", (200, {}))
    await phone.carrier.perform(CALL, [Say("word " * 800)], f"{HOOK}&at=steps&turn=t")
    fields = check(phone.api.bodies(ONE_CALL)[0], "update_call")
    assert fields["Url"].startswith(f"{HOOK}&at=steps&turn=t&once=")
    assert fields["Method"] == "POST"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((400, error(21220, 400)), "CARRIER-16"),
        ((404, error(20404, 404)), "CARRIER-19"),
        (CUT, "CARRIER-12"),
    ],
)
async def test_steps_for_a_call_that_is_over_are_an_error(
    phone: Phone, answer: Scripted, code: str
) -> None:
    phone.api.will(f"POST {ONE_CALL}", answer)
    assert await code_of(phone.carrier.perform(CALL, [Say("Hello")], HOOK)) == code


async def test_what_twilio_cannot_do_is_refused_in_words(phone: Phone) -> None:
    assert await code_of(phone.carrier.send_dtmf(CALL, "1")) == "CARRIER-20"
    assert await code_of(phone.carrier.stop_speaking(CALL)) == "CARRIER-20"
    assert phone.api.asked == []
    assert Capability.SEND_DTMF not in phone.carrier.capabilities


@pytest.mark.parametrize(("direction", "own"), [("outbound-api", "from"), ("inbound", "to")])
async def test_a_transfer_calls_from_our_own_number(phone: Phone, direction: str, own: str) -> None:
    sides = {"from": "+14155550111", "to": "+14155550111", own: "+14155550100"}
    phone.api.will(f"GET {ONE_CALL}", (200, listed(0, direction=direction, **sides)))
    phone.api.will(f"POST {ONE_CALL}", (200, {}))
    await phone.carrier.transfer(CALL, "+14155550199")
    twiml = check(phone.api.bodies(ONE_CALL)[-1], "update_call")["Twiml"]
    assert 'callerId="+14155550100"' in twiml
    assert "<Number>+14155550199</Number>" in twiml


async def test_an_incoming_call_is_answered_and_rejected_by_the_reply(phone: Phone) -> None:
    await phone.carrier.answer(CALL)
    await phone.carrier.reject(CALL, EndReason.REJECTED)
    assert phone.api.asked == []


# --- looking ---


@pytest.mark.parametrize(
    ("status", "state", "reason"),
    [
        ("queued", RemoteState.LIVE, EndReason.NONE),
        ("ringing", RemoteState.LIVE, EndReason.NONE),
        ("in-progress", RemoteState.LIVE, EndReason.NONE),
        ("completed", RemoteState.ENDED, EndReason.FAR_END_HUNG_UP),
        ("busy", RemoteState.ENDED, EndReason.BUSY),
        ("canceled", RemoteState.ENDED, EndReason.CANCELLED),
        ("something-new", RemoteState.UNKNOWN, EndReason.NONE),
    ],
)
async def test_what_became_of_a_call(
    phone: Phone, status: str, state: RemoteState, reason: EndReason
) -> None:
    phone.api.will(f"GET {ONE_CALL}", (200, listed(0, status=status)))
    remote = await phone.carrier.fetch(CALL)
    assert remote == RemoteCall(CALL, state, ORDER.to_number, ORDER.from_number, reason)


async def test_an_unknown_call_is_over(phone: Phone) -> None:
    assert (await phone.carrier.fetch(CALL)).state is RemoteState.ENDED
    assert (await phone.carrier.fetch("../Accounts")).state is RemoteState.ENDED
    assert phone.api.requests()[-1] == f"GET {ACCOUNT}/Calls/0.json"


async def test_live_calls_are_listed_once_each(phone: Phone) -> None:
    phone.api.will(f"GET {CALLS}", (200, {"calls": [listed(0, status="ringing")]}))
    (live,) = await phone.carrier.live_calls()
    assert (live.carrier_ref, live.state) == (CALL, RemoteState.LIVE)
    asked = sorted(query["Status"][0] for query in phone.api.queries)
    assert asked == ["in-progress", "queued", "ringing"]


# --- numbers ---


def number(**fields: object) -> dict[str, object]:
    return {
        "sid": "PN7",
        "phone_number": "+14155550100",
        "friendly_name": "Front desk",
        "capabilities": {"voice": True, "sms": False},
        "voice_url": "https://example.com/old",
        "voice_method": "GET",
        "voice_fallback_url": "https://example.com/fallback",
        "voice_fallback_method": "GET",
        "status_callback": "",
        "status_callback_method": "POST",
        "voice_application_sid": "",
        "trunk_sid": None,
        **fields,
    }


async def test_own_numbers(phone: Phone) -> None:
    text_only = number(sid="PN8", capabilities={"voice": False}, phone_number="+14155550101")
    phone.api.will(f"GET {NUMBERS}", (200, {"incoming_phone_numbers": [number(), text_only]}))
    assert await phone.carrier.numbers() == [
        NUMBER,
        OwnNumber("+14155550101", False, "PN8", "Front desk"),
    ]
    assert set(number()) <= set(DATA["resources"]["number"])


async def test_a_webhook_is_set_and_put_back(phone: Phone) -> None:
    phone.api.will(f"GET {ONE_NUMBER}", (200, number()))
    phone.api.will(f"POST {ONE_NUMBER}", (200, {}))
    before = await phone.carrier.set_webhook(NUMBER, webhooks.BASE, "https://example.com/f")
    assert (before.number, before.url) == ("+14155550100", "https://example.com/old")
    await phone.carrier.restore_webhook(stored(before))
    ours, theirs = (check(form, "update_number") for form in phone.api.bodies(ONE_NUMBER)[1:])
    assert ours == {
        "VoiceUrl": webhooks.BASE,
        "VoiceMethod": "POST",
        "VoiceFallbackUrl": "https://example.com/f",
        "VoiceFallbackMethod": "POST",
        "StatusCallback": f"{webhooks.BASE}?at=status",
        "StatusCallbackMethod": "POST",
    }
    assert theirs == {
        "VoiceUrl": "https://example.com/old",
        "VoiceMethod": "GET",
        "VoiceFallbackUrl": "https://example.com/fallback",
        "VoiceFallbackMethod": "GET",
        "StatusCallback": "",
        "StatusCallbackMethod": "POST",
    }
    assert await phone.carrier.webhook(NUMBER) == before
    assert before.taken_by == ""


GOVERNED = [
    ("voice_application_sid", "VoiceApplicationSid", "AP" + "1" * 32),
    ("trunk_sid", "TrunkSid", "TK" + "1" * 32),
]


@pytest.mark.parametrize(("field", "form_field", "sid"), GOVERNED)
async def test_a_number_that_something_else_has_is_taken_over_on_the_users_word_only(
    phone: Phone, field: str, form_field: str, sid: str
) -> None:
    phone.api.will(f"GET {ONE_NUMBER}", (200, number(**{field: sid})))
    phone.api.will(f"POST {ONE_NUMBER}", (200, {}))
    assert await code_of(phone.carrier.set_webhook(NUMBER, webhooks.BASE)) == "CARRIER-21"
    assert phone.api.requests() == [f"GET {ONE_NUMBER}"]
    before = await phone.carrier.set_webhook(NUMBER, webhooks.BASE, takes_over=True)
    assert (before.url, bool(before.taken_by)) == ("", True)
    await phone.carrier.restore_webhook(stored(before))
    *_, ours, theirs = phone.api.bodies(ONE_NUMBER)
    # The description's pattern leaves out the empty text, which takes the number off.
    assert (form_field, "") in ours
    assert ("VoiceUrl", webhooks.BASE) in ours
    check([pair for pair in ours if pair != (form_field, "")], "update_number")
    fields = check(theirs, "update_number")
    assert (fields["VoiceUrl"], fields[form_field]) == ("https://example.com/old", sid)


async def test_a_number_without_voice_is_refused(phone: Phone) -> None:
    mute = replace(NUMBER, has_voice=False)
    assert await code_of(phone.carrier.set_webhook(mute, webhooks.BASE)) == "CARRIER-30"
    assert phone.api.asked == []


# --- away ---

PAGES = [
    (
        AwaySettings(choice=AwayChoice.MESSAGE, message="Back at 5 & a half"),
        "/message",
        {"Message[0]": ["Back at 5 & a half"]},
    ),
    (
        AwaySettings(choice=AwayChoice.FORWARD, forward_to="+14155550187"),
        "/forward",
        {"PhoneNumber": ["+14155550187"]},
    ),
    (
        AwaySettings(choice=AwayChoice.VOICEMAIL, email="me@example.com"),
        "/voicemail",
        {"Email": ["me@example.com"], "Transcribe": ["false"]},
    ),
]


@pytest.mark.parametrize(("away", "path", "query"), PAGES)
async def test_a_page_of_twilios_own_answers_while_the_app_is_closed(
    phone: Phone, away: AwaySettings, path: str, query: dict[str, list[str]]
) -> None:
    phone.api.will(f"POST {ONE_NUMBER}", (200, {}))
    await phone.carrier.set_away(NUMBER, away)
    (form,) = phone.api.bodies(ONE_NUMBER)
    fields = check(form, "update_number")
    url = urlsplit(fields["VoiceUrl"])
    assert (url.scheme, url.netloc, url.path) == ("https", "twimlets.com", path)
    assert parse_qs(url.query) == query
    # Nobody is there to be told of ends and failures.
    assert (fields["StatusCallback"], fields["VoiceFallbackUrl"]) == ("", "")
    assert phone.carrier.away_url(away) == fields["VoiceUrl"]


async def test_an_address_of_the_users_own_answers(phone: Phone) -> None:
    phone.api.will(f"POST {ONE_NUMBER}", (200, {}))
    away = AwaySettings(choice=AwayChoice.ADDRESS, address="https://me.example.com/twiml")
    await phone.carrier.set_away(NUMBER, away)
    assert ("VoiceUrl", away.address) in phone.api.bodies(ONE_NUMBER)[0]


@pytest.mark.parametrize(
    "away",
    [
        AwaySettings(choice=AwayChoice.MESSAGE, message=" "),
        AwaySettings(choice=AwayChoice.FORWARD),
        AwaySettings(choice=AwayChoice.VOICEMAIL),
        AwaySettings(choice=AwayChoice.ADDRESS),
    ],
)
async def test_what_away_lacks_is_told(phone: Phone, away: AwaySettings) -> None:
    assert await code_of(phone.carrier.set_away(NUMBER, away)) == "CARRIER-32"
    assert (phone.carrier.away_url(away), phone.api.asked) == ("", [])


async def test_restoring_is_not_an_away(phone: Phone) -> None:
    with pytest.raises(ValueError, match="restored"):
        await phone.carrier.set_away(NUMBER, AwaySettings())
    assert phone.carrier.away_url(AwaySettings()) == ""


async def test_a_number_that_was_given_up_is_unknown(phone: Phone) -> None:
    assert await code_of(phone.carrier.webhook(NUMBER)) == "CARRIER-19"


# --- account and health ---


@pytest.mark.parametrize(
    ("answer", "state", "code"),
    [
        ((200, {"status": "active", "type": "Full"}), AccountState.ACTIVE, ""),
        ((200, {"status": "active", "type": "Trial"}), AccountState.TRIAL, "CARRIER-33"),
        ((200, {"status": "suspended", "type": "Full"}), AccountState.SUSPENDED, "CARRIER-27"),
        ((200, {"status": "closed", "type": "Trial"}), AccountState.CLOSED, "CARRIER-28"),
        ((403, error(20005, 403)), AccountState.SUSPENDED, "CARRIER-27"),
        ((401, error(10001, 401)), AccountState.SUSPENDED, "CARRIER-27"),
    ],
)
async def test_the_account_says_how_it_is(
    phone: Phone, answer: Scripted, state: AccountState, code: str
) -> None:
    phone.api.will(f"GET {ACCOUNT}.json", answer)
    account = await phone.carrier.account()
    assert (account.state, account.problem.code if account.problem else "") == (state, code)
    assert account.state.is_usable == (code in ("", "CARRIER-33"))
    # This machine's clock is an hour ahead in all of these tests.
    assert account.clock_offset_s == 3600
    assert (len(phone.api.asked), account.text != "") == (1, True)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((401, error(20003, 401)), "CARRIER-03"),
        ((403, error(20403, 403)), "CARRIER-04"),
        ((404, error(20404, 404)), "CARRIER-05"),
        (CUT, "CARRIER-12"),
    ],
)
async def test_an_account_that_cannot_be_asked(phone: Phone, answer: Scripted, code: str) -> None:
    phone.api.will(f"GET {ACCOUNT}.json", answer)
    assert await code_of(phone.carrier.account()) == code


async def test_health(phone: Phone) -> None:
    phone.api.will(f"GET {ACCOUNT}.json", (200, {"status": "active", "type": "Trial"}))
    phone.api.will(f"GET {NUMBERS}", (200, {"incoming_phone_numbers": [number()]}))
    health = await phone.carrier.health()
    assert (health.is_ok, health.problem) == (True, None)
    assert "trial" in health.text


@pytest.mark.parametrize(
    ("account", "numbers", "code"),
    [
        ((401, error(20003, 401)), (200, {}), "CARRIER-03"),
        ((404, error(20404, 404)), (200, {}), "CARRIER-05"),
        ((200, {"status": "suspended"}), (200, {}), "CARRIER-27"),
        ((200, {"status": "closed"}), (200, {}), "CARRIER-28"),
        ((403, error(20403, 403)), (200, {}), "CARRIER-04"),
        ((200, {"status": "active"}), (200, {"incoming_phone_numbers": []}), "CARRIER-06"),
        (CUT, (200, {}), "CARRIER-12"),
        (STALL, (200, {}), "CARRIER-12"),
    ],
)
async def test_health_names_what_is_wrong(
    phone: Phone, account: Scripted, numbers: Scripted, code: str
) -> None:
    phone.api.will(f"GET {ACCOUNT}.json", account)
    phone.api.will(f"GET {NUMBERS}", numbers)
    health = await phone.carrier.health()
    assert not health.is_ok
    assert health.problem is not None
    assert (health.problem.code, health.text) == (code, health.problem.what)


# --- as a Carrier ---


async def test_webhooks_go_through_the_carrier(phone: Phone) -> None:
    request = webhooks.signed(f"{webhooks.BASE}?call=01ab&at=answer", list(webhooks.CALL))
    phone.carrier.verify(request)
    assert phone.carrier.parse(request).kind is CarrierEventKind.ANSWERED
    with pytest.raises(WebhookRefusedError):
        phone.carrier.verify(replace(request, url=f"{request.url}x"))
    with pytest.raises(WebhookRefusedError):
        phone.carrier.verify_upgrade(request)


async def test_replies_are_twiml(phone: Phone) -> None:
    reply = phone.carrier.reply([Say("Grüße")])
    assert (reply.status, reply.content_type) == (200, "application/xml; charset=utf-8")
    assert "Grüße".encode() in reply.body
    assert isinstance(phone.carrier.dialect(), TwilioMedia)


async def test_it_is_made_from_the_vault() -> None:
    entries = {"twilio_account_sid": SID, "twilio_auth_token": f" {TOKEN}\n"}
    carrier: Carrier = make_carrier(
        CarrierName.TWILIO, lambda name: entries.get(name, ""), clock=VirtualClock()
    )
    assert (carrier.name, carrier.account_ref) == (CarrierName.TWILIO, SID)
    assert TOKEN not in repr(carrier)
    await carrier.close()
