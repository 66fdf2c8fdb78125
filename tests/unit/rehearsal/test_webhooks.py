from __future__ import annotations

import asyncio

from aiohttp import web

from desktop_voice.rehearsal.faults import Fault, Faults
from desktop_voice.rehearsal.reports import Report, Reporter
from desktop_voice.rehearsal.tunnel import Tunnel
from desktop_voice.rehearsal.webhooks import WebhookReply, WebhookRequest, Webhooks
from tests.unit.rehearsal.fake_app import PUBLIC_BASE, FakeApp, Received


class Sender:
    """Webhooks of a carrier, with all that it needs."""

    def __init__(self, app: FakeApp) -> None:
        self.reports: list[Report] = []
        self.faults = Faults()
        tunnel = Tunnel()
        tunnel.open(PUBLIC_BASE, app.origin)
        self.webhooks = Webhooks("twilio", tunnel, self.faults, Reporter(self.reports.append))

    async def send(self, url: str, *, attempts: int = 1, may_reorder: bool = False) -> WebhookReply:
        def sign(attempt: int) -> WebhookRequest:
            return WebhookRequest("POST", str(attempt).encode(), {"Content-Type": "text/plain"})

        return await self.webhooks.send(
            "event", url, sign, attempts=attempts, pause_s=0, may_reorder=may_reorder
        )


async def test_the_public_address_is_kept_byte_by_byte(app: FakeApp) -> None:
    sender = Sender(app)
    app.on("/a b", "yes")
    url = f"{PUBLIC_BASE}/a%20b?x=%2F&y=+&z"
    reply = await sender.send(url + "#rc=3")
    assert (reply.status, reply.body) == (200, b"yes")
    assert app.received[0].url == url
    assert app.received[0].headers["Host"] == "rehearsal.localhost"
    await sender.webhooks.close()


async def test_a_redirect_is_not_followed(app: FakeApp) -> None:
    sender = Sender(app)
    app.on("/new", "here")
    app.on("/old", lambda _: web.Response(status=302, headers={"Location": "/new"}))
    assert (await sender.send(PUBLIC_BASE + "/old")).status == 302
    assert [received.path for received in app.received] == ["/old"]
    await sender.webhooks.close()


async def test_another_ones_address_is_a_violation_and_not_visited(app: FakeApp) -> None:
    sender = Sender(app)
    for url in (app.origin + "/x", "https://elsewhere.example/x", "http://rehearsal.localhost/x"):
        assert (await sender.send(url)).status == 0
    assert app.received == []
    assert [r["type"] for r in sender.reports if r["type"] != "webhook"] == ["violation"] * 3


async def test_what_fails_is_sent_again_as_often_as_the_carrier_does(app: FakeApp) -> None:
    sender = Sender(app)

    def answer(received: Received) -> web.Response:
        return web.Response(status=200 if received.body == b"3" else 503)

    url = app.on("/hook", answer)
    assert (await sender.send(url, attempts=3)).ok
    assert [received.body for received in app.received] == [b"1", b"2", b"3"]
    assert [report["status"] for report in sender.reports] == [503, 503, 200]
    app.received.clear()
    assert (await sender.send(url)).status == 503
    assert len(app.received) == 1
    await sender.webhooks.close()


async def test_an_app_that_is_gone_is_no_answer(app: FakeApp) -> None:
    sender = Sender(app)
    sender.webhooks._tunnel.open(PUBLIC_BASE, "http://127.0.0.1:9")
    reply = await sender.send(PUBLIC_BASE + "/x")
    assert (reply.status, reply.why) == (0, "connection: refused")
    await sender.webhooks.close()


async def test_a_held_back_callback_goes_out_after_the_next(app: FakeApp) -> None:
    sender = Sender(app)
    first, second = app.on("/first", ""), app.on("/second", "")
    sender.faults.add(Fault("twilio", "webhook", "reorder"))
    held = asyncio.create_task(sender.send(first, may_reorder=True))
    await asyncio.sleep(0)
    await sender.send(second, may_reorder=True)
    await held
    assert [received.path for received in app.received] == ["/second", "/first"]
    await sender.webhooks.close()


async def test_a_webhook_may_be_lost_on_the_way_there_or_back(app: FakeApp) -> None:
    sender = Sender(app)
    url = app.on("/hook", "yes")
    for kind in ("500", "reset", "lost_reply"):
        sender.faults.add(Fault("twilio", "webhook", kind))
    assert (await sender.send(url, attempts=4)).body == b"yes"
    assert [received.body for received in app.received] == [b"3", b"4"]
    assert [report["status"] for report in sender.reports] == [500, 0, 0, 200]
    whys = [None, "fault: reset", "fault: lost_reply", None]
    assert [report.get("why") for report in sender.reports] == whys
    await sender.webhooks.close()
