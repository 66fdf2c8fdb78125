from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from desktop_voice.core.calls import CarrierName, EndReason
from desktop_voice.core.errors import PhoneError
from desktop_voice.core.phone_settings import AwayChoice, AwaySettings
from desktop_voice.telephony.addresses import at
from desktop_voice.telephony.carriers.carrier import (
    AccountState,
    Capability,
    Carrier,
    CarrierEventKind,
    NumberWebhook,
    OwnNumber,
    PlaceOrder,
    RemoteState,
    WebhookRefusedError,
    WebhookReply,
)
from desktop_voice.telephony.carriers.catalogue import make_carrier
from desktop_voice.telephony.carriers.credentials import TelnyxCredentials
from desktop_voice.telephony.carriers.telnyx import TelnyxCarrier
from desktop_voice.telephony.carriers.telnyx_media import TelnyxDialect
from desktop_voice.telephony.carriers.telnyx_webhooks import ClientState
from desktop_voice.telephony.steps import ConnectStream, Gather, HangUp, Reject, Say
from tests.helpers.carrier_specs import carrier_spec_or_skip
from tests.helpers.scripted_api import CUT, STALL, Scripted, ScriptedApi
from tests.helpers.telnyx_account import BODY, CALL_ID, NOW, Signer
from tests.helpers.virtual_clock import VirtualClock

API_KEY = "KEY" + "0" * 32
CONNECTION = "2680000000000000001"
REF = "v3:MdI91X4lWFEs7IgbBEOT9M4AigoY08M0WWZFISt1Yw2axZ_IiE4pqg"
REF_PATH = "/v2/calls/v3%3AMdI91X4lWFEs7IgbBEOT9M4AigoY08M0WWZFISt1Yw2axZ_IiE4pqg"
CALL_URL = f"https://phone.example.com/api/voice/webhook/telnyx?call={CALL_ID}"
ORDER = PlaceOrder(CALL_ID, "+14155550100", "+14155550101", CALL_URL, 30, 3600, True)
APPLICATION = f"/v2/call_control_applications/{CONNECTION}"
ACTIVE_CALLS = f"/v2/connections/{CONNECTION}/active_calls"
NUMBER = OwnNumber("+14155550101", True, "1")
HERE = datetime.fromtimestamp(NOW).astimezone()

OK: Scripted = (200, {"data": {"result": "ok"}})


def refusal(code: str, pointer: str = "") -> dict[str, object]:
    return {"errors": [{"code": code, "title": "x", "source": {"pointer": pointer}}]}


def active(*refs: str, call_id: str = CALL_ID, after: str = "") -> Scripted:
    state = ClientState(call_id).encode()
    meta = {"cursors": {"after": after}, "next": f"?page[after]={after}" if after else None}
    calls = [{"call_control_id": ref, "client_state": state, "record_type": "call"} for ref in refs]
    return 200, {"data": calls, "meta": meta}


@dataclass
class Phone:
    """The carrier under test, the API that it asks, and how long it waited between attempts."""

    carrier: TelnyxCarrier
    api: ScriptedApi
    clock: VirtualClock
    waits: list[float]


@pytest.fixture
async def phone() -> AsyncIterator[Phone]:
    api, waits, clock = ScriptedApi(date=format_datetime(HERE)), list[float](), VirtualClock(HERE)

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async with api.serving() as address:
        carrier = TelnyxCarrier(
            TelnyxCredentials(API_KEY, CONNECTION, Signer().key_text),
            clock=clock,
            api_base=address,
            deadline_s=0.4,
            sleep=sleep,
        )
        yield Phone(carrier, api, clock, waits)
        await carrier.close()


async def code_of(doing: Any) -> str:
    with pytest.raises(PhoneError) as caught:
        await doing
    assert "+1" not in str(caught.value).replace("+14155550123", "")
    return caught.value.code


# --- placing ---


async def test_a_call_is_placed(phone: Phone) -> None:
    phone.api.will("POST /v2/calls", (200, {"data": {"call_control_id": REF, "is_alive": False}}))
    assert await phone.carrier.place(ORDER) == REF
    (body,) = phone.api.bodies("/v2/calls")
    spec = carrier_spec_or_skip("telnyx_call_control.openapi.json")
    spec.check(body, "components", "schemas", "CallRequest")
    assert (body["to"], body["from"]) == ("+14155550100", "+14155550101")
    assert (body["connection_id"], body["command_id"]) == (CONNECTION, CALL_ID)
    assert phone.api.headers[0]["Authorization"] == f"Bearer {API_KEY}"


@pytest.mark.parametrize("fault", [CUT, STALL, (500, refusal("10007")), (503, {}), (200, "no")])
async def test_a_create_whose_answer_is_lost_is_repeated_under_the_same_id(
    phone: Phone, fault: Scripted
) -> None:
    phone.api.will("POST /v2/calls", fault, (200, {"data": {"call_control_id": REF}}))
    assert await phone.carrier.place(ORDER) == REF
    first, second = phone.api.bodies("/v2/calls")
    assert first == second
    assert first["command_id"] == CALL_ID


@pytest.mark.parametrize("later", [CUT, (422, refusal("10004")), (401, refusal("10009"))])
async def test_a_create_whose_answer_stays_lost_is_looked_up(phone: Phone, later: Scripted) -> None:
    phone.api.will("POST /v2/calls", CUT, later)
    phone.api.will(
        f"GET {ACTIVE_CALLS}",
        active("v3:another", call_id="f" * 32, after="page2"),
        active(REF),
    )
    assert await phone.carrier.place(ORDER) == REF
    assert phone.api.queries[-1]["page[after]"] == ["page2"]


@pytest.mark.parametrize("listed", [active(), active("v3:other", call_id="f" * 32), CUT])
async def test_a_create_that_nobody_knows_of_is_called_uncertain(
    phone: Phone, listed: Scripted
) -> None:
    phone.api.will("POST /v2/calls", CUT)
    phone.api.will(f"GET {ACTIVE_CALLS}", listed)
    assert await code_of(phone.carrier.place(ORDER)) == "CARRIER-13"
    if listed != CUT:
        assert phone.api.requests().count(f"GET {ACTIVE_CALLS}") == 4
        assert phone.waits[-3:] == [1.0, 2.0, 4.0]


async def test_a_lost_call_that_is_listed_late_is_found(phone: Phone) -> None:
    phone.api.will("POST /v2/calls", CUT)
    phone.api.will(f"GET {ACTIVE_CALLS}", active(), active(), active(REF))
    assert await phone.carrier.place(ORDER) == REF
    assert phone.api.bodies("/v2/calls")[0]["command_id"] == CALL_ID
    assert len({body["command_id"] for body in phone.api.bodies("/v2/calls")}) == 1


async def test_a_create_that_was_ignored_as_a_repetition_is_looked_up(phone: Phone) -> None:
    phone.api.will("POST /v2/calls", CUT, OK)
    phone.api.will(f"GET {ACTIVE_CALLS}", active(REF))
    assert await phone.carrier.place(ORDER) == REF


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((401, refusal("10009")), "CARRIER-03"),
        ((403, refusal("10010")), "CARRIER-04"),
        ((422, refusal("10015", "/connection_id")), "CARRIER-05"),
        ((422, refusal("10016", "/to")), "CARRIER-14"),
        ((422, refusal("10016", "/from")), "CARRIER-15"),
        ((422, {}), "CARRIER-18"),
        ((301, {}, {"Location": "http://127.0.0.1/"}), "CARRIER-18"),
    ],
)
async def test_a_refused_call_is_asked_for_once_and_explained(
    phone: Phone, answer: Scripted, code: str
) -> None:
    phone.api.will("POST /v2/calls", answer)
    assert await code_of(phone.carrier.place(ORDER)) == code
    assert phone.api.requests() == ["POST /v2/calls"]


async def test_after_a_429_it_waits_as_long_as_telnyx_says(phone: Phone) -> None:
    limited = (429, refusal("10011"), {"x-ratelimit-limit": "30", "x-ratelimit-reset": "7"})
    phone.api.will("POST /v2/calls", limited, (200, {"data": {"call_control_id": REF}}))
    assert await phone.carrier.place(ORDER) == REF
    (wait_s,) = phone.waits
    assert 7 < wait_s <= 8


async def test_a_429_that_lasts_too_long_is_told(phone: Phone) -> None:
    phone.api.will("POST /v2/calls", (429, refusal("10011"), {"x-ratelimit-reset": "60"}))
    assert await code_of(phone.carrier.place(ORDER)) == "CARRIER-09"
    assert len(phone.api.asked) == 1


# --- commands ---


async def test_commands_name_the_call_in_the_path_and_carry_an_id(phone: Phone) -> None:
    for action in ("answer", "reject", "hangup", "playback_stop", "send_dtmf", "transfer"):
        phone.api.will(f"POST {REF_PATH}/actions/{action}", OK)
    await phone.carrier.answer(REF)
    await phone.carrier.reject(REF, EndReason.TOO_MANY_CALLS)
    await phone.carrier.hang_up(REF)
    await phone.carrier.stop_speaking(REF)
    await phone.carrier.send_dtmf(REF, "12#")
    await phone.carrier.transfer(REF, "+14155550102")
    assert len(phone.api.asked) == 6
    assert len({body["command_id"] for _, _, body in phone.api.asked}) == 6
    assert phone.api.bodies(f"{REF_PATH}/actions/reject")[0]["cause"] == "USER_BUSY"
    assert phone.api.bodies(f"{REF_PATH}/actions/transfer")[0]["time_limit_secs"] == 3600


@pytest.mark.parametrize("gone", [(422, refusal("90018")), (404, refusal("10005")), (404, {})])
@pytest.mark.parametrize("action", ["hangup", "reject", "playback_stop"])
async def test_ending_what_is_over_is_a_success(phone: Phone, gone: Scripted, action: str) -> None:
    phone.api.will(f"POST {REF_PATH}/actions/{action}", gone)
    doing: dict[str, Callable[[], Any]] = {
        "hangup": lambda: phone.carrier.hang_up(REF),
        "reject": lambda: phone.carrier.reject(REF, EndReason.INBOUND_DISABLED),
        "playback_stop": lambda: phone.carrier.stop_speaking(REF),
    }
    await doing[action]()
    assert len(phone.api.asked) == 1


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((422, refusal("90018")), "CARRIER-16"),
        ((422, refusal("90034")), "CARRIER-16"),
        ((422, refusal("90015")), "CARRIER-19"),
        ((404, {}), "CARRIER-19"),
        ((401, {}), "CARRIER-03"),
        ((500, {}), "CARRIER-23"),
        (CUT, "CARRIER-12"),
    ],
)
async def test_a_refused_command_is_explained(phone: Phone, answer: Scripted, code: str) -> None:
    phone.api.will(f"POST {REF_PATH}/actions/answer", answer)
    assert await code_of(phone.carrier.answer(REF)) == code


@pytest.mark.parametrize(("answer", "takes"), [((422, refusal("90034")), False), (OK, True)])
async def test_a_call_takes_commands_once_it_is_answered(
    phone: Phone, answer: Scripted, takes: bool
) -> None:
    phone.api.will(f"POST {REF_PATH}/actions/gather_stop", answer)
    assert await phone.carrier.takes_commands(REF) is takes


@pytest.mark.parametrize("answer", [(422, refusal("90018")), (422, refusal("90045")), (404, {})])
async def test_another_refusal_does_not_tell_whether_a_call_takes_commands(
    phone: Phone, answer: Scripted
) -> None:
    phone.api.will(f"POST {REF_PATH}/actions/gather_stop", answer)
    assert (await code_of(phone.carrier.takes_commands(REF))).startswith("CARRIER-")


async def test_a_command_whose_answer_is_lost_is_repeated_under_its_id(phone: Phone) -> None:
    phone.api.will(f"POST {REF_PATH}/actions/hangup", CUT, (422, refusal("90018")))
    await phone.carrier.hang_up(REF)
    first, second = phone.api.bodies(f"{REF_PATH}/actions/hangup")
    assert first["command_id"] == second["command_id"]


async def test_a_turn_is_spoken_and_then_listened_to(phone: Phone) -> None:
    phone.api.will(f"POST {REF_PATH}/actions/speak", OK)
    phone.api.will(f"POST {REF_PATH}/actions/transcription_start", (422, refusal("90054")))
    url = at(CALL_URL, "steps", "nonce-1")
    for _ in range(2):
        left = await phone.carrier.perform(REF, [Gather("Yes?", "t", "r", "s")], url)
        assert left == ()
    assert [path.rsplit("/", 1)[1] for _, path, _ in phone.api.asked] == [
        "speak",
        "transcription_start",
        "speak",
    ]
    speak = phone.api.bodies(f"{REF_PATH}/actions/speak")[0]
    assert ClientState.decode(speak["client_state"]) == ClientState(CALL_ID, "nonce-1")


async def test_an_ear_that_was_refused_is_asked_for_again(phone: Phone) -> None:
    phone.api.will(f"POST {REF_PATH}/actions/transcription_start", (422, refusal("90000")), OK)
    gather = Gather("", "t", "r", "s")
    assert await code_of(phone.carrier.perform(REF, [gather], CALL_URL)) == "CARRIER-18"
    for _ in range(2):
        assert await phone.carrier.perform(REF, [gather], CALL_URL) == ()
    assert phone.api.requests() == [f"POST {REF_PATH}/actions/transcription_start"] * 2


async def test_what_comes_after_a_speech_is_left_to_the_caller(phone: Phone) -> None:
    phone.api.will(f"POST {REF_PATH}/actions/speak", OK)
    phone.api.will(f"POST {REF_PATH}/actions/hangup", OK)
    left = await phone.carrier.perform(REF, [Say("Bye."), HangUp()], CALL_URL)
    assert left == (HangUp(),)
    assert len(phone.api.asked) == 1
    assert await phone.carrier.perform(REF, left, CALL_URL) == ()
    assert phone.api.requests()[-1] == f"POST {REF_PATH}/actions/hangup"


async def test_new_steps_take_the_place_of_an_open_stream(phone: Phone) -> None:
    used = (422, refusal("90045"))
    phone.api.will(f"POST {REF_PATH}/actions/speak", used, OK)
    phone.api.will(f"POST {REF_PATH}/actions/streaming_stop", OK)
    await phone.carrier.perform(REF, [Say("One moment.")], CALL_URL)
    assert [path.rsplit("/", 1)[1] for _, path, _ in phone.api.asked] == [
        "speak",
        "streaming_stop",
        "speak",
    ]
    first, second = phone.api.bodies(f"{REF_PATH}/actions/speak")
    assert first["command_id"] != second["command_id"]
    phone.api.will(f"POST {REF_PATH}/actions/speak", used)
    assert await code_of(phone.carrier.perform(REF, [Say("Hm.")], CALL_URL)) == "CARRIER-18"


async def test_a_stream_is_opened_and_a_caller_refused_by_steps(phone: Phone) -> None:
    phone.api.will(f"POST {REF_PATH}/actions/streaming_start", OK)
    phone.api.will(f"POST {REF_PATH}/actions/reject", OK)
    stream = ConnectStream("wss://phone.example.com/call/stream/tkt", "tkt", CALL_URL)
    await phone.carrier.perform(REF, [stream], CALL_URL)
    await phone.carrier.perform(REF, [Reject(EndReason.CALLER_WITHHELD)], CALL_URL)
    assert phone.api.bodies(f"{REF_PATH}/actions/streaming_start")[0]["stream_url"] == stream.url
    assert phone.api.bodies(f"{REF_PATH}/actions/reject")[0]["cause"] == "CALL_REJECTED"


# --- asking ---


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ((200, {"data": {"is_alive": True}}), RemoteState.LIVE),
        ((200, {"data": {"is_alive": False, "end_time": "2026-11-20"}}), RemoteState.ENDED),
        ((200, {"data": {"is_alive": False}}), RemoteState.UNKNOWN),
        ((200, {"data": {"is_alive": "yes"}}), RemoteState.UNKNOWN),
        ((404, refusal("10005")), RemoteState.ENDED),
        ((422, refusal("90015")), RemoteState.ENDED),
        ((422, refusal("90018")), RemoteState.ENDED),
    ],
)
async def test_what_became_of_a_call(phone: Phone, answer: Scripted, state: RemoteState) -> None:
    phone.api.will(f"GET {REF_PATH}", answer)
    found = await phone.carrier.fetch(REF)
    assert (found.carrier_ref, found.state) == (REF, state)


async def test_a_call_is_not_taken_for_ended_because_of_a_fault(phone: Phone) -> None:
    phone.api.will(f"GET {REF_PATH}", (503, {}))
    assert await code_of(phone.carrier.fetch(REF)) == "CARRIER-23"
    phone.api.will(f"GET {REF_PATH}", (422, refusal("10015")))
    assert await code_of(phone.carrier.fetch(REF)) == "CARRIER-18"


async def test_the_calls_that_go_on(phone: Phone) -> None:
    phone.api.will(f"GET {ACTIVE_CALLS}", active("v3:a", "v3:b", after="x"), active("v3:c"))
    calls = await phone.carrier.live_calls()
    assert [call.carrier_ref for call in calls] == ["v3:a", "v3:b", "v3:c"]
    assert {call.state for call in calls} == {RemoteState.LIVE}


async def test_the_numbers_of_the_account_begin_with_the_applications_own(phone: Phone) -> None:
    def page(*numbers: tuple[str, str]) -> Scripted:
        found = [
            {
                "phone_number": number,
                "id": f"id{number}",
                "phone_number_type": "local",
                "connection_id": connection_id,
            }
            for number, connection_id in numbers
        ]
        return 200, {"data": found, "meta": {"page_number": 1, "total_pages": 2}}

    first = page(("+14155550103", "1"), ("+14155550101", CONNECTION))
    phone.api.will("GET /v2/phone_numbers", first, page(("+14155550102", CONNECTION)))
    numbers = await phone.carrier.numbers()
    assert [(n.number, n.has_voice, n.ref) for n in numbers] == [
        ("+14155550101", True, "id+14155550101"),
        ("+14155550102", True, "id+14155550102"),
        ("+14155550103", True, "id+14155550103"),
    ]
    assert [query["page[number]"] for query in phone.api.queries] == [["1"], ["2"]]


def application(**changes: object) -> Scripted:
    data = {
        "application_name": "Home",
        "webhook_event_url": "https://old.example.com/hook",
        "webhook_api_version": "1",
        "active": True,
        "outbound": {"outbound_voice_profile_id": "77"},
        **changes,
    }
    return 200, {"data": data}


NO_VOICEMAIL: Scripted = (404, refusal("10005"))


def bound(
    phone: Phone,
    *,
    connection_id: str | None = CONNECTION,
    forwarding: dict[str, object] | None = None,
    voicemail: Scripted = NO_VOICEMAIL,
    **changes: object,
) -> None:
    """Let the number be set up so; each PATCH is taken, and shown from then on."""
    off = {"call_forwarding_enabled": False, "forwarding_type": "always", "forwards_to": ""}
    number = {"id": "1", "connection_id": connection_id}
    phone.api.will(f"GET {APPLICATION}", application(**changes))
    phone.api.will("GET /v2/phone_numbers/1", (200, {"data": number}))
    voice = {"data": {"call_forwarding": forwarding or off}}
    phone.api.will("GET /v2/phone_numbers/1/voice", (200, voice))
    phone.api.will("GET /v2/phone_numbers/1/voicemail", voicemail)
    for path in (APPLICATION, "/v2/phone_numbers/1", "/v2/phone_numbers/1/voice"):
        phone.api.will(f"PATCH {path}", (200, {"data": {}}))
    for method in ("POST", "PATCH"):
        phone.api.will(f"{method} /v2/phone_numbers/1/voicemail", (200, {"data": {}}))


def written(phone: Phone) -> dict[str, Any]:
    """Return what was changed, by path below the API and the last of each; then forget it."""
    spec = carrier_spec_or_skip("telnyx_call_control.openapi.json")
    schemas = {
        APPLICATION: "UpdateCallControlApplicationRequest",
        "/v2/phone_numbers/1": "UpdatePhoneNumberRequest",
        "/v2/phone_numbers/1/voice": "UpdatePhoneNumberVoiceSettingsRequest",
    }
    changes = {path: body for method, path, body in phone.api.asked if method != "GET"}
    for path, body in changes.items():
        if path in schemas:
            spec.check(body, "components", "schemas", schemas[path])
        else:
            assert set(body) == {"enabled"}
    phone.api.asked.clear()
    return changes


def stored(webhook: NumberWebhook) -> NumberWebhook:
    """Return what a file gives back of it."""
    text = json.dumps([webhook.number, webhook.url, dict(webhook.data)])
    return NumberWebhook(*json.loads(text))


HOOK = "https://phone.example.com/hook"


async def test_the_webhook_is_set_and_put_back(phone: Phone) -> None:
    bound(phone, webhook_event_failover_url=None)
    before = await phone.carrier.set_webhook(NUMBER, HOOK, "https://me.example.com/f")
    assert (before.url, before.taken_by) == ("https://old.example.com/hook", "")
    ours = {
        "application_name": "Home",
        "webhook_event_url": HOOK,
        "webhook_event_failover_url": "https://me.example.com/f",
        "webhook_api_version": "2",
    }
    assert written(phone) == {APPLICATION: ours}
    bound(phone, webhook_event_url=HOOK, webhook_api_version="2")
    assert (await phone.carrier.webhook(NUMBER)).url == HOOK
    await phone.carrier.restore_webhook(stored(before))
    assert written(phone) == {
        APPLICATION: {
            "application_name": "Home",
            "webhook_event_url": "https://old.example.com/hook",
            "webhook_event_failover_url": "",
            "webhook_api_version": "1",
        }
    }


async def test_what_is_right_already_is_not_written_again(phone: Phone) -> None:
    bound(phone, webhook_event_url=HOOK, webhook_api_version="2")
    assert (await phone.carrier.set_webhook(NUMBER, HOOK)).url == HOOK
    assert written(phone) == {}


async def test_a_number_on_another_connection_is_assigned_on_the_users_word_only(
    phone: Phone,
) -> None:
    bound(phone, connection_id="99")
    assert await code_of(phone.carrier.set_webhook(NUMBER, HOOK)) == "CARRIER-29"
    assert written(phone) == {}
    before = await phone.carrier.set_webhook(NUMBER, HOOK, takes_over=True)
    assert (before.url, before.taken_by) == ("", "another connection")
    assert written(phone)["/v2/phone_numbers/1"] == {"connection_id": CONNECTION}
    bound(phone, webhook_event_url=HOOK, webhook_api_version="2")
    await phone.carrier.restore_webhook(stored(before))
    assert written(phone)["/v2/phone_numbers/1"] == {"connection_id": "99"}


async def test_a_number_on_no_connection_is_nobodys(phone: Phone) -> None:
    bound(phone, connection_id=None)
    before = await phone.carrier.set_webhook(NUMBER, HOOK)
    assert (before.url, before.taken_by) == ("", "")
    assert written(phone)["/v2/phone_numbers/1"] == {"connection_id": CONNECTION}


async def test_a_number_without_voice_is_refused(phone: Phone) -> None:
    mute = replace(NUMBER, has_voice=False)
    assert await code_of(phone.carrier.set_webhook(mute, HOOK)) == "CARRIER-30"
    assert phone.api.asked == []


async def test_a_number_that_was_given_up_is_unknown(phone: Phone) -> None:
    bound(phone)
    phone.api.will("GET /v2/phone_numbers/1", (404, refusal("10005")))
    assert await code_of(phone.carrier.webhook(NUMBER)) == "CARRIER-19"


# --- away ---

FORWARDED: dict[str, object] = {
    "call_forwarding_enabled": True,
    "forwarding_type": "always",
    "forwards_to": "+14155550123",
}


async def test_callers_are_forwarded_while_the_app_is_closed_and_then_no_more(
    phone: Phone,
) -> None:
    bound(phone, webhook_event_url=HOOK, webhook_api_version="2")
    away = AwaySettings(choice=AwayChoice.FORWARD, forward_to="+14155550123")
    await phone.carrier.set_away(NUMBER, away)
    assert written(phone) == {"/v2/phone_numbers/1/voice": {"call_forwarding": FORWARDED}}
    bound(phone, forwarding=FORWARDED, webhook_event_url=HOOK, webhook_api_version="2")
    now = await phone.carrier.webhook(NUMBER)
    assert (now.url, now.taken_by) == ("", "call forwarding")
    await phone.carrier.set_webhook(NUMBER, HOOK)
    changed = written(phone)["/v2/phone_numbers/1/voice"]["call_forwarding"]
    assert changed == {**FORWARDED, "call_forwarding_enabled": False}


async def test_forwarding_of_the_users_own_is_put_back(phone: Phone) -> None:
    bound(phone, forwarding=FORWARDED)
    before = await phone.carrier.set_webhook(NUMBER, HOOK)
    bound(phone, forwarding={**FORWARDED, "call_forwarding_enabled": False}, webhook_event_url=HOOK)
    written(phone)
    await phone.carrier.restore_webhook(stored(before))
    assert written(phone)["/v2/phone_numbers/1/voice"] == {"call_forwarding": FORWARDED}


@pytest.mark.parametrize(
    ("known", "method"),
    [(NO_VOICEMAIL, "POST"), ((200, {"data": {"enabled": False}}), "PATCH")],
)
async def test_telnyx_takes_messages_and_the_app_ends_it(
    phone: Phone, known: Scripted, method: str
) -> None:
    bound(phone, voicemail=known)
    await phone.carrier.set_away(NUMBER, AwaySettings(choice=AwayChoice.VOICEMAIL))
    assert f"{method} /v2/phone_numbers/1/voicemail" in phone.api.requests()
    assert written(phone) == {"/v2/phone_numbers/1/voicemail": {"enabled": True}}
    bound(phone, voicemail=(200, {"data": {"enabled": True}}))
    await phone.carrier.set_webhook(NUMBER, HOOK)
    assert written(phone)["/v2/phone_numbers/1/voicemail"] == {"enabled": False}


async def test_while_the_app_is_closed_an_address_of_the_users_own_is_told(phone: Phone) -> None:
    bound(phone, webhook_event_url=HOOK, webhook_api_version="2")
    away = AwaySettings(choice=AwayChoice.ADDRESS, address="https://me.example.com/json")
    await phone.carrier.set_away(NUMBER, away)
    assert written(phone)[APPLICATION]["webhook_event_url"] == away.address
    assert phone.carrier.away_url(away) == away.address


@pytest.mark.parametrize(
    ("away", "code"),
    [
        (AwaySettings(choice=AwayChoice.MESSAGE), "CARRIER-20"),
        (AwaySettings(choice=AwayChoice.VOICEMAIL, email="me@example.com"), "CARRIER-20"),
        (AwaySettings(choice=AwayChoice.FORWARD), "CARRIER-32"),
    ],
)
async def test_what_cannot_be_done_while_the_app_is_closed(
    phone: Phone, away: AwaySettings, code: str
) -> None:
    assert await code_of(phone.carrier.set_away(NUMBER, away)) == code
    assert (phone.carrier.away_url(away), phone.api.asked) == ("", [])


# --- account, health and the clock ---

SUSPENDED: Scripted = (
    403,
    {"errors": [{"code": "10010", "title": "Forbidden", "detail": "Your account is suspended."}]},
)


@pytest.mark.parametrize(
    ("answer", "balance", "state", "code"),
    [
        (application(), (200, {"data": {}}), AccountState.ACTIVE, ""),
        (application(outbound={}), (200, {"data": {}}), AccountState.ACTIVE, ""),
        (application(active=False), (200, {"data": {}}), AccountState.ACTIVE, "CARRIER-26"),
        (
            application(),
            (200, {"data": {"available_credit": "-1"}}),
            AccountState.NO_CREDIT,
            "CARRIER-22",
        ),
        (SUSPENDED, SUSPENDED, AccountState.SUSPENDED, "CARRIER-27"),
    ],
)
async def test_the_account_says_how_it_is(
    phone: Phone, answer: Scripted, balance: Scripted, state: AccountState, code: str
) -> None:
    phone.api.will(f"GET {APPLICATION}", answer)
    phone.api.will("GET /v2/balance", balance)
    account = await phone.carrier.account()
    assert (account.state, account.problem.code if account.problem else "") == (state, code)
    assert (account.clock_offset_s, len(phone.api.asked)) == (0, 2)


@pytest.mark.parametrize(
    ("answer", "balance", "code"),
    [
        ((404, refusal("10005")), (200, {"data": {}}), "CARRIER-05"),
        (application(), (401, refusal("10009")), "CARRIER-03"),
        ((403, refusal("10010")), (403, refusal("10010")), "CARRIER-04"),
        (application(), CUT, "CARRIER-12"),
    ],
)
async def test_an_account_that_cannot_be_asked(
    phone: Phone, answer: Scripted, balance: Scripted, code: str
) -> None:
    phone.api.will(f"GET {APPLICATION}", answer)
    phone.api.will("GET /v2/balance", balance)
    assert await code_of(phone.carrier.account()) == code


@pytest.mark.parametrize(
    ("answer", "balance", "code"),
    [
        (application(), (200, {"data": {"available_credit": "3.10"}}), ""),
        (application(), (403, refusal("10010")), ""),
        (application(), (200, {"data": {}}), ""),
        (application(), (200, {"data": {"available_credit": "5"}}), "CARRIER-06"),
        (application(), (200, {"data": {"available_credit": "0.00"}}), "CARRIER-22"),
        (application(outbound={}), (200, {"data": {}}), "CARRIER-25"),
        (application(active=False), (200, {"data": {}}), "CARRIER-26"),
        ((404, refusal("10005")), (200, {"data": {}}), "CARRIER-05"),
        ((401, refusal("10009")), (200, {"data": {}}), "CARRIER-03"),
        (CUT, (200, {"data": {}}), "CARRIER-12"),
    ],
)
async def test_health(phone: Phone, answer: Scripted, balance: Scripted, code: str) -> None:
    numbers = [] if code == "CARRIER-06" else [{"phone_number": "+14155550101", "id": "1"}]
    phone.api.will(f"GET {APPLICATION}", answer)
    phone.api.will("GET /v2/balance", balance)
    phone.api.will("GET /v2/phone_numbers", (200, {"data": numbers}))
    health = await phone.carrier.health()
    assert health.is_ok == (not code)
    assert (health.problem.code if health.problem else "") == code
    assert health.text
    assert all(method == "GET" for method, _, _ in phone.api.asked)


@pytest.mark.parametrize("off_s", [-90, 90, -3600, 86_400])
async def test_a_wrong_clock_is_told_and_webhooks_still_come_in(phone: Phone, off_s: int) -> None:
    genuine = Signer().sign(BODY)
    phone.api.will(f"GET {APPLICATION}", application())
    phone.api.will("GET /v2/balance", (200, {"data": {}}))
    phone.api.will("GET /v2/phone_numbers", (200, {"data": [{"phone_number": "+14155550101"}]}))
    phone.clock.set_wall(HERE + timedelta(seconds=off_s))
    if abs(off_s) > 300:
        with pytest.raises(WebhookRefusedError):
            phone.carrier.verify(genuine)
    health = await phone.carrier.health()
    assert health.is_ok
    assert (await phone.carrier.account()).clock_offset_s == off_s
    assert f"{abs(off_s)} s off" in health.text
    phone.carrier.verify(genuine)
    with pytest.raises(WebhookRefusedError):
        phone.carrier.verify(Signer().sign(BODY, str(NOW - 301 - abs(off_s))))


# --- webhooks and what it is ---


def test_webhooks_are_verified_and_understood() -> None:
    secrets = {
        "telnyx_api_key": API_KEY,
        "telnyx_connection_id": CONNECTION,
        "telnyx_public_key": Signer().key_text,
    }
    clock = VirtualClock(HERE)
    carrier: Carrier = make_carrier(
        CarrierName.TELNYX, lambda key: secrets.get(key, ""), clock=clock
    )
    genuine = Signer().sign(BODY)
    carrier.verify(genuine)
    event = carrier.parse(genuine)
    assert (event.kind, event.call_id) == (CarrierEventKind.ENDED, CALL_ID)
    assert event.wants_steps is False
    with pytest.raises(WebhookRefusedError):
        carrier.verify(Signer(2).sign(BODY))
    carrier.verify_upgrade(genuine)
    assert carrier.reply([Say("Hello.")]) == WebhookReply(200, "text/plain", b"")
    assert isinstance(carrier.dialect(), TelnyxDialect)
    assert carrier.dialect() is not carrier.dialect()


def test_another_applications_webhook_is_refused() -> None:
    credentials = TelnyxCredentials(API_KEY, "2680000000000000002", Signer().key_text)
    carrier = TelnyxCarrier(credentials, clock=VirtualClock(HERE))
    with pytest.raises(WebhookRefusedError):
        carrier.parse(Signer().sign(BODY))


@pytest.mark.parametrize("missing", ["telnyx_api_key", "telnyx_connection_id", "telnyx_public_key"])
def test_without_all_keys_there_is_no_carrier(missing: str) -> None:
    secrets = {
        "telnyx_api_key": API_KEY,
        "telnyx_connection_id": CONNECTION,
        "telnyx_public_key": Signer().key_text,
        missing: "",
    }
    with pytest.raises(PhoneError) as caught:
        make_carrier(CarrierName.TELNYX, lambda key: secrets.get(key, ""), clock=VirtualClock(HERE))
    assert caught.value.code == "CARRIER-01"


def test_it_says_what_it_can_do() -> None:
    credentials = TelnyxCredentials(API_KEY, CONNECTION, Signer().key_text)
    carrier = TelnyxCarrier(credentials, clock=VirtualClock(HERE))
    expected: Sequence[Capability] = (
        Capability.SEND_DTMF,
        Capability.TRANSFER,
    )
    assert carrier.capabilities == set(expected)
    assert not carrier.takes_documents
