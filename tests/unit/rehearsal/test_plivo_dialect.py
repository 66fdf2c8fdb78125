from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import aiohttp
import numpy as np
import pytest
from aiohttp import web
from jsonschema import Draft202012Validator

from desktop_voice.rehearsal.codecs import encode
from desktop_voice.rehearsal.process import RehearsalProcess
from tests.helpers.recordings import Recordings, recordings_or_skip
from tests.unit.rehearsal.fake_app import FakeApp, Received
from tests.unit.rehearsal.plivo_client import CALLEE, CALLER, PlivoClient, violations
from tests.unit.rehearsal.schemas import schemas_or_skip

HANG_UP = "<Response><Hangup/></Response>"
WAIT = "<Response><Wait length='60'/></Response>"
TONE = encode("ULAW", (8000 * np.sin(np.arange(8000) / 2)).astype(np.int16))


@pytest.fixture
async def plivo(rehearsal: RehearsalProcess) -> Any:
    async with aiohttp.ClientSession() as session:
        yield PlivoClient(rehearsal, session)


@pytest.fixture
def recordings() -> Recordings:
    return recordings_or_skip()


async def test_an_outgoing_call_is_answered_spoken_to_and_hung_up(
    app: FakeApp, rehearsal: RehearsalProcess, plivo: PlivoClient
) -> None:
    ref = await plivo.call(app, "<Response><Speak>The server is back.</Speak></Response>")
    answer = await app.wait("/answer", Event="StartApp", CallUUID=ref)
    assert (answer.form["CallStatus"], answer.form["Direction"]) == ("in-progress", "outbound")
    assert (answer.form["From"], answer.form["To"]) == (plivo.number, CALLEE[1:])
    hangup = await app.wait("/told", Event="Hangup", CallUUID=ref)
    assert hangup.form["HangupCauseName"] == "End Of XML Instructions"
    heard = await rehearsal.wait_for("far_heard", ref=ref)
    assert "server" in heard["text"].lower()
    assert all(plivo.signed(received) for received in app.received)
    assert violations(rehearsal) == []


@pytest.mark.parametrize(
    ("plan", "status", "code"),
    [({"answer": "busy"}, "busy", "3010"), ({"answer": "no_answer"}, "no-answer", "6010")],
)
async def test_a_call_that_is_not_taken(
    app: FakeApp,
    rehearsal: RehearsalProcess,
    plivo: PlivoClient,
    plan: dict[str, str],
    status: str,
    code: str,
) -> None:
    await rehearsal.far_end(CALLEE, **plan)
    await plivo.call(app, HANG_UP, ring_timeout=1)
    hangup = await app.wait("/told", Event="Hangup")
    assert (hangup.form["CallStatus"], hangup.form["HangupCauseCode"]) == (status, code)
    assert not [received for received in app.received if received.path == "/answer"]


async def test_a_number_that_is_not_the_accounts_own_cannot_call(
    app: FakeApp, rehearsal: RehearsalProcess, plivo: PlivoClient
) -> None:
    order = {
        "from": CALLER[1:],
        "to": CALLEE[1:],
        "answer_url": app.on("/answer", HANG_UP),
        "hangup_url": app.on("/told", ""),
    }
    assert (await plivo.request("POST", "/Call/", order))[0] == 201
    hangup = await app.wait("/told", Event="Hangup")
    assert (hangup.form["CallStatus"], hangup.form["HangupCauseCode"]) == ("failed", "3030")


async def test_a_number_without_an_application_takes_no_call(
    app: FakeApp, rehearsal: RehearsalProcess, plivo: PlivoClient
) -> None:
    ref = await rehearsal.dial("plivo", CALLER)
    ended = await rehearsal.wait_for("call", ref=ref, state="ended")
    assert (ended["cause"], ended["by"]) == ("rejected", "network")
    assert app.received == []


async def test_a_callback_may_come_twice(
    app: FakeApp, rehearsal: RehearsalProcess, plivo: PlivoClient
) -> None:
    await rehearsal.far_end(CALLEE, answer="busy")
    await rehearsal.fault("plivo", "webhook", "duplicate")
    await plivo.call(app, HANG_UP)
    await app.wait("/told", Event="Hangup")
    rings = [r.headers for r in app.received if r.form.get("Event") == "Ring"]
    assert len({headers["X-Plivo-Signature-V3-Nonce"] for headers in rings}) == 1
    assert len(rings) == 2


async def test_an_incoming_call_is_rejected_unanswered_or_taken(
    app: FakeApp, rehearsal: RehearsalProcess, plivo: PlivoClient
) -> None:
    told = app.on("/told", "")
    reject = app.on("/reject", "<Response><Hangup reason='rejected'/></Response>")
    await plivo.answer_at(reject, told)
    ref = await rehearsal.dial("plivo", CALLER, stir="A")
    first = await app.wait("/reject")
    stir = first.form["STIRVerification"], first.form["STIRAttestation"]
    assert stir == ("Verified", "A")
    assert (first.form["CallStatus"], first.form["From"]) == ("ringing", CALLER[1:])
    ended = await rehearsal.wait_for("call", ref=ref, state="ended")
    assert (ended["cause"], ended["duration_s"]) == ("rejected", 0)
    hangup = await app.wait("/told", Event="Hangup", CallUUID=ref)
    assert hangup.form["HangupCauseCode"] == "3020"

    await plivo.answer_at(app.on("/take", "<Response><Speak>Hello.</Speak></Response>"), told)
    ref = await rehearsal.dial("plivo", CALLER)
    await rehearsal.wait_for("call", ref=ref, state="in-progress")
    await app.wait("/told", Event="Hangup", CallUUID=ref)
    assert violations(rehearsal) == []


async def test_what_is_said_is_gathered_and_silence_goes_on(
    app: FakeApp, rehearsal: RehearsalProcess, plivo: PlivoClient, recordings: Recordings
) -> None:
    action = app.on("/result", HANG_UP)
    again = app.on(
        "/again",
        f"<Response><GetInput action='{action}' inputType='speech dtmf' executionTimeout='15'>"
        "<Speak>Are you there?</Speak></GetInput><Hangup/></Response>",
    )
    silent = f"<GetInput action='{action}' inputType='dtmf' executionTimeout='5'/>"
    file = recordings.path("phone/google/audio.wav")
    await rehearsal.far_end(CALLEE, kind="wav", files=[str(file)], after="stay")
    ref = await plivo.call(app, f"<Response>{silent}<Redirect>{again}</Redirect></Response>")
    redirect = await app.wait("/again", CallUUID=ref, deadline_s=30)
    assert redirect.form["Event"] == "Redirect"
    result = await app.wait("/result", CallUUID=ref, deadline_s=40)
    assert result.form["InputType"] == "speech"
    assert "brooklyn bridge" in result.form["Speech"].lower()
    assert float(result.form["SpeechConfidenceScore"]) > 0.5
    assert all(plivo.signed(received) for received in app.received)


async def test_keys_are_gathered(
    app: FakeApp, rehearsal: RehearsalProcess, plivo: PlivoClient
) -> None:
    action = app.on("/result", HANG_UP)
    await rehearsal.far_end(CALLEE, kind="script", steps=[{"press": "42#"}], after="stay")
    await plivo.call(
        app,
        f"<Response><GetInput action='{action}' inputType='dtmf'><Speak>Your code?</Speak>"
        "</GetInput></Response>",
    )
    result = await app.wait("/result")
    assert (result.form["InputType"], result.form["Digits"]) == ("dtmf", "42")


async def test_a_live_call_is_transferred_to_new_xml(
    app: FakeApp, rehearsal: RehearsalProcess, plivo: PlivoClient
) -> None:
    ref = await plivo.call(app, WAIT)
    await app.wait("/answer")
    url = app.on("/steps", HANG_UP)
    order = {"legs": "aleg", "aleg_url": url, "aleg_method": "POST"}
    assert (await plivo.request("POST", f"/Call/{ref}/", {"legs": "aleg"}))[0] == 400
    status, _ = await plivo.request("POST", f"/Call/{ref}/", order)
    assert status == 202
    await app.wait("/steps", CallUUID=ref)
    hangup = await app.wait("/told", Event="Hangup")
    assert hangup.form["HangupSource"] == "Answer XML"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (web.Response(status=500), "7011"),
        (web.Response(text="{}", content_type="application/json"), "8011"),
        (web.Response(text="<Response><Say/></Response>", content_type="text/xml"), "8011"),
    ],
    ids=["unreachable", "no XML", "not Plivo's XML"],
)
async def test_an_answer_that_cannot_be_executed_ends_the_call(
    app: FakeApp, rehearsal: RehearsalProcess, plivo: PlivoClient, answer: web.Response, code: str
) -> None:
    def respond(_received: Received) -> web.Response:
        return web.Response(
            status=answer.status, text=answer.text, content_type=answer.content_type
        )

    await plivo.call(app, respond)
    hangup = await app.wait("/told", Event="Hangup")
    assert hangup.form["HangupCauseCode"] == code
    asked = [received for received in app.received if received.path == "/answer"]
    assert len(asked) == (3 if code == "7011" else 1), "an answer URL that fails is asked 3 times"
    assert all(plivo.signed(received) for received in asked)


async def test_a_machine_is_told_to_an_address_of_its_own(
    app: FakeApp, rehearsal: RehearsalProcess, plivo: PlivoClient
) -> None:
    found = app.on("/machine", "")
    await rehearsal.far_end(CALLEE, answer="machine")
    await plivo.call(app, WAIT, machine_detection="true", machine_detection_url=found)
    told = await app.wait("/machine")
    assert (told.form["Machine"], told.form["Event"]) == ("true", "MachineDetection")


async def test_a_stream_carries_both_ways_with_checkpoints_clear_and_keys(
    app: FakeApp, rehearsal: RehearsalProcess, plivo: PlivoClient
) -> None:
    spec = schemas_or_skip("ws_messages.schema.json")
    talk = Conversation(spec)
    url = app.on_socket("/call/stream/ticket", talk.hold)
    status = app.on("/status", "")
    await rehearsal.far_end(CALLEE, kind="script", steps=[{"press": "5"}], after="stay")
    ref = await plivo.call(
        app,
        f"<Response><Stream bidirectional='true' keepCallAlive='true' "
        f"contentType='audio/x-mulaw;rate=8000' statusCallbackUrl='{status}' "
        f"extraHeaders='call=abc123'>{url}</Stream><Hangup/></Response>",
    )
    started = await app.wait("/status", Event="StartStream", CallUUID=ref)
    assert started.form["ServiceURL"] == url
    start = await talk.first("start")
    assert start["start"]["callId"] == ref
    assert start["start"]["mediaFormat"] == {"encoding": "audio/x-mulaw", "sampleRate": 8000}
    assert start["extra_headers"] == "call=abc123"
    assert len(base64.b64decode((await talk.first("media"))["media"]["payload"])) == 160

    stream_id = start["start"]["streamId"]
    await talk.play(TONE[:2400])
    await talk.send(event="checkpoint", streamId=stream_id, name="heard")
    assert (await talk.first("playedStream"))["name"] == "heard"
    await talk.play(TONE)
    await talk.send(event="checkpoint", streamId=stream_id, name="not heard")
    await talk.send(event="clearAudio", streamId=stream_id)
    await talk.first("clearedAudio")
    assert (await talk.first("dtmf"))["dtmf"]["digit"] == "5"
    await talk.send(event="sendDTMF", dtmf="12#")
    assert (await rehearsal.wait_for("far_digits", ref=ref))["digits"] == "12#"
    assert violations(rehearsal) == []

    await talk.play(TONE[:160], content_type="audio/x-l16")
    await talk.send(event="checkpoint", name="no stream id")
    await talk.send(event="playAudio", media={"payload": "AAAA"})
    await talk.close()
    await app.wait("/status", Event="DroppedStream")
    await app.wait("/told", Event="Hangup")
    assert not talk.of("playedStream"), "what was cleared was not played"
    assert [what.partition(": ")[2] for what in violations(rehearsal)] == [
        "playAudio is not in the stream's format",
        "checkpoint lacks streamId",
        "playAudio needs contentType, sampleRate and payload, nothing else",
    ]
    assert not talk.errors


async def test_a_call_that_is_kept_alive_with_nothing_to_do_is_a_violation(
    app: FakeApp, rehearsal: RehearsalProcess, plivo: PlivoClient
) -> None:
    async def close_at_once(socket: web.WebSocketResponse, _request: web.Request) -> None:
        await socket.receive()

    url = app.on_socket("/call/stream/ticket", close_at_once)
    ref = await plivo.call(
        app,
        "<Response><Stream bidirectional='true' keepCallAlive='true'>"
        + url
        + "</Stream></Response>",
    )
    report = await rehearsal.wait_for("violation", carrier="plivo", deadline_s=30)
    assert "kept alive" in report["what"]
    _, live = await plivo.request("GET", "/Call/", status="live")
    assert live["calls"] == [ref]


class Conversation:
    """The app's side of a stream: keeps what came, by event, and checks it."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._spec = spec
        self._socket: web.WebSocketResponse | None = None
        self._came: list[dict[str, Any]] = []
        self._news = asyncio.Condition()
        self.errors: list[str] = []

    async def hold(self, socket: web.WebSocketResponse, _request: web.Request) -> None:
        self._socket = socket
        async for message in socket:
            content = json.loads(message.data)
            schema = {**self._spec, "$ref": f"#/$defs/plivo_stream.in.{content['event']}"}
            self.errors += [e.message for e in Draft202012Validator(schema).iter_errors(content)]
            async with self._news:
                self._came.append(content)
                self._news.notify_all()

    async def first(self, event: str) -> dict[str, Any]:
        async with asyncio.timeout(20), self._news:
            while True:
                for content in self._came:
                    if content["event"] == event:
                        self._came.remove(content)
                        return content
                await self._news.wait()

    def of(self, event: str) -> list[dict[str, Any]]:
        return [content for content in self._came if content["event"] == event]

    async def send(self, **message: object) -> None:
        assert self._socket is not None
        await self._socket.send_json(message)

    async def play(self, sound: bytes, content_type: str = "audio/x-mulaw") -> None:
        payload = base64.b64encode(sound).decode()
        media = {"contentType": content_type, "sampleRate": 8000, "payload": payload}
        await self.send(event="playAudio", media=media)

    async def close(self) -> None:
        assert self._socket is not None
        await self._socket.close()
