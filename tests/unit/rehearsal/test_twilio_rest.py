from __future__ import annotations

import aiohttp
import pytest

from desktop_voice.rehearsal.process import RehearsalProcess
from tests.unit.rehearsal.fake_app import FakeApp
from tests.unit.rehearsal.schemas import assert_conforms, schemas_or_skip
from tests.unit.rehearsal.twilio_client import CALLEE, TwilioClient, violations

CALL = "components/schemas/api.v2010.account.call"
NUMBER = "components/schemas/api.v2010.account.incoming_phone_number"
ACCOUNT = "components/schemas/api.v2010.account"
WAIT = "<Response><Pause length='60'/></Response>"


async def test_every_body_is_what_twilio_publishes(
    app: FakeApp, rehearsal: RehearsalProcess, twilio: TwilioClient
) -> None:
    spec = schemas_or_skip("twilio_voice_v2010.openapi.json")
    ref = await twilio.call(twiml=WAIT)
    await rehearsal.wait_for("call", ref=ref, state="in-progress")
    status, call = await twilio.get(f"/Calls/{ref}.json")
    assert (status, call["status"], call["direction"]) == (200, "in-progress", "outbound-api")
    assert_conforms(spec, CALL, call)

    _, live = await twilio.get("/Calls.json", Status="in-progress", PageSize="50")
    assert [found["sid"] for found in live["calls"]] == [ref]
    assert live["next_page_uri"] is None

    _, ended = await twilio.post(f"/Calls/{ref}.json", ("Status", "completed"))
    assert_conforms(spec, CALL, ended)
    await rehearsal.wait_for("call", ref=ref, state="ended", cause="completed", by="app")
    _, call = await twilio.get(f"/Calls/{ref}.json")
    assert (call["status"], int(call["duration"]) >= 0) == ("completed", True)
    assert_conforms(spec, CALL, call)

    _, numbers = await twilio.get("/IncomingPhoneNumbers.json", PageSize="50")
    number = numbers["incoming_phone_numbers"][0]
    assert (number["phone_number"], number["capabilities"]["voice"]) == (twilio.number, True)
    assert_conforms(spec, NUMBER, number)
    _, account = await twilio.get("/../" + twilio.sid + ".json")
    assert_conforms(spec, ACCOUNT, account)
    _, caller_ids = await twilio.get("/OutgoingCallerIds.json")
    assert caller_ids["outgoing_caller_ids"] == []
    assert violations(rehearsal) == []


async def test_a_numbers_webhook_is_set_and_restored(twilio: TwilioClient) -> None:
    _, numbers = await twilio.get("/IncomingPhoneNumbers.json")
    path = f"/IncomingPhoneNumbers/{numbers['incoming_phone_numbers'][0]['sid']}.json"
    _, changed = await twilio.post(
        path, ("VoiceUrl", "https://a.example/x"), ("VoiceMethod", "GET")
    )
    assert (changed["voice_url"], changed["voice_method"]) == ("https://a.example/x", "GET")
    _, restored = await twilio.post(path, ("VoiceUrl", ""))
    assert restored["voice_url"] == ""


WRONG_ORDERS: list[tuple[dict[str, str], int]] = [
    ({"To": ""}, 21201),
    ({"From": ""}, 21213),
    ({"To": "0123"}, 21211),
    ({"From": "+14155550100"}, 21210),
    ({"Url": ""}, 21205),
    ({"Url": "not an address"}, 21205),
    ({"Url": "", "Twiml": "x" * 4001}, 32018),
    ({"StatusCallback": "https://my_host.example/"}, 21609),
    ({"Timeout": "601"}, 20001),
    ({"MachineDetection": "yes"}, 20001),
]


async def test_a_wrong_order_is_refused_with_twilios_code(twilio: TwilioClient) -> None:
    right = {"To": CALLEE, "From": twilio.number, "Url": "https://rehearsal.localhost/v"}
    for wrong, code in WRONG_ORDERS:
        status, body = await twilio.post("/Calls.json", *{**right, **wrong}.items())
        assert (status, body["code"], body["status"]) == (400, code, 400)
        assert body["more_info"].endswith(str(code))
    assert (await twilio.get("/Calls.json"))[1]["calls"] == []


async def test_what_twilio_would_overlook_is_reported(
    app: FakeApp, rehearsal: RehearsalProcess, twilio: TwilioClient
) -> None:
    url = app.on("/voice", "<Response><Hangup/></Response>")
    await twilio.call(url, ("Webhook", url), ("StatusCallbackEvent", "ringing completed"))
    await rehearsal.wait_for("call", state="ended")
    assert violations(rehearsal) == [
        "Twilio has no field Webhook here",
        "StatusCallbackEvent 'ringing completed': such callbacks never come",
    ]


async def test_strangers_and_unknown_calls_are_refused(
    rehearsal: RehearsalProcess, twilio: TwilioClient
) -> None:
    for path in ("/Calls/CA00000000000000000000000000000000.json", "/Callz.json"):
        status, body = await twilio.get(path)
        assert (status, body["code"]) == (404, 20404)
    await rehearsal.wait_for("violation", carrier="twilio")
    twilio.headers = {"Authorization": aiohttp.encode_basic_auth(twilio.sid, "wrong")}
    status, body = await twilio.get("/Calls.json")
    assert (status, body["code"]) == (401, 20003)


async def test_an_ended_call_cannot_be_redirected(
    rehearsal: RehearsalProcess, twilio: TwilioClient
) -> None:
    ref = await twilio.call(twiml="<Response><Hangup/></Response>")
    await rehearsal.wait_for("call", ref=ref, state="ended")
    status, body = await twilio.post(f"/Calls/{ref}.json", ("Twiml", WAIT))
    assert (status, body["code"]) == (400, 21220)


async def test_faults_come_when_they_are_asked_for(
    rehearsal: RehearsalProcess, twilio: TwilioClient
) -> None:
    for kind, code in (("401", 20003), ("403", 20403), ("429", 20429), ("500", 20500)):
        await rehearsal.fault("twilio", "rest:any", kind)
        status, body = await twilio.get("/Calls.json")
        assert (status, body["code"]) == (int(kind), code)
    order = [("To", CALLEE), ("From", twilio.number), ("Twiml", WAIT)]
    await rehearsal.fault("twilio", "rest:create", "reset")
    with pytest.raises(aiohttp.ClientError):
        await twilio.post("/Calls.json", *order)
    assert await rehearsal.calls() == []
    await rehearsal.fault("twilio", "rest:create", "lost_reply")
    with pytest.raises(aiohttp.ClientError):
        await twilio.post("/Calls.json", *order)
    assert len(await rehearsal.calls()) == 1
