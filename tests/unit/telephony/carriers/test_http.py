from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import structlog

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.errors import PhoneError
from desktop_voice.telephony.carriers import errors
from desktop_voice.telephony.carriers.http import CarrierHttp, Json
from tests.helpers.scripted_api import CUT, STALL, Scripted, ScriptedApi
from tests.helpers.virtual_clock import VirtualClock

SECRET = "Basic a-secret-that-nobody-may-see"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def diagnose(status: int, body: Json) -> PhoneError:
    return errors.refused(CarrierName.TWILIO, status, str(body.get("code", "")))


@dataclass
class Client:
    http: CarrierHttp
    api: ScriptedApi
    waits: list[float]
    clock: VirtualClock


@asynccontextmanager
async def client_of(
    base_url: str, waits: list[float], clock: VirtualClock
) -> AsyncIterator[CarrierHttp]:
    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    http = CarrierHttp(
        CarrierName.TWILIO,
        base_url,
        {"Authorization": SECRET},
        diagnose,
        clock=clock,
        deadline_s=0.3,
        sleep=sleep,
    )
    try:
        yield http
    finally:
        await http.close()
        await http.close()


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    api, waits = ScriptedApi(date=format_datetime(NOW, usegmt=True)), list[float]()
    clock = VirtualClock(NOW)
    async with api.serving() as address, client_of(f"{address}/v1/", waits, clock) as http:
        yield Client(http, api, waits, clock)


async def failure(client: Client, *, is_repeatable: bool = True) -> PhoneError:
    with pytest.raises(PhoneError) as caught:
        await client.http.request("POST", "/x", body={}, is_repeatable=is_repeatable)
    assert SECRET not in repr(caught.value)
    return caught.value


async def test_an_answer_is_read_with_the_time_of_the_carrier(client: Client) -> None:
    client.api.will("GET /v1/x", (200, {"a": 1}))
    answer = await client.http.get("/x", (("To", "+1 & 2"), ("To", "ü")))
    assert (answer.status, answer.body, answer.date) == (200, {"a": 1}, NOW)
    assert client.api.queries == [{"To": ["+1 & 2", "ü"]}]
    assert client.api.headers[0]["Authorization"] == SECRET


async def test_forms_repeat_names_and_json_is_json(client: Client) -> None:
    client.api.will("POST /v1/x", (200, {}))
    pairs = (("Event", "ringing"), ("Event", "answered"), ("Text", "a+b & c=ü"), ("Blank", ""))
    await client.http.request("POST", "/x", form=pairs)
    await client.http.request("POST", "/x", body={"n": 1})
    assert client.api.bodies("/v1/x") == [list(pairs), {"n": 1}]


async def test_an_id_in_a_path_is_sent_as_it_was_encoded(client: Client) -> None:
    client.api.will("GET /v1/Call/v3%3Aa%2Fb/", (200, {}))
    await client.http.get("/Call/v3%3Aa%2Fb/")
    assert client.api.requests() == ["GET /v1/Call/v3%3Aa%2Fb/"]


FAULTS: list[Scripted] = [CUT, STALL, (500, {}), (503, {"code": 1}), (200, [1])]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_a_fault_is_got_over_where_repeating_is_harmless(
    client: Client, fault: Scripted
) -> None:
    client.api.will("GET /v1/x", fault, fault, (200, {"a": 1}))
    assert (await client.http.get("/x")).body == {"a": 1}
    # The library itself repeats a GET once, at once, when the connection was cut.
    assert len(client.api.asked) == 3
    assert len(client.waits) == (1 if fault == CUT else 2)
    for attempt, wait_s in enumerate(client.waits):
        assert 0.25 * 2**attempt <= wait_s <= 0.5 * 2**attempt


@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_what_may_have_been_done_is_not_done_again(client: Client, fault: Scripted) -> None:
    client.api.will("POST /v1/x", fault, (200, {}))
    error = await failure(client, is_repeatable=False)
    assert isinstance(error, errors.UncertainError)
    assert error.retryable
    assert len(client.api.asked) == 1


@pytest.mark.parametrize(
    ("retry_after", "least", "most"),
    [
        ("3", 3.5, 4),
        ("0", 0.5, 1),
        (format_datetime(NOW + timedelta(seconds=7), usegmt=True), 7.5, 8),
        (format_datetime(NOW - timedelta(seconds=7), usegmt=True), 0.5, 1),
        ("soon", 0.25, 0.5),
        ("-1", 0.25, 0.5),
        ("", 0.25, 0.5),
    ],
)
async def test_too_often_waits_as_long_as_it_is_told(
    client: Client, retry_after: str, least: float, most: float
) -> None:
    client.api.will("POST /v1/x", (429, {}, {"Retry-After": retry_after}), (200, {}))
    await client.http.request("POST", "/x", body={}, is_repeatable=True)
    (wait_s,) = client.waits
    assert least <= wait_s <= most


async def test_too_often_for_too_long_is_an_error_at_once(client: Client) -> None:
    client.api.will("POST /v1/x", (429, {}, {"Retry-After": "60"}))
    assert (await failure(client)).code == "CARRIER-09"
    assert client.waits == []


async def test_too_often_is_no_reason_to_repeat_a_create(client: Client) -> None:
    client.api.will("POST /v1/x", (429, {}, {"Retry-After": "0"}), (200, {}))
    error = await failure(client, is_repeatable=False)
    assert error.code == "CARRIER-09"
    assert not isinstance(error, errors.UncertainError)


async def test_a_fault_that_lasts_is_an_error(client: Client) -> None:
    client.api.will("POST /v1/x", (503, {}))
    assert (await failure(client)).code == "CARRIER-23"
    assert len(client.api.asked) == 4


async def test_a_refusal_is_not_repeated(client: Client) -> None:
    client.api.will("POST /v1/x", (400, {"code": 7}))
    error = await failure(client)
    assert (error.code, "7" in error.what) == ("CARRIER-18", True)
    assert len(client.api.asked) == 1


async def test_a_status_may_be_an_answer(client: Client) -> None:
    client.api.will("GET /v1/x", (404, {"code": 7}))
    assert (await client.http.get("/x", accept=(404,))).status == 404


async def test_a_redirect_is_not_followed_with_the_key(client: Client) -> None:
    client.api.will("POST /v1/x", (302, {}, {"Location": "/v1/y"}))
    assert (await failure(client)).code == "CARRIER-18"
    assert client.api.requests() == ["POST /v1/x"]


async def test_an_answer_without_end_is_refused(client: Client) -> None:
    client.api.will("POST /v1/x", (200, {"a": "b" * 3_000_000}))
    assert (await failure(client, is_repeatable=False)).code == "CARRIER-12"


async def test_nobody_there_is_certain_and_got_over_if_somebody_comes() -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    waits: list[float] = []
    async with client_of(f"http://127.0.0.1:{port}", waits, VirtualClock(NOW)) as http:
        with pytest.raises(PhoneError) as caught:
            await http.get("/x")
    assert caught.value.code == "CARRIER-11"
    assert not isinstance(caught.value, errors.UncertainError)
    assert len(waits) == 3


async def test_logs_hold_no_address_and_no_key(client: Client) -> None:
    client.api.will("POST /v1/x", CUT)
    with structlog.testing.capture_logs() as logs:
        await failure(client)
    assert [entry["attempt"] for entry in logs] == [1, 2, 3, 4]
    assert "127.0.0.1" not in str(logs)
    assert SECRET not in str(logs)
    assert "/x" not in str(logs)


@pytest.mark.parametrize(
    "base_url", ["http://api.example.com", "ftp://127.0.0.1", "", "http://127.0.0.1.evil.example"]
)
def test_keys_do_not_travel_in_the_clear(base_url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        CarrierHttp(CarrierName.TWILIO, base_url, {}, diagnose, clock=VirtualClock(NOW))


@pytest.mark.parametrize("ahead_s", [-3600, -1, 0, 1, 86_400])
async def test_an_answer_tells_how_far_our_clock_is_off(client: Client, ahead_s: int) -> None:
    client.clock.set_wall(NOW + timedelta(seconds=ahead_s))
    client.api.will("GET /v1/x", (200, {}))
    assert (await client.http.get("/x")).clock_offset_s == ahead_s


async def test_the_way_there_and_back_is_no_fault_of_the_clock(client: Client) -> None:
    client.api.will("GET /v1/x", (200, {}))
    client.api.before_answer = lambda: client.clock.advance(8)
    # Their answer is dated with the middle of these eight seconds.
    client.clock.set_wall(NOW - timedelta(seconds=4))
    assert (await client.http.get("/x")).clock_offset_s == 0


@pytest.mark.parametrize("date", ["yesterday", "Fri, 20 Nov 2026 12:00:00"])
async def test_without_a_proper_date_nothing_is_said_of_the_clock(
    client: Client, date: str
) -> None:
    client.api.will("GET /v1/x", (200, {}, {"Date": date}))
    answer = await client.http.get("/x")
    assert (answer.date, answer.clock_offset_s) == (None, None)


async def test_what_is_asked_after_the_close_leaves_no_connection_open(client: Client) -> None:
    client.api.will("GET /v1/x", (200, {"a": 1}), (200, {"a": 2}))
    await client.http.get("/x")
    await client.http.close()
    # An unclosed session is a warning, and a warning fails the test.
    assert (await client.http.get("/x")).body == {"a": 2}
