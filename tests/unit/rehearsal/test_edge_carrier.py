"""A carrier on the public side: it gets through over TLS, and says why when it does not."""

from __future__ import annotations

import asyncio

import pytest

from desktop_voice.rehearsal.faults import Faults
from desktop_voice.rehearsal.reports import Report, Reporter
from desktop_voice.rehearsal.stream_client import StreamClient, StreamEnd
from desktop_voice.rehearsal.tunnel import Tunnel
from desktop_voice.rehearsal.twilio_media import TwilioMedia
from desktop_voice.rehearsal.webhooks import WebhookReply, WebhookRequest, Webhooks
from tests.unit.rehearsal.edge_lab import EdgeLab
from tests.unit.rehearsal.fake_app import PUBLIC_BASE, FakeApp
from tests.unit.rehearsal.lone_call import Lone, lone_network
from tests.unit.rehearsal.test_stream_client import Ear

ROUND_TRIPS = 200


class Carrier:
    """Sends webhooks on the public side."""

    def __init__(self, lab: EdgeLab) -> None:
        self.reports: list[Report] = []
        self.tunnel = Tunnel(lab.world.way)
        self.webhooks = Webhooks("twilio", self.tunnel, Faults(), Reporter(self.reports.append))

    async def send(self, url: str, body: str = "") -> WebhookReply:
        request = WebhookRequest("POST", body.encode(), {"Content-Type": "text/plain"})
        return await self.webhooks.send("event", url, lambda _attempt: request)


async def test_webhooks_go_there_and_back(lab: EdgeLab, app: FakeApp) -> None:
    carrier = Carrier(lab)
    host = (await lab.connected(app.origin)).host
    app.on("/a b", lambda received: received.body.decode()[::-1])
    for number in range(ROUND_TRIPS):
        url = f"https://{host}/a%20b?x=%2F&y=+&n={number}"
        reply = await carrier.send(f"{url}#rc=3", str(number))
        assert (reply.status, reply.body) == (200, str(number)[::-1].encode())
        assert app.received[-1].url == url
        assert app.received[-1].headers["Host"] == host
    assert len(app.received) == ROUND_TRIPS
    assert {(r["type"], r["status"]) for r in carrier.reports} == {("webhook", 200)}
    await carrier.webhooks.close()


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("unresolved", "dns: the name does not resolve"),
        ("certificate_expired", "tls: certificate has expired"),
        ("certificate_wrong_name", "tls: Hostname mismatch"),
        ("certificate_untrusted", "tls: self-signed certificate"),
    ],
)
async def test_a_carrier_says_why_it_did_not_get_through(
    lab: EdgeLab, app: FakeApp, kind: str, why: str
) -> None:
    carrier = Carrier(lab)
    host = (await lab.connected(app.origin)).host
    assert (await carrier.send(f"https://{host}/")).status == 404
    lab.fault(kind, host=host)
    reply = await carrier.send(f"https://{host}/")
    assert reply.status == 0
    assert reply.why.startswith(why)
    assert carrier.reports[-1]["why"] == reply.why
    lab.world.forget_faults()
    assert (await carrier.send(f"https://{host}/")).status == 404
    await carrier.webhooks.close()


async def test_an_app_that_is_too_slow_is_a_timeout(
    lab: EdgeLab, app: FakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("desktop_voice.rehearsal.webhooks.DEADLINE_S", 0.2)
    over = asyncio.Event()

    async def never(_received: object) -> str:
        await over.wait()
        return ""

    app.on("/slow", never)
    carrier = Carrier(lab)
    host = (await lab.connected(app.origin)).host
    assert await carrier.send(f"https://{host}/slow") == WebhookReply(0, why="timeout")
    over.set()
    await carrier.webhooks.close()


async def test_a_tunnel_that_was_led_by_hand_is_still_there(lab: EdgeLab, app: FakeApp) -> None:
    carrier = Carrier(lab)
    held = (await lab.connected("http://127.0.0.1:9")).host
    assert (await carrier.send("https://no-such.example.com/")).status == 530
    carrier.tunnel.open(PUBLIC_BASE, app.origin)
    assert (await carrier.send(f"{PUBLIC_BASE}/")).status == 404
    assert (await carrier.send(f"https://{held}/")).status == 502
    assert carrier.reports[-1]["type"] == "webhook"
    assert (await carrier.send("https://no-such.example.com/")).why == "not the app's"
    assert carrier.reports[-2]["type"] == "violation"
    await carrier.webhooks.close()


async def _stream(lone: Lone, lab: EdgeLab, url: str) -> StreamEnd:
    call = lone.call({"hang_up_after_ms": 1000, "transcribe": False})
    await call.answered()
    client = StreamClient(
        call,
        TwilioMedia(call, "MZ1", "AC1", {}),
        tunnel=Tunnel(lab.world.way),
        faults=Faults(),
        reports=Reporter(lone.reports.append),
    )
    return await client.run(url, {})


async def test_a_call_is_streamed_through_the_edge(lab: EdgeLab, app: FakeApp) -> None:
    host = (await lab.connected(app.origin)).host
    ear = Ear(app)
    async with lone_network() as lone:
        end = await _stream(lone, lab, f"wss://{host}/stream")
    assert end == StreamEnd("call", connected=True)
    chunks = ear.chunks()
    assert chunks == list(range(len(chunks)))
    assert len(chunks) >= 40
    assert app.upgrades[0].headers["Cf-Connecting-Ip"] == "198.51.100.1"


@pytest.mark.parametrize(
    ("kind", "status", "why"),
    [("media_refused", 400, None), ("certificate_expired", 0, "tls: certificate has expired")],
)
async def test_a_stream_that_does_not_begin_is_reported(
    lab: EdgeLab, app: FakeApp, kind: str, status: int, why: str | None
) -> None:
    host = (await lab.connected(app.origin)).host
    Ear(app)
    lab.fault(kind)
    async with lone_network() as lone:
        assert await _stream(lone, lab, f"wss://{host}/stream") == StreamEnd(
            "failed", connected=False, status=status
        )
        (report,) = lone.of("stream_refused")
    assert (report["status"], report.get("why")) == (status, why)
