from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from jsonschema import Draft202012Validator

from desktop_voice.rehearsal.process import RehearsalProcess
from tests.unit.rehearsal.fake_app import FakeApp
from tests.unit.rehearsal.schemas import schemas_or_skip
from tests.unit.rehearsal.telnyx_client import CALLEE, TelnyxClient


@pytest.fixture
async def telnyx(rehearsal: RehearsalProcess, app: FakeApp) -> AsyncIterator[TelnyxClient]:
    async with aiohttp.ClientSession() as session:
        yield TelnyxClient(rehearsal, app, session)


async def test_a_turn_in_text(
    app: FakeApp, rehearsal: RehearsalProcess, telnyx: TelnyxClient
) -> None:
    spec = schemas_or_skip("ws_messages.schema.json")
    came: list[dict[str, Any]] = []

    async def talk(socket: web.WebSocketResponse, _request: web.Request) -> None:
        async for message in socket:
            came.append(json.loads(message.data))
            if came[-1]["type"] == "prompt":
                await socket.send_json({"type": "text", "token": "No.", "last": True, "lang": "en"})
                await socket.send_json({"type": "text", "token": "It is open.", "last": True})
                await socket.send_json({"type": "end"})

    url = app.on_socket("/call/convo/ticket", talk)
    await rehearsal.far_end(
        CALLEE, kind="script", steps=[{"say": "Is the bridge open today?"}], after="stay"
    )
    config = {"url": url, "greeting": "Hello, this is a test.", "custom_parameters": {"a": "b"}}
    ref = await telnyx.dial(conversation_relay_config=config)
    ended = await telnyx.event("call.conversation.ended", call_control_id=ref, deadline_s=40)
    assert ended["duration_sec"] >= 1
    setup, prompt = came[0], next(one for one in came if one["type"] == "prompt")
    for kind, message in (("setup", setup), ("prompt", prompt)):
        schema = {**spec, "$ref": f"#/$defs/telnyx_relay.in.{kind}"}
        assert not list(Draft202012Validator(schema).iter_errors(message))
    assert (setup["callControlId"], setup["customParameters"]) == (ref, {"a": "b"})
    assert prompt["voicePrompt"] == "Is the bridge open today?"
    wrong = await rehearsal.wait_for("violation", carrier="telnyx")
    assert "text has no field lang" in wrong["what"]
