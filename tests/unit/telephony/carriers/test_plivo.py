from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

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
from desktop_voice.telephony.carriers.credentials import PlivoCredentials
from desktop_voice.telephony.carriers.plivo import PlivoCarrier
from desktop_voice.telephony.carriers.plivo_media import PlivoMedia
from desktop_voice.telephony.steps import Say
from tests.helpers.scripted_api import CUT, STALL, Scripted, ScriptedApi
from tests.helpers.virtual_clock import FRIDAY_AFTERNOON, VirtualClock
from tests.unit.telephony.carriers import test_plivo_webhooks as webhooks

AUTH_ID, TOKEN = webhooks.AUTH_ID, webhooks.TOKEN
CALL, REQUEST = "c0ffee00-call", "deadbeef-request"
HOOK = f"{webhooks.BASE}?call=01ab"
ORDER = PlaceOrder("01ab", "+14155550187", "+14155550100", HOOK, 30, 3600)
ACCOUNT = f"/v1/Account/{AUTH_ID}"
CALLS, ONE_CALL, ONE_REQUEST = (
    f"{ACCOUNT}/Call/",
    f"{ACCOUNT}/Call/{CALL}/",
    f"{ACCOUNT}/Request/{REQUEST}/",
)
NUMBERS, ONE_NUMBER = f"{ACCOUNT}/Number/", f"{ACCOUNT}/Number/14155550100/"
APPS, ONE_APP = f"{ACCOUNT}/Application/", f"{ACCOUNT}/Application/77/"
NUMBER = OwnNumber("+14155550100", True, "14155550100", "Front desk")
REQUESTS = json.loads((Path(__file__).parents[3] / "data" / "carriers" / "plivo.json").read_text())[
    "requests"
]
FIRED = (201, {"message": "call fired", "request_uuid": REQUEST, "api_id": "x"})


def error(text: object) -> dict[str, object]:
    return {"api_id": "x", "error": text}


def described(seconds_ago: float, uuid: str = CALL, **fields: object) -> dict[str, object]:
    began = FRIDAY_AFTERNOON - timedelta(seconds=seconds_ago)
    return {
        "api_id": "x",
        "call_uuid": uuid,
        "request_uuid": REQUEST,
        "call_status": "in-progress",
        "direction": "outbound",
        "from": "14155550100",
        "to": "14155550187",
        "session_start": began.isoformat(),
        **fields,
    }


@dataclass
class Phone:
    carrier: PlivoCarrier
    api: ScriptedApi
    waits: list[float]

    def live(self, *uuids: str) -> None:
        """Have the API list these live calls; nothing is queued."""
        lists: list[Scripted] = [(200, {"calls": []}), (200, {"calls": list(uuids)})]
        self.api.script[f"GET {CALLS}"] = lists


@pytest.fixture
async def phone() -> AsyncIterator[Phone]:
    # The machine's own clock is wrong by an hour; the carrier's counts.
    clock = VirtualClock(FRIDAY_AFTERNOON + timedelta(hours=1))
    api, waits = ScriptedApi(date=format_datetime(FRIDAY_AFTERNOON)), list[float]()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        clock.advance(seconds)

    async with api.serving() as address:
        carrier = PlivoCarrier(
            PlivoCredentials(AUTH_ID, TOKEN),
            clock=clock,
            api_base=address,
            deadline_s=0.3,
            sleep=sleep,
        )
        yield Phone(carrier, api, waits)
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
    assert AUTH_ID not in told
    assert "4155550187" not in told
    return caught.value.code


def check(phone: Phone, method: str, path: str) -> Any:
    """Return the last body sent to ``path``, once it is what the description says."""
    body = [sent for how, where, sent in phone.api.asked if (how, where) == (method, path)][-1]
    ids = {CALL: "{call_uuid}", "14155550100": "{number}", "77": "{app_id}"}
    name = path.removeprefix(ACCOUNT)
    for value, placeholder in ids.items():
        name = name.replace(value, placeholder)
    jsonschema.validate(body, REQUESTS[f"{method} {name}"])
    return body


# --- placing ---


@pytest.mark.parametrize("request_uuid", [REQUEST, [REQUEST]])
async def test_a_call_is_placed_and_known_by_its_request(
    phone: Phone, request_uuid: object
) -> None:
    phone.api.will(f"POST {CALLS}", (201, {"message": "x", "request_uuid": request_uuid}))
    assert await phone.carrier.place(ORDER) == REQUEST
    assert check(phone, "POST", CALLS) == {
        "from": "14155550100",
        "to": "14155550187",
        "answer_url": f"{HOOK}&at=answer",
        "answer_method": "POST",
        "ring_url": f"{HOOK}&at=status",
        "ring_method": "POST",
        "hangup_url": f"{HOOK}&at=status",
        "hangup_method": "POST",
        "ring_timeout": 30,
        "time_limit": 3600,
    }


async def test_machines_are_looked_for_without_making_people_wait(phone: Phone) -> None:
    phone.api.will(f"POST {CALLS}", FIRED)
    await phone.carrier.place(replace(ORDER, detect_machine=True))
    body = check(phone, "POST", CALLS)
    assert body["machine_detection"] == "true"
    assert body["machine_detection_url"] == f"{HOOK}&at=machine"


LOST: list[Scripted] = [CUT, STALL, (500, {}), (503, error("busy")), (201, {}), (201, [])]


def looked_up(*calls: dict[str, object]) -> dict[str, Any]:
    """Return what the call list answers whatever is asked: all of its three forms at once."""
    return {"objects": list(calls), "calls": []}


@pytest.mark.parametrize("fault", LOST, ids=str)
async def test_a_create_whose_answer_is_lost_is_looked_up_and_never_repeated(
    phone: Phone, fault: Scripted
) -> None:
    phone.api.will(f"POST {CALLS}", fault)
    nothing: Scripted = (200, {"objects": [], "calls": []})
    phone.api.will(
        f"GET {CALLS}", nothing, nothing, nothing, nothing, nothing, (200, {"calls": [CALL]})
    )
    phone.api.will(f"GET {ONE_CALL}", (200, described(1)))
    assert await phone.carrier.place(ORDER) == CALL
    assert phone.api.requests().count(f"POST {CALLS}") == 1
    assert phone.waits == [0.0, 1.0]


async def test_a_lost_call_that_is_over_already_is_found_too(phone: Phone) -> None:
    phone.api.will(f"POST {CALLS}", CUT)
    over = described(
        1,
        call_status="",
        session_start="",
        from_number="14155550100",
        to_number="14155550187",
        initiation_time=(FRIDAY_AFTERNOON - timedelta(seconds=1)).isoformat(sep=" "),
    )
    phone.api.will(f"GET {CALLS}", (200, looked_up(over)))
    assert await phone.carrier.place(ORDER) == CALL
    assert phone.api.queries[1]["to_number"] == ["14155550187"]


@pytest.mark.parametrize(
    "other",
    [
        described(60),
        described(0, to="14155550999"),
        described(0, **{"from": "14155550999"}),
        described(0, session_start="rubbish"),
    ],
)
async def test_a_create_whose_call_is_not_found_stays_uncertain(
    phone: Phone, other: dict[str, object]
) -> None:
    phone.api.will(f"POST {CALLS}", CUT)
    phone.api.will(f"GET {CALLS}", (200, {"calls": [CALL], "objects": [other]}))
    phone.api.will(f"GET {ONE_CALL}", (200, other))
    assert await code_of(phone.carrier.place(ORDER)) == "CARRIER-13"
    assert phone.api.requests().count(f"POST {CALLS}") == 1


async def test_an_earlier_call_to_the_same_number_is_not_taken_for_the_lost_one(
    phone: Phone,
) -> None:
    phone.api.will(f"POST {CALLS}", FIRED, CUT)
    earlier = described(0)
    phone.api.will(f"GET {CALLS}", (200, looked_up(earlier, described(0, "2", request_uuid="3"))))
    assert await phone.carrier.place(ORDER) == REQUEST
    assert await phone.carrier.place(ORDER) == "2"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, error("Unauthorized"), "CARRIER-03"),
        (401, "Could not verify your access level for that URL", "CARRIER-03"),
        (402, error("x"), "CARRIER-22"),
        (403, error("x"), "CARRIER-08"),
        (403, error("geo permission is not enabled for this destination"), "CARRIER-08"),
        (404, error("not found"), "CARRIER-05"),
        (429, error("rate limit"), "CARRIER-09"),
        (400, error("insufficient credit"), "CARRIER-22"),
        (400, error("max concurrent calls reached"), "CARRIER-10"),
        (400, error("trial accounts may call verified numbers only"), "CARRIER-07"),
        (400, error("answer_url is not a valid url"), "CARRIER-17"),
        (400, error("invalid from number 14155550187"), "CARRIER-15"),
        (400, error("to number is not valid: 14155550187"), "CARRIER-14"),
        (400, error({"x": "y"}), "CARRIER-18"),
        (422, error("something else"), "CARRIER-18"),
    ],
)
async def test_a_refusal_is_explained_and_not_repeated(
    phone: Phone, status: int, body: object, code: str
) -> None:
    phone.api.will(f"POST {CALLS}", (status, body))
    assert await code_of(phone.carrier.place(ORDER)) == code
    assert phone.api.requests() == [f"POST {CALLS}"]


# --- hanging up ---


async def test_hanging_up_ends_the_call(phone: Phone) -> None:
    phone.api.will(f"DELETE {ONE_CALL}", CUT, (429, error("x")), (204, {}))
    await phone.carrier.hang_up(CALL)
    assert phone.api.requests() == [f"DELETE {ONE_CALL}"] * 3


async def test_a_call_known_by_its_request_is_cancelled(phone: Phone) -> None:
    phone.api.will(f"DELETE {ONE_REQUEST}", (204, {}))
    await phone.carrier.hang_up(REQUEST)
    assert phone.api.requests() == [f"DELETE {ACCOUNT}/Call/{REQUEST}/", f"DELETE {ONE_REQUEST}"]


async def test_a_call_known_by_its_request_that_goes_on_is_found_and_ended(phone: Phone) -> None:
    phone.live("other", CALL)
    phone.api.will(f"GET {ACCOUNT}/Call/other/", (200, described(9, "other", request_uuid="o")))
    phone.api.will(f"GET {ONE_CALL}", (200, described(9)))
    phone.api.will(f"DELETE {ONE_CALL}", (204, {}))
    await phone.carrier.hang_up(REQUEST)
    assert [how for how in phone.api.requests() if how.startswith("DELETE")] == [
        f"DELETE {ACCOUNT}/Call/{REQUEST}/",
        f"DELETE {ONE_REQUEST}",
        f"DELETE {ONE_CALL}",
    ]


async def test_hanging_up_what_is_gone_is_a_success(phone: Phone) -> None:
    phone.live()
    await phone.carrier.hang_up(CALL)


async def test_a_hang_up_that_fails_for_good_says_so(phone: Phone) -> None:
    phone.api.will(f"DELETE {ONE_CALL}", (503, {}))
    assert await code_of(phone.carrier.hang_up(CALL)) == "CARRIER-23"


# --- a call that goes on ---


async def test_new_steps_are_fetched_from_us(phone: Phone) -> None:
    phone.api.will(f"POST {ONE_CALL}", (202, {"message": "call transferred"}))
    left = await phone.carrier.perform(CALL, [Say("Sorry")], f"{HOOK}&at=steps&turn=t")
    assert left == ()
    body = check(phone, "POST", ONE_CALL)
    assert (body["legs"], body["aleg_method"]) == ("aleg", "POST")
    assert body["aleg_url"].startswith(f"{HOOK}&at=steps&turn=t&once=")


async def test_keys_are_pressed(phone: Phone) -> None:
    phone.api.will(f"POST {ONE_CALL}DTMF/", (202, {}))
    await phone.carrier.send_dtmf(CALL, "1w2#*A")
    assert check(phone, "POST", f"{ONE_CALL}DTMF/") == {"digits": "1w2#*A", "leg": "aleg"}


@pytest.mark.parametrize("digits", ["", "x", "1 2", "１", "+1", "1@"])
async def test_what_is_no_key_is_not_sent(phone: Phone, digits: str) -> None:
    assert await code_of(phone.carrier.send_dtmf(CALL, digits)) == "CARRIER-24"
    assert phone.api.asked == []


async def test_its_voice_is_cut(phone: Phone) -> None:
    await phone.carrier.stop_speaking(CALL)
    assert phone.api.requests() == [f"DELETE {ONE_CALL}Speak/"]


async def test_steps_and_keys_for_a_call_that_is_over_are_an_error(phone: Phone) -> None:
    assert await code_of(phone.carrier.perform(CALL, [Say("Hello")], HOOK)) == "CARRIER-19"
    assert await code_of(phone.carrier.send_dtmf(CALL, "1")) == "CARRIER-19"


async def test_what_plivo_cannot_do_is_refused_in_words(phone: Phone) -> None:
    assert await code_of(phone.carrier.transfer(CALL, "+14155550199")) == "CARRIER-20"
    assert Capability.TRANSFER not in phone.carrier.capabilities
    assert phone.api.asked == []


async def test_an_incoming_call_is_answered_and_rejected_by_the_reply(phone: Phone) -> None:
    await phone.carrier.answer(CALL)
    await phone.carrier.reject(CALL, EndReason.REJECTED)
    phone.carrier.verify_upgrade(webhooks.signed(webhooks.BASE, []))
    assert phone.api.asked == []


# --- looking ---


async def test_a_live_call_is_live(phone: Phone) -> None:
    phone.api.will(f"GET {ONE_CALL}", (200, described(9)))
    expected = RemoteCall(CALL, RemoteState.LIVE, "+14155550187", "+14155550100")
    assert await phone.carrier.fetch(CALL) == expected
    assert phone.api.queries[0]["status"] == ["live"]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"call_state": "completed"}, EndReason.FAR_END_HUNG_UP),
        ({"call_state": "busy"}, EndReason.BUSY),
        ({"call_state": "ANSWER", "end_time": "2026-11-20 14:00:00+00:00"}, EndReason.UNKNOWN),
        ({"call_state": "x", "hangup_cause_code": 6010}, EndReason.NO_ANSWER),
        ({"call_state": "completed", "hangup_cause_code": 6000}, EndReason.HARD_LIMIT),
    ],
)
async def test_what_became_of_a_call(
    phone: Phone, record: dict[str, object], reason: EndReason
) -> None:
    phone.api.will(f"GET {ONE_CALL}", (404, {}), (200, {**described(9, call_status=""), **record}))
    remote = await phone.carrier.fetch(CALL)
    assert (remote.state, remote.end_reason) == (RemoteState.ENDED, reason)
    assert [query.get("status") for query in phone.api.queries] == [["live"], None]


async def test_a_record_of_no_end_is_not_called_over(phone: Phone) -> None:
    phone.api.will(f"GET {ONE_CALL}", (404, {}), (200, described(9, call_status="")))
    assert (await phone.carrier.fetch(CALL)).state is RemoteState.UNKNOWN


async def test_a_call_known_by_its_request_is_found(phone: Phone) -> None:
    phone.live(CALL)
    phone.api.will(f"GET {ONE_CALL}", (200, described(9)))
    remote = await phone.carrier.fetch(REQUEST)
    assert (remote.carrier_ref, remote.state) == (CALL, RemoteState.LIVE)


async def test_a_queued_call_without_details_is_live(phone: Phone) -> None:
    phone.api.will(f"GET {CALLS}", (200, {"calls": [REQUEST]}), (200, {"calls": []}))
    assert (await phone.carrier.fetch(REQUEST)).state is RemoteState.LIVE


async def test_an_unknown_call_is_over(phone: Phone) -> None:
    phone.live()
    assert (await phone.carrier.fetch("../x?y")).state is RemoteState.ENDED
    assert phone.api.requests()[0] == f"GET {ACCOUNT}/Call/..%2Fx%3Fy/"


async def test_live_calls_are_read_page_by_page(phone: Phone) -> None:
    uuids = [f"call-{place}" for place in range(25)]
    for uuid in uuids:
        phone.api.will(f"GET {ACCOUNT}/Call/{uuid}/", (200, described(9, uuid)))
    phone.api.will(
        f"GET {CALLS}",
        (200, {"calls": []}),
        (200, {"calls": uuids[:20]}),
        (200, {"calls": uuids[20:]}),
    )
    assert [call.carrier_ref for call in await phone.carrier.live_calls()] == uuids


# --- numbers ---


def number(**fields: object) -> dict[str, object]:
    return {
        "number": "14155550100",
        "alias": "Front desk",
        "voice_enabled": True,
        "application": "/v1/Account/MA/Application/5/",
        **fields,
    }


async def test_own_numbers(phone: Phone) -> None:
    first = [number(number=f"141555501{place:02}") for place in range(20)]
    last = [number(number="14155550199", voice_enabled=False)]
    phone.api.will(f"GET {NUMBERS}", (200, {"objects": first}), (200, {"objects": last}))
    numbers = await phone.carrier.numbers()
    assert (len(numbers), numbers[0]) == (21, NUMBER)
    assert numbers[-1] == OwnNumber("+14155550199", False, "14155550199", "Front desk")


OLD_APP = {
    "app_id": "5",
    "app_name": "mine",
    "answer_url": "https://example.com/old",
    "answer_method": "GET",
    "hangup_url": "https://example.com/over",
    "hangup_method": "GET",
    "fallback_answer_url": "",
    "fallback_method": "POST",
}


async def test_a_webhook_is_set_by_an_application_of_our_own_and_put_back(phone: Phone) -> None:
    phone.api.will(f"GET {ONE_NUMBER}", (200, number()))
    phone.api.will(f"GET {ACCOUNT}/Application/5/", (200, OLD_APP))
    phone.api.will(f"GET {APPS}", (200, {"objects": [OLD_APP]}))
    phone.api.will(f"POST {APPS}", (201, {"app_id": "77"}))
    phone.api.will(f"POST {ONE_NUMBER}", (202, {}))
    before = await phone.carrier.set_webhook(NUMBER, webhooks.BASE, "https://example.com/f")
    assert (before.number, before.url) == ("+14155550100", "https://example.com/old")
    assert check(phone, "POST", APPS) == {
        "app_name": "desktop-voice",
        "answer_url": webhooks.BASE,
        "answer_method": "POST",
        "hangup_url": f"{webhooks.BASE}?at=status",
        "hangup_method": "POST",
        "fallback_answer_url": "https://example.com/f",
        "fallback_method": "POST",
    }
    assert check(phone, "POST", ONE_NUMBER) == {"app_id": "77"}
    await phone.carrier.restore_webhook(stored(before))
    assert check(phone, "POST", ONE_NUMBER) == {"app_id": "5"}
    assert f"POST {ACCOUNT}/Application/5/" not in phone.api.requests()


async def test_our_own_application_is_used_again(phone: Phone) -> None:
    ours = {**OLD_APP, "app_id": "77", "app_name": "desktop-voice"}
    phone.api.will(f"GET {ONE_NUMBER}", (200, number(application=f"{ACCOUNT}/Application/77/")))
    phone.api.will(f"GET {ONE_APP}", (200, ours))
    phone.api.will(f"GET {APPS}", (200, {"objects": [ours]}))
    phone.api.will(f"POST {ONE_APP}", (202, {}))
    phone.api.will(f"POST {ONE_NUMBER}", (202, {}))
    before = await phone.carrier.set_webhook(NUMBER, webhooks.BASE, "https://example.com/f")
    changed = {
        "answer_url": webhooks.BASE,
        "answer_method": "POST",
        "hangup_url": f"{webhooks.BASE}?at=status",
        "hangup_method": "POST",
        "fallback_answer_url": "https://example.com/f",
    }
    assert check(phone, "POST", ONE_APP) == changed
    phone.api.will(f"GET {ONE_APP}", (200, {**ours, **changed}))
    await phone.carrier.restore_webhook(stored(before))
    kept = ("answer_url", "answer_method", "hangup_url", "hangup_method", "fallback_answer_url")
    assert phone.api.bodies(ONE_APP)[-1] == {name: ours[name] for name in kept}


async def test_a_number_of_a_flow_that_is_no_application_is_linked_and_given_back(
    phone: Phone,
) -> None:
    phone.api.will(f"GET {ONE_NUMBER}", (200, number()))
    phone.api.will(f"GET {ACCOUNT}/Application/5/", (404, error("not found")))
    phone.api.will(f"GET {APPS}", (200, {"objects": []}))
    phone.api.will(f"POST {APPS}", (201, {"app_id": "77"}))
    phone.api.will(f"POST {ONE_NUMBER}", (202, {}))
    before = await phone.carrier.set_webhook(NUMBER, webhooks.BASE)
    await phone.carrier.restore_webhook(stored(before))
    assert phone.api.bodies(ONE_NUMBER)[-2:] == [{"app_id": "77"}, {"app_id": "5"}]


async def test_a_number_of_a_sub_account_is_refused(phone: Phone) -> None:
    owner = f"{ACCOUNT}/Subaccount/SA00000000000000ABCD/"
    phone.api.will(f"GET {ONE_NUMBER}", (200, number(application=None, sub_account=owner)))
    doing = phone.carrier.set_webhook(NUMBER, webhooks.BASE, takes_over=True)
    assert await code_of(doing) == "CARRIER-31"
    assert phone.api.requests() == [f"GET {ONE_NUMBER}"]
    assert (await phone.carrier.webhook(NUMBER)).taken_by == "a sub-account"


async def test_the_sub_account_itself_may_use_its_numbers(phone: Phone) -> None:
    owner = f"/v1/Account/MA00000000000000ABCD/Subaccount/{AUTH_ID}/"
    phone.api.will(f"GET {ONE_NUMBER}", (200, number(application=None, sub_account=owner)))
    assert (await phone.carrier.webhook(NUMBER)).taken_by == ""


async def test_a_number_without_voice_is_refused(phone: Phone) -> None:
    mute = replace(NUMBER, has_voice=False)
    assert await code_of(phone.carrier.set_webhook(mute, webhooks.BASE)) == "CARRIER-30"
    assert phone.api.asked == []


# --- away ---


async def test_while_the_app_is_closed_an_address_of_the_users_own_answers(phone: Phone) -> None:
    phone.api.will(f"GET {APPS}", (200, {"objects": []}))
    phone.api.will(f"POST {APPS}", (201, {"app_id": "77"}))
    phone.api.will(f"POST {ONE_NUMBER}", (202, {}))
    away = AwaySettings(choice=AwayChoice.ADDRESS, address="https://me.example.com/xml")
    await phone.carrier.set_away(NUMBER, away)
    made = check(phone, "POST", APPS)
    assert (made["answer_url"], made["hangup_url"]) == (away.address, away.address)
    assert check(phone, "POST", ONE_NUMBER) == {"app_id": "77"}
    assert phone.carrier.away_url(away) == away.address


@pytest.mark.parametrize(
    ("away", "code"),
    [
        (AwaySettings(choice=AwayChoice.MESSAGE), "CARRIER-20"),
        (AwaySettings(choice=AwayChoice.FORWARD, forward_to="+14155550199"), "CARRIER-20"),
        (AwaySettings(choice=AwayChoice.VOICEMAIL, email="me@example.com"), "CARRIER-20"),
        (AwaySettings(choice=AwayChoice.ADDRESS), "CARRIER-32"),
    ],
)
async def test_what_cannot_be_done_while_the_app_is_closed(
    phone: Phone, away: AwaySettings, code: str
) -> None:
    assert await code_of(phone.carrier.set_away(NUMBER, away)) == code
    assert (phone.carrier.away_url(away), phone.api.asked) == ("", [])


async def test_a_number_without_an_application_gets_none_back(phone: Phone) -> None:
    phone.api.will(f"GET {ONE_NUMBER}", (200, number(application=None)))
    phone.api.will(f"POST {ONE_NUMBER}", (202, {}))
    before = await phone.carrier.webhook(NUMBER)
    assert before.url == ""
    await phone.carrier.restore_webhook(before)
    assert check(phone, "POST", ONE_NUMBER) == {"app_id": ""}


async def test_a_number_that_was_given_up_is_unknown(phone: Phone) -> None:
    assert await code_of(phone.carrier.webhook(NUMBER)) == "CARRIER-19"


# --- account and health ---


@pytest.mark.parametrize(
    ("answer", "state", "code"),
    [
        ((200, {"account_type": "standard", "cash_credits": "9.5"}), AccountState.ACTIVE, ""),
        ((200, {"account_type": "trial", "state": "CA"}), AccountState.TRIAL, "CARRIER-33"),
        ((200, {"cash_credits": "0.00"}), AccountState.NO_CREDIT, "CARRIER-22"),
        ((200, {"cash_credits": "0.0", "auto_recharge": True}), AccountState.ACTIVE, ""),
        ((200, {"cash_credits": "-3", "billing_mode": "postpaid"}), AccountState.ACTIVE, ""),
        ((403, error("this account is suspended")), AccountState.SUSPENDED, "CARRIER-27"),
    ],
)
async def test_the_account_says_how_it_is(
    phone: Phone, answer: Scripted, state: AccountState, code: str
) -> None:
    phone.api.will(f"GET {ACCOUNT}/", answer)
    account = await phone.carrier.account()
    assert (account.state, account.problem.code if account.problem else "") == (state, code)
    # This machine's clock is an hour ahead in all of these tests.
    assert account.clock_offset_s == 3600
    assert (len(phone.api.asked), account.text != "") == (1, True)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((401, "no JSON"), "CARRIER-03"),
        ((403, {}), "CARRIER-04"),
        ((404, {}), "CARRIER-05"),
        (CUT, "CARRIER-12"),
    ],
)
async def test_an_account_that_cannot_be_asked(phone: Phone, answer: Scripted, code: str) -> None:
    phone.api.will(f"GET {ACCOUNT}/", answer)
    assert await code_of(phone.carrier.account()) == code


async def test_health(phone: Phone) -> None:
    phone.api.will(f"GET {ACCOUNT}/", (200, {"account_type": "trial"}))
    phone.api.will(f"GET {NUMBERS}", (200, {"objects": [number()]}))
    health = await phone.carrier.health()
    assert (health.is_ok, health.problem) == (True, None)
    assert "trial" in health.text


@pytest.mark.parametrize(
    ("account", "numbers", "code"),
    [
        ((401, "no JSON"), (200, {}), "CARRIER-03"),
        ((403, {}), (200, {}), "CARRIER-04"),
        ((404, {}), (200, {}), "CARRIER-05"),
        ((200, {}), (200, {"objects": [number(voice_enabled=False)]}), "CARRIER-06"),
        (CUT, (200, {}), "CARRIER-12"),
    ],
)
async def test_health_names_what_is_wrong(
    phone: Phone, account: Scripted, numbers: Scripted, code: str
) -> None:
    phone.api.will(f"GET {ACCOUNT}/", account)
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
        phone.carrier.verify(replace(request, body=request.body + b"x"))


async def test_replies_are_plivo_xml(phone: Phone) -> None:
    reply = phone.carrier.reply([Say("Grüße")])
    assert (reply.status, reply.content_type) == (200, "application/xml; charset=utf-8")
    assert "<Speak" in reply.body.decode()
    assert isinstance(phone.carrier.dialect(), PlivoMedia)


async def test_it_is_made_from_the_vault() -> None:
    entries = {"plivo_auth_id": AUTH_ID, "plivo_auth_token": TOKEN}
    carrier: Carrier = make_carrier(
        CarrierName.PLIVO, lambda name: entries.get(name, ""), clock=VirtualClock()
    )
    assert (carrier.name, carrier.account_ref) == (CarrierName.PLIVO, AUTH_ID)
    await carrier.close()
