from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from desktop_voice.rehearsal.process import RehearsalProcess
from tests.unit.rehearsal.fake_app import FakeApp
from tests.unit.rehearsal.schemas import assert_conforms, schemas_or_skip
from tests.unit.rehearsal.telnyx_client import CALLEE, VOICE, TelnyxClient, violations

SCHEMAS = "components/schemas/"


@pytest.fixture
async def telnyx(rehearsal: RehearsalProcess, app: FakeApp) -> Any:
    async with aiohttp.ClientSession() as session:
        yield TelnyxClient(rehearsal, app, session)


async def test_every_body_is_what_telnyx_publishes(
    rehearsal: RehearsalProcess, telnyx: TelnyxClient
) -> None:
    spec = schemas_or_skip("telnyx_call_control.openapi.json")
    ref = await telnyx.dial(client_state="YQ==")
    assert ref.startswith("v3:")
    await telnyx.event("call.answered")
    path = f"/calls/{ref}"
    _, call = await telnyx.request("GET", path)
    assert (call["data"]["is_alive"], call["data"]["client_state"]) == (True, "YQ==")
    assert_conforms(spec, SCHEMAS + "Call", call["data"])

    live = f"/connections/{telnyx.connection_id}/active_calls"
    _, calls = await telnyx.request("GET", live)
    assert [found["call_control_id"] for found in calls["data"]] == [ref]
    assert_conforms(spec, SCHEMAS + "ActiveCall", calls["data"][0])
    assert_conforms(spec, SCHEMAS + "CursorPaginationMeta", calls["meta"])

    assert await telnyx.act(ref, "hangup") == "ok"
    hangup = await telnyx.event("call.hangup")
    assert (hangup["hangup_cause"], hangup["hangup_source"]) == ("normal_clearing", "caller")
    assert await telnyx.act(ref, "hangup") == "90018"
    _, call = await telnyx.request("GET", path)
    assert call["data"]["is_alive"] is False
    assert_conforms(spec, SCHEMAS + "Call", call["data"])
    assert (await telnyx.request("GET", live))[1]["data"] == []

    query = {"page[size]": "250", "filter[status]": "active"}
    _, numbers = await telnyx.request("GET", "/phone_numbers", **query)
    assert numbers["data"][0]["phone_number"] == telnyx.number
    assert_conforms(spec, SCHEMAS + "PhoneNumberDetailed", numbers["data"][0])
    assert_conforms(spec, SCHEMAS + "PaginationMeta", numbers["meta"])
    _, balance = await telnyx.request("GET", "/balance")
    assert_conforms(spec, SCHEMAS + "UserBalance", balance["data"])
    _, applications = await telnyx.request("GET", "/call_control_applications")
    assert_conforms(spec, SCHEMAS + "CallControlApplication", applications["data"][0])
    assert violations(rehearsal) == []


async def test_a_command_with_the_same_id_is_carried_out_once(
    rehearsal: RehearsalProcess, telnyx: TelnyxClient
) -> None:
    first = await telnyx.dial(command_id="one")
    assert await telnyx.dial(command_id="one") == first
    assert len(await rehearsal.calls()) == 1
    await telnyx.event("call.answered")
    for _ in range(3):
        assert await telnyx.act(first, "send_dtmf", digits="7", command_id="two") == "ok"
    assert await telnyx.act(first, "hangup", command_id="three") == "ok"
    assert await telnyx.act(first, "hangup", command_id="three") == "ok"
    await telnyx.event("call.hangup")
    pressed = [r for r in rehearsal.reports if r["type"] == "far_digits"]
    assert len(pressed) == 1


async def test_commands_at_the_wrong_time_are_refused(
    rehearsal: RehearsalProcess, telnyx: TelnyxClient, app: FakeApp
) -> None:
    assert await telnyx.act("v3:nothing", "hangup") == "90015"
    await rehearsal.far_end(CALLEE, ring_ms=1500)
    ref = await telnyx.dial()
    speech = {"payload": "Hello.", "voice": VOICE}
    assert await telnyx.act(ref, "speak", **speech) == "90034"
    assert await telnyx.act(ref, "answer") == "10015"
    await telnyx.event("call.answered")
    assert await telnyx.act(ref, "reject", cause="CALL_REJECTED") == "10015"
    assert await telnyx.act(ref, "transcription_start") == "ok"
    assert await telnyx.act(ref, "transcription_start") == "90054"
    assert await telnyx.act(ref, "transcription_stop") == "ok"
    assert await telnyx.act(ref, "transcription_start") == "ok"

    url = app.on_socket("/stream", lambda socket, request: _drain(socket))
    assert await telnyx.act(ref, "streaming_start", stream_url=url) == "ok"
    await telnyx.event("streaming.started")
    assert await telnyx.act(ref, "streaming_start", stream_url=url) == "90045"
    assert await telnyx.act(ref, "streaming_stop") == "ok"
    await telnyx.event("streaming.stopped")
    relay = app.on_socket("/relay", lambda socket, request: _drain(socket))
    assert await telnyx.act(ref, "conversation_relay_start", url=relay) == "ok"
    assert await telnyx.act(ref, "conversation_relay_start", url=relay) == "90061"
    assert await telnyx.act(ref, "unheard_of") == "10005"
    assert await telnyx.act(ref, "hangup") == "ok"
    assert await telnyx.act(ref, "speak", **speech) == "90018"


async def test_wrong_requests_and_errors_on_demand(
    rehearsal: RehearsalProcess, telnyx: TelnyxClient
) -> None:
    spec = schemas_or_skip("telnyx_call_control.openapi.json")
    order = {"connection_id": "1", "to": CALLEE, "from": telnyx.number}
    status, body = await telnyx.request("POST", "/calls", order)
    assert (status, body["errors"][0]["code"]) == (422, "10015")
    assert_conforms(spec, SCHEMAS + "call-control_Error", body["errors"][0])
    url = telnyx.base + "/calls"
    async with telnyx.session.post(url, data=b"{", headers=telnyx.headers) as response:
        assert response.status == 415
    headers = {**telnyx.headers, "Content-Type": "application/json"}
    async with telnyx.session.post(url, data=b"{", headers=headers) as response:
        assert (response.status, (await response.json())["errors"][0]["code"]) == (400, "10023")
    async with telnyx.session.post(url, json=order) as response:
        assert (response.status, (await response.json())["errors"][0]["code"]) == (401, "10009")
    for kind, code in ("401", "10009"), ("403", "10010"), ("429", "10011"), ("500", "10007"):
        await rehearsal.fault("telnyx", "rest:create", kind)
        status, body = await telnyx.request("POST", "/calls", order)
        assert (str(status), body["errors"][0]["code"]) == (kind, code)
        assert_conforms(spec, SCHEMAS + "call-control_Error", body["errors"][0])
    assert await rehearsal.calls() == []


async def test_where_events_go_is_set_and_kept(
    rehearsal: RehearsalProcess, telnyx: TelnyxClient
) -> None:
    path = f"/call_control_applications/{telnyx.connection_id}"
    status, _ = await telnyx.request("PATCH", path, {"webhook_event_url": telnyx.hook})
    assert status == 422, "the name is required"
    await telnyx.answer_at_hook()
    _, shown = await telnyx.request("GET", path)
    assert shown["data"]["webhook_event_url"] == telnyx.hook
    body = {
        "application_name": "Rehearsal",
        "webhook_event_url": telnyx.hook,
        "webhook_api_version": "1",
    }
    await telnyx.request("PATCH", path, body)
    what = "webhook_api_version is not 2: events come in the old shape"
    await rehearsal.wait_for("violation", carrier="telnyx", what=what)


async def _drain(socket: Any) -> None:
    async for _ in socket:
        pass
