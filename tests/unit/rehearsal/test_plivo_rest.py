from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from jsonschema import Draft202012Validator

from desktop_voice.rehearsal.process import RehearsalProcess
from tests.unit.rehearsal.fake_app import FakeApp
from tests.unit.rehearsal.plivo_client import CALLEE, PlivoClient, violations
from tests.unit.rehearsal.schemas import schemas_or_skip

WAIT = "<Response><Wait length='60'/></Response>"
URL = "https://rehearsal.localhost/answer"


@pytest.fixture
async def plivo(rehearsal: RehearsalProcess) -> Any:
    async with aiohttp.ClientSession() as session:
        yield PlivoClient(rehearsal, session)


def assert_answers(path: str, method: str, status: int, body: object) -> None:
    spec = schemas_or_skip("plivo_voice.unofficial.openapi.json")
    response = spec["paths"][f"/v1/Account/{{auth_id}}{path}"][method]["responses"][str(status)]
    schema = response["content"]["application/json"]["schema"]
    assert not list(Draft202012Validator(schema).iter_errors(body))


async def test_a_call_is_created_found_and_ended(
    app: FakeApp, rehearsal: RehearsalProcess, plivo: PlivoClient
) -> None:
    ref = await plivo.call(app, WAIT, time_limit=60, ring_timeout=30)
    await rehearsal.wait_for("call", ref=ref, state="in-progress")
    _, live = await plivo.request("GET", "/Call/", status="live")
    assert live["calls"] == [ref]
    status, call = await plivo.request("GET", f"/Call/{ref}/", status="live")
    assert (status, call["call_status"], call["to"]) == (200, "in-progress", CALLEE[1:])
    assert (await plivo.request("GET", f"/Call/{ref}/"))[0] == 404, "there is no record yet"

    assert await plivo.request("DELETE", f"/Call/{ref}/") == (204, {})
    await rehearsal.wait_for("call", ref=ref, state="ended", cause="completed", by="app")
    assert (await plivo.request("DELETE", f"/Call/{ref}/"))[0] == 404
    status, record = await plivo.request("GET", f"/Call/{ref}/")
    assert (status, record["hangup_cause_code"], record["hangup_source"]) == (
        200,
        4000,
        "API Request",
    )
    _, records = await plivo.request("GET", "/Call/", limit="20")
    assert [found["call_uuid"] for found in records["objects"]] == [ref]
    assert violations(rehearsal) == []


async def test_a_request_is_cancelled_while_it_rings(
    app: FakeApp, rehearsal: RehearsalProcess, plivo: PlivoClient
) -> None:
    await rehearsal.far_end(CALLEE, answer="no_answer")
    ref = await plivo.call(app, WAIT)
    request_uuid = app.received[0].form["RequestUUID"]
    assert request_uuid != ref
    assert (await plivo.request("DELETE", f"/Call/{request_uuid}/"))[0] == 404
    assert (await plivo.request("DELETE", f"/Request/{request_uuid}/"))[0] == 204
    told = await app.wait("/told", Event="Hangup")
    assert (told.form["CallStatus"], told.form["HangupCauseCode"]) == ("cancel", "1000")


async def test_numbers_and_applications(rehearsal: RehearsalProcess, plivo: PlivoClient) -> None:
    status, numbers = await plivo.request("GET", "/Number/", limit="20", offset="0")
    assert_answers("/Number/", "get", status, numbers)
    number = numbers["objects"][0]
    assert (number["number"], number["application"]) == (plivo.number, None)
    settings = {"app_name": "mine", "answer_url": URL}
    status, made = await plivo.request("POST", "/Application/", settings)
    assert_answers("/Application/", "post", status, made)
    path = f"/Application/{made['app_id']}/"
    assert (await plivo.request("POST", f"/Number/{plivo.number}/", {"app_id": "1"}))[0] == 400
    linked = await plivo.request("POST", f"/Number/{plivo.number}/", {"app_id": made["app_id"]})
    assert (linked[0], linked[1]["message"]) == (202, "changed")
    _, number = await plivo.request("GET", f"/Number/{plivo.number}/")
    assert number["application"].endswith(path)
    assert (await plivo.request("GET", f"/Number/+{plivo.number}/"))[0] == 404
    changed = {"answer_url": URL + "?x=1", "answer_method": "GET"}
    assert (await plivo.request("POST", path, changed))[0] == 202
    _, shown = await plivo.request("GET", path)
    assert (shown["answer_url"], shown["answer_method"]) == (URL + "?x=1", "GET")
    _, listed = await plivo.request("GET", "/Application/")
    assert listed["meta"]["total_count"] == 1
    assert (await plivo.request("GET", "/"))[1]["auth_id"] == plivo.auth_id
    assert (await plivo.request("GET", "/Number/", limit="21"))[0] == 400


async def test_wrong_requests_are_refused(rehearsal: RehearsalProcess, plivo: PlivoClient) -> None:
    order: dict[str, object] = {"from": plivo.number, "to": CALLEE[1:], "answer_url": URL}
    for wrong, why in (
        ({"to": ""}, "to parameter not present"),
        ({"to": "12"}, "to parameter is invalid"),
        ({"to": plivo.number}, "cannot be the same"),
        ({"answer_url": "/relative"}, "answer_url parameter is invalid"),
        ({"answer_method": "PUT"}, "answer_method parameter is invalid"),
        ({"time_limit": "60"}, "time_limit parameter is invalid"),
        ({"machine_detection": "yes"}, "machine_detection parameter is invalid"),
        ({"machine_detection_time": 1999}, "machine_detection_time parameter is invalid"),
    ):
        status, body = await plivo.request("POST", "/Call/", {**order, **wrong})
        assert status == 400
        assert why in body["error"], wrong
    assert (await plivo.request("POST", "/Call", order))[0] == 404, "the slash is missing"
    assert (await plivo.request("PUT", "/Call/", order))[0] == 405
    form = {name: str(value) for name, value in order.items()}
    url = plivo.account + "/Call/"
    async with plivo.session.post(url, data=form, headers=plivo.headers) as response:
        assert response.status == 400
    async with plivo.session.get(url, headers={"Authorization": "Basic eDp5"}) as response:
        assert (response.status, response.content_type) == (401, "text/plain")
    assert await rehearsal.calls() == []
    assert len(violations(rehearsal)) >= 12
    assert (await plivo.request("POST", "/Call/", {**order, "ring_timout": 5}))[0] == 201
    what = "the parameter ring_timout does not exist and is ignored"
    await rehearsal.wait_for("violation", carrier="plivo", what=what)


async def test_errors_on_demand(rehearsal: RehearsalProcess, plivo: PlivoClient) -> None:
    order = {"from": plivo.number, "to": CALLEE[1:], "answer_url": URL}
    for status in (401, 403, 429, 500):
        await rehearsal.fault("plivo", "rest:create", str(status))
        async with plivo.session.post(
            plivo.account + "/Call/", json=order, headers=plivo.headers
        ) as response:
            assert response.status == status
            assert response.content_type == ("text/plain" if status == 401 else "application/json")
    assert await rehearsal.calls() == []
