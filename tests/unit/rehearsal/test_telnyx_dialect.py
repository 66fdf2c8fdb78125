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
from tests.unit.rehearsal.fake_app import FakeApp
from tests.unit.rehearsal.schemas import assert_conforms, schemas_or_skip
from tests.unit.rehearsal.telnyx_client import CALLEE, CALLER, VOICE, TelnyxClient, violations

TONE = encode("ULAW", (8000 * np.sin(np.arange(8000) / 2)).astype(np.int16))
RTP = {
    "stream_bidirectional_mode": "rtp",
    "stream_bidirectional_codec": "PCMU",
    "stream_bidirectional_target_legs": "self",
}
SCHEMA_OF = {
    "call.initiated": "CallInitiated",
    "call.answered": "CallAnswered",
    "call.hangup": "CallHangup",
    "call.bridged": "CallBridged",
    "call.speak.started": "CallSpeakStarted",
    "call.speak.ended": "CallSpeakEnded",
    "call.transcription": "Transcription",
    "call.dtmf.received": "CallDtmfReceived",
    "call.gather.ended": "CallGatherEnded",
    "call.machine.detection.ended": "CallMachineDetectionEnded",
    "call.machine.greeting.ended": "CallMachineGreetingEnded",
    "call.machine.premium.detection.ended": "CallMachinePremiumDetectionEnded",
    "call.machine.premium.greeting.ended": "CallMachinePremiumGreetingEnded",
    "streaming.started": "CallStreamingStarted",
    "streaming.stopped": "CallStreamingStopped",
    "streaming.failed": "CallStreamingFailed",
    "call.conversation.ended": "callConversationEnded",
}


@pytest.fixture
async def telnyx(rehearsal: RehearsalProcess, app: FakeApp) -> Any:
    async with aiohttp.ClientSession() as session:
        yield TelnyxClient(rehearsal, app, session)
    assert_published(app)


@pytest.fixture
def recordings() -> Recordings:
    return recordings_or_skip()


def assert_published(app: FakeApp) -> None:
    """Every event of the test is one that Telnyx publishes, with no field that it does not."""
    spec = schemas_or_skip("telnyx_webhooks.openapi.json")
    for received in app.received:
        if received.path != "/hook":
            continue
        data = json.loads(received.body)["data"]
        payload = data["payload"]
        if payload["client_state"] is None:  # as of incoming calls, though the schema has text
            del payload["client_state"]
        pointer = f"components/schemas/{SCHEMA_OF[data['event_type']]}"
        assert_conforms(spec, pointer, data)
        assert set(payload) <= set(
            spec["components"]["schemas"][SCHEMA_OF[data["event_type"]]]["properties"]["payload"][
                "properties"
            ]
        )


async def test_an_outgoing_call_is_answered_spoken_to_and_hung_up(
    rehearsal: RehearsalProcess, telnyx: TelnyxClient
) -> None:
    ref = await telnyx.dial(client_state="YQ==")
    initiated = await telnyx.event("call.initiated")
    assert (initiated["direction"], initiated["client_state"]) == ("outgoing", "YQ==")
    await telnyx.event("call.answered", call_control_id=ref)
    for text in ("The server is back.", "That is all."):
        assert await telnyx.act(ref, "speak", payload=text, voice=VOICE) == "ok"
    for _ in range(2):
        await telnyx.event("call.speak.started")
        assert (await telnyx.event("call.speak.ended"))["status"] == "completed"
    heard = await rehearsal.wait_for("far_heard", ref=ref)
    assert "server" in heard["text"].lower()
    assert await telnyx.act(ref, "hangup", client_state="Yg==") == "ok"
    assert (await telnyx.event("call.hangup"))["client_state"] in ("YQ==", "Yg==")
    assert violations(rehearsal) == []


@pytest.mark.parametrize(
    ("answer", "cause"),
    [("busy", "user_busy"), ("no_answer", "timeout"), ("reject", "call_rejected")],
)
async def test_a_call_that_is_not_taken(
    rehearsal: RehearsalProcess, telnyx: TelnyxClient, answer: str, cause: str
) -> None:
    await rehearsal.far_end(CALLEE, answer=answer)
    await telnyx.dial(timeout_secs=5)
    assert (await telnyx.event("call.hangup"))["hangup_cause"] == cause
    assert "call.answered" not in {data["event_type"] for data in telnyx.events}


async def test_an_incoming_call_waits_until_it_is_answered_or_rejected(
    rehearsal: RehearsalProcess, telnyx: TelnyxClient
) -> None:
    await telnyx.answer_at_hook()
    ref = await rehearsal.dial("telnyx", CALLER, stir="A")
    initiated = await telnyx.event("call.initiated")
    assert (initiated["direction"], initiated["state"]) == ("incoming", "parked")
    assert (initiated["from"], initiated["client_state"]) == (CALLER, None)
    assert initiated["shaken_stir_attestation"] == "A"
    assert [call["state"] for call in await rehearsal.calls()] == ["ringing"]
    assert await telnyx.act(ref, "answer", client_state="Yw==") == "ok"
    assert (await telnyx.event("call.answered"))["client_state"] == "Yw=="
    await rehearsal.far_hang_up(ref)
    hangup = await telnyx.event("call.hangup", call_control_id=ref)
    assert (hangup["hangup_source"], hangup["client_state"]) == ("caller", "Yw==")

    ref = await rehearsal.dial("telnyx", CALLER)
    await telnyx.event("call.initiated", call_control_id=ref)
    assert await telnyx.act(ref, "reject", cause="USER_BUSY") == "ok"
    ended = await rehearsal.wait_for("call", ref=ref, state="ended")
    assert (ended["cause"], ended["duration_s"]) == ("busy", 0)
    assert violations(rehearsal) == []


async def test_a_turn_of_speech_and_transcription(
    rehearsal: RehearsalProcess, telnyx: TelnyxClient, recordings: Recordings
) -> None:
    file = recordings.path("phone/plivo/caller_greeting_8k.wav")
    await rehearsal.far_end(CALLEE, kind="wav", files=[str(file)], after="stay")
    ref = await telnyx.dial()
    await telnyx.event("call.answered")
    config = {"transcription_engine": "Google", "interim_results": True}
    start = {"transcription_engine": "Google", "transcription_engine_config": config}
    assert await telnyx.act(ref, "transcription_start", **start) == "ok"
    assert await telnyx.act(ref, "speak", payload="How can I help?", voice=VOICE) == "ok"
    await telnyx.event("call.speak.ended")
    said: list[dict[str, Any]] = []
    while not said or not said[-1]["is_final"]:
        said.append((await telnyx.event("call.transcription"))["transcription_data"])
    assert "anyone there" in said[0]["transcript"].lower() or len(said) > 1
    assert "anyone there" in " ".join(one["transcript"] for one in said).lower()
    assert any(not one["is_final"] for one in said), "an interim result came first"


async def test_speaking_is_stopped(rehearsal: RehearsalProcess, telnyx: TelnyxClient) -> None:
    ref = await telnyx.dial()
    await telnyx.event("call.answered")
    text = "This goes on for a very long time, and nobody wants to hear the end of it. " * 5
    await telnyx.act(ref, "speak", payload=text, voice=VOICE)
    await telnyx.act(ref, "speak", payload=text, voice=VOICE)
    await telnyx.event("call.speak.started")
    assert await telnyx.act(ref, "playback_stop", stop="all") == "ok"
    await telnyx.event("call.speak.ended", deadline_s=10)
    await telnyx.act(ref, "speak", payload="Bye.", voice=VOICE)
    await telnyx.event("call.speak.started", deadline_s=10)
    await telnyx.event("call.speak.ended", deadline_s=10)
    assert not [data for data in telnyx.events if "speak" in data["event_type"]]


async def test_keys_are_gathered_and_told(
    rehearsal: RehearsalProcess, telnyx: TelnyxClient
) -> None:
    await rehearsal.far_end(CALLEE, kind="script", steps=[{"press": "42#"}], after="stay")
    ref = await telnyx.dial()
    await telnyx.event("call.answered")
    assert await telnyx.act(ref, "gather_using_speak", payload="Your code?", voice=VOICE) == "ok"
    ended = await telnyx.event("call.gather.ended")
    assert (ended["digits"], ended["status"]) == ("42", "valid")
    assert (await telnyx.event("call.dtmf.received"))["digit"] in "42#"


async def test_gathering_is_stopped_only_on_an_answered_call(
    rehearsal: RehearsalProcess, telnyx: TelnyxClient
) -> None:
    await rehearsal.far_end(CALLEE, ring_ms=500)
    ref = await telnyx.dial()
    assert await telnyx.act(ref, "gather_stop") == "90034"
    assert violations(rehearsal) == [], "to ask is no mistake"
    await telnyx.event("call.answered")
    assert await telnyx.act(ref, "gather_stop") == "ok"
    await telnyx.act(ref, "gather_using_speak", payload="Your code?", voice=VOICE)
    assert await telnyx.act(ref, "gather_stop") == "ok"
    assert (await telnyx.event("call.gather.ended"))["status"] == "cancelled"


async def test_a_machine_is_found_and_its_beep(
    rehearsal: RehearsalProcess, telnyx: TelnyxClient
) -> None:
    await rehearsal.far_end(CALLEE, answer="machine", greeting="Nobody is here.")
    await telnyx.dial(answering_machine_detection="detect_beep")
    assert (await telnyx.event("call.machine.detection.ended"))["result"] == "machine"
    assert (await telnyx.event("call.machine.greeting.ended"))["result"] == "beep_detected"


async def test_a_transfer_is_bridged(rehearsal: RehearsalProcess, telnyx: TelnyxClient) -> None:
    ref = await telnyx.dial()
    await telnyx.event("call.answered")
    assert await telnyx.act(ref, "transfer", to=CALLER) == "ok"
    await telnyx.event("call.bridged", call_control_id=ref)
    await telnyx.act(ref, "hangup")
    await rehearsal.wait_for("call", to=CALLER, state="ended")


async def test_an_event_that_is_not_taken_comes_again_and_doubles_are_real(
    rehearsal: RehearsalProcess, telnyx: TelnyxClient, app: FakeApp
) -> None:
    refused = app.on("/refuses", lambda _: web.Response(status=503))
    await rehearsal.far_end(CALLEE, answer="busy")
    await telnyx.dial(webhook_url=refused)
    for _ in range(3):
        await rehearsal.wait_for("webhook", event="call.hangup", status=503)
        await rehearsal.wait_for("webhook", event="call.initiated", status=503)
    attempts: dict[str, list[int]] = {}
    for received in app.received:
        told = json.loads(received.body)
        attempts.setdefault(told["data"]["id"], []).append(told["meta"]["attempt"])
    assert list(attempts.values()) == [[1, 2, 3], [1, 2, 3]]

    await rehearsal.fault("telnyx", "webhook", "duplicate")
    await telnyx.dial()
    refs = [(await telnyx.event("call.initiated"))["call_control_id"] for _ in range(2)]
    assert refs[0] == refs[1]


async def test_a_stream_carries_both_ways_with_marks_clear_and_keys(
    app: FakeApp, rehearsal: RehearsalProcess, telnyx: TelnyxClient
) -> None:
    talk = Conversation(schemas_or_skip("ws_messages.schema.json"))
    url = app.on_socket("/call/stream/ticket", talk.hold)
    await rehearsal.far_end(CALLEE, kind="script", steps=[{"press": "5"}], after="stay")
    ref = await telnyx.dial()
    await telnyx.event("call.answered")
    start = {"stream_url": url, "stream_codec": "PCMU", "stream_auth_token": "secret", **RTP}
    assert await telnyx.act(ref, "streaming_start", **start) == "ok"
    await telnyx.event("streaming.started", stream_url=url)
    opened = await talk.first("start")
    assert opened["start"]["call_control_id"] == ref
    assert opened["start"]["media_format"]["encoding"] == "PCMU"
    assert app.upgrades[0].headers["x-telnyx-streaming-auth-token"] == "secret"
    frame = await talk.first("media")
    assert frame["media"]["track"] == "inbound"
    assert len(base64.b64decode(frame["media"]["payload"])) == 160

    await talk.play(TONE[:2400])
    await talk.send(event="mark", mark={"name": "heard"})
    assert (await talk.first("mark"))["mark"] == {"name": "heard"}
    for _ in range(20):
        await talk.play(TONE)
    await talk.send(event="mark", mark={"name": "cleared"})
    await talk.send(event="clear")
    assert (await talk.first("mark"))["mark"] == {"name": "cleared"}, "at once, not in 20 s"
    assert (await talk.first("dtmf"))["dtmf"]["digit"] == "5"
    assert (await telnyx.event("call.dtmf.received"))["digit"] == "5"
    assert violations(rehearsal) == []

    await talk.send(event="media", media={"payload": "AAAA", "track": "outbound"})
    await talk.play(TONE[:159])
    await telnyx.act(ref, "streaming_stop")
    assert (await talk.first("stop"))["stop"]["call_control_id"] == ref
    await telnyx.event("streaming.stopped")
    assert [what.partition(": ")[2] for what in violations(rehearsal)] == [
        "media needs a payload, nothing else",
        "media has less than 20 ms or more than 30 s",
    ]
    assert not talk.errors


@pytest.mark.parametrize(
    ("missing", "why"),
    [
        ("stream_bidirectional_mode", "not rtp"),
        ("stream_bidirectional_target_legs", "opposite"),
    ],
)
async def test_what_nobody_hears_is_a_violation(
    app: FakeApp, rehearsal: RehearsalProcess, telnyx: TelnyxClient, missing: str, why: str
) -> None:
    talk = Conversation(schemas_or_skip("ws_messages.schema.json"))
    url = app.on_socket("/call/stream/ticket", talk.hold)
    fields = {name: value for name, value in RTP.items() if name != missing}
    await telnyx.dial(stream_url=url, **fields)
    opened = await talk.first("start")
    assert opened["start"]["media_format"]["encoding"] == "PCMA", "the call's own codec"
    await talk.play(TONE)
    assert why in (await rehearsal.wait_for("violation", carrier="telnyx"))["what"]


async def test_a_stream_that_is_refused_has_failed(
    app: FakeApp, rehearsal: RehearsalProcess, telnyx: TelnyxClient
) -> None:
    await telnyx.dial(stream_url="wss://rehearsal.localhost/nobody", **RTP)
    failed = await telnyx.event("streaming.failed")
    assert failed["failure_reason"] == "connection_failed"


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
            schema = {**self._spec, "$ref": f"#/$defs/telnyx_media.in.{content['event']}"}
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

    async def send(self, **message: object) -> None:
        assert self._socket is not None
        await self._socket.send_json(message)

    async def play(self, sound: bytes) -> None:
        await self.send(event="media", media={"payload": base64.b64encode(sound).decode()})
