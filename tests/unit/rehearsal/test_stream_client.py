from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from desktop_voice.rehearsal.call import NetworkCall
from desktop_voice.rehearsal.faults import Fault, Faults, Kind
from desktop_voice.rehearsal.reports import Reporter
from desktop_voice.rehearsal.stream_client import StreamClient, StreamEnd
from desktop_voice.rehearsal.tunnel import Tunnel
from desktop_voice.rehearsal.twilio_media import TwilioMedia
from tests.unit.rehearsal.fake_app import PUBLIC_BASE, FakeApp
from tests.unit.rehearsal.lone_call import Lone, lone_network

URL = PUBLIC_BASE.replace("https", "wss") + "/stream"


class Ear:
    """An app that only listens."""

    def __init__(self, app: FakeApp) -> None:
        self.texts: list[str] = []
        app.on_socket("/stream", self._listen)

    async def _listen(self, socket: web.WebSocketResponse, _request: web.Request) -> None:
        async for message in socket:
            self.texts.append(str(message.data))

    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.texts]

    def chunks(self) -> list[int]:
        media = [m["media"] for m in self.messages() if m["event"] == "media"]
        return [int(m["timestamp"]) // 20 for m in media]


async def stream(lone: Lone, app: FakeApp, fault: Fault | None = None) -> StreamEnd:
    """Stream a call of one second to the app."""
    call = lone.call({"hang_up_after_ms": 1000, "transcribe": False})
    await call.answered()
    return await client(lone, app, call, fault).run(URL, {})


def client(lone: Lone, app: FakeApp, call: NetworkCall, fault: Fault | None) -> StreamClient:
    tunnel, faults = Tunnel(), Faults()
    tunnel.open(PUBLIC_BASE, app.origin)
    if fault is not None:
        faults.add(fault)
    media = TwilioMedia(call, "MZ1", "AC1", {})
    reports = Reporter(lone.reports.append)
    return StreamClient(call, media, tunnel=tunnel, faults=faults, reports=reports)


def fault(kind: Kind, after_ms: int = 0) -> Fault:
    return Fault("test", "media", kind, after_ms=after_ms)


async def test_a_whole_call_is_streamed_in_order_to_its_end(app: FakeApp) -> None:
    ear = Ear(app)
    async with lone_network() as lone:
        end = await stream(lone, app)
    assert end == StreamEnd("call", connected=True)
    chunks = ear.chunks()
    assert chunks == list(range(len(chunks)))
    assert 40 <= len(chunks) <= 52
    assert ear.messages()[-1]["event"] == "stop"


async def test_jitter_delays_frames_and_loses_none(app: FakeApp) -> None:
    ear = Ear(app)
    async with lone_network() as lone:
        await stream(lone, app, fault("jitter"))
    chunks = ear.chunks()
    assert chunks == list(range(len(chunks)))
    assert len(chunks) >= 40


async def test_loss_leaves_gaps_that_are_counted(app: FakeApp) -> None:
    ear = Ear(app)
    async with lone_network() as lone:
        call = lone.call({"hang_up_after_ms": 3000, "transcribe": False})
        await call.answered()
        await client(lone, app, call, fault("loss")).run(URL, {})
        report = await lone.ended(call)
    chunks = ear.chunks()
    lost = len(set(range(chunks[-1])) - set(chunks))
    media = report["media"]
    assert isinstance(media, dict)
    assert media["lost"] == lost > 0


async def test_a_stalled_stream_falls_silent_and_stays_open(app: FakeApp) -> None:
    ear = Ear(app)
    async with lone_network() as lone:
        call = lone.call({"transcribe": False})
        await call.answered()
        running = asyncio.create_task(client(lone, app, call, fault("stall", 200)).run(URL, {}))
        await call.handset.wait(1000)
        assert 5 <= len(ear.chunks()) <= 20
        assert not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("kind", ["drop_socket", "reset"])
async def test_a_dropped_socket_ends_without_goodbye(app: FakeApp, kind: Kind) -> None:
    ear = Ear(app)
    async with lone_network() as lone:
        end = await stream(lone, app, fault(kind, 200))
    assert end.connected
    assert end.by in ("app", "failed")
    assert all(message["event"] != "stop" for message in ear.messages())


async def test_garbage_is_sent_in_the_middle(app: FakeApp) -> None:
    ear = Ear(app)
    async with lone_network() as lone:
        await stream(lone, app, fault("garbage", 200))
    assert ear.texts.count('{"event":') == 1
    assert ear.texts[-1] != '{"event":'


async def test_a_stream_to_someone_else_is_a_violation(app: FakeApp) -> None:
    async with lone_network() as lone:
        call = lone.call({"transcribe": False})
        end = await client(lone, app, call, None).run("wss://elsewhere.example/x", {})
    assert end == StreamEnd("failed", connected=False)
    assert [report["type"] for report in lone.reports].count("violation") == 1
