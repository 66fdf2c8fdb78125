from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import WSMsgType, web

from desktop_voice.rehearsal.process import RehearsalProcess
from tests.unit.rehearsal.fake_app import FakeApp
from tests.unit.rehearsal.schemas import assert_conforms, schemas_or_skip
from tests.unit.rehearsal.twilio_client import CALLEE, TwilioClient, violations

Message = dict[str, Any]
OnMessage = Callable[[web.WebSocketResponse, Message], Awaitable[None]]
LONG = "This answer has many words and it goes on and on and on. " * 6


class Relay:
    """The app's end of a relay: collects what comes and answers as the test wants."""

    def __init__(self, on_message: OnMessage) -> None:
        self.messages: list[Message] = []
        self._on_message = on_message

    async def __call__(self, socket: web.WebSocketResponse, _request: web.Request) -> None:
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                break
            content = message.json()
            self.messages.append(content)
            await self._on_message(socket, content)

    def of(self, kind: str) -> list[Message]:
        return [message for message in self.messages if message["type"] == kind]


def connect(app: FakeApp, relay: Relay, attributes: str = "") -> str:
    url = app.on_socket("/call/convo/ticket", relay)
    app.on("/after", "<Response><Hangup/></Response>")
    return app.on(
        "/voice",
        f"<Response><Connect action='/after'><ConversationRelay url='{url}' "
        f"welcomeGreeting='Hello there' {attributes}><Parameter name='call' value='our-id'/>"
        "</ConversationRelay></Connect></Response>",
    )


async def test_words_go_both_ways_and_the_app_ends_the_session(
    app: FakeApp, rehearsal: RehearsalProcess, twilio: TwilioClient
) -> None:
    schemas = schemas_or_skip("ws_messages.schema.json")

    async def answer(socket: web.WebSocketResponse, message: Message) -> None:
        if message.get("voicePrompt") == "What time is it":
            await socket.send_json({"type": "text", "token": "It is ", "last": False})
            await socket.send_json({"type": "text", "token": "noon.", "last": True})
        elif message["type"] == "prompt":
            await socket.send_json({"type": "end", "handoffData": '{"why":"done"}'})

    relay = Relay(answer)
    steps = [{"say": "What time is it"}, {"say": "Thank you and goodbye"}]
    await rehearsal.far_end(CALLEE, kind="script", steps=steps, gap_ms=400)
    ref = await twilio.call(connect(app, relay))
    after = await app.wait("/after")
    assert after.form["SessionStatus"] == "ended"
    assert after.form["HandoffData"] == '{"why":"done"}'
    setup, prompt, thanks = relay.messages
    assert (setup["type"], setup["callSid"]) == ("setup", ref)
    assert setup["customParameters"] == {"call": "our-id"}
    assert (prompt["voicePrompt"], prompt["last"]) == ("What time is it", True)
    assert thanks["voicePrompt"] == "Thank you and goodbye"
    # The published setup is an example rather than a list of all fields.
    known = schemas["$defs"]["twilio_relay.in.setup"]
    assert set(setup) <= set(known["properties"]) | set(known["examples"][0])
    assert_conforms(schemas, "$defs/twilio_relay.in.prompt", prompt)
    said = [r["text"] for r in rehearsal.reports if r["type"] == "carrier_said"]
    assert said == ["Hello there", "It is noon."]
    assert violations(rehearsal) == []


async def test_a_caller_who_talks_over_a_reply_stops_it(
    app: FakeApp, rehearsal: RehearsalProcess, twilio: TwilioClient
) -> None:
    schemas = schemas_or_skip("ws_messages.schema.json")

    async def answer(socket: web.WebSocketResponse, message: Message) -> None:
        if message["type"] == "setup":
            await socket.send_json({"type": "text", "token": LONG, "last": True})
        elif message["type"] == "interrupt":
            await socket.send_json({"type": "end"})

    relay = Relay(answer)
    steps = [{"say": "Stop it please", "over": True, "after_ms": 2500}]
    await rehearsal.far_end(CALLEE, kind="script", steps=steps)
    await twilio.call(connect(app, relay))
    await app.wait("/after")
    interrupt = relay.of("interrupt")[0]
    assert_conforms(schemas, "$defs/twilio_relay.in.interrupt", interrupt)
    heard = interrupt["utteranceUntilInterrupt"]
    assert heard
    assert LONG.startswith(heard) or "Hello there".startswith(heard)
    assert len(heard) < len(LONG)


async def test_a_wrong_message_is_answered_with_an_error(
    app: FakeApp, rehearsal: RehearsalProcess, twilio: TwilioClient
) -> None:
    async def answer(socket: web.WebSocketResponse, message: Message) -> None:
        if message["type"] == "setup":
            await socket.send_json({"type": "say", "text": "Hello"})
        elif message["type"] == "error":
            await socket.close()

    relay = Relay(answer)
    await twilio.call(connect(app, relay))
    after = await app.wait("/after")
    assert (after.form["SessionStatus"], after.form["ErrorCode"]) == ("failed", "64105")
    assert "Invalid message" in relay.of("error")[0]["description"]
    assert violations(rehearsal) == ["on the stream: 64107 the relay knows no type 'say'"]
