"""Deadlines: who is slow, silent or one of too many loses its place; who is proven does not."""

from __future__ import annotations

import asyncio

import pytest

from desktop_voice.server.deadlines import ConnectionLimits
from tests.helpers.public_phone import (
    SIGNATURE,
    WEBHOOK,
    Peer,
    Phone,
    ask,
    http,
    listening,
    stream,
    until,
    webhook,
)

SHORT = ConnectionLimits(header_s=0.3, request_s=0.6, keepalive_s=0.5)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"PO",
        b"POST / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        http("POST", WEBHOOK, {SIGNATURE: "x", "Content-Length": "10"}),
        http("POST", WEBHOOK, {SIGNATURE: "x", "Content-Length": "10"}) + b"half",
        http("GET", "/", {}),
        http("GET", "/", {}) + b"GET / HT",
    ],
    ids=["nothing", "a word", "half", "no body", "half a body", "kept alive", "half a second one"],
)
async def test_a_peer_that_stops_half_way_is_dropped(sent: bytes) -> None:
    async with listening(connection_limits=SHORT) as (server, phone):
        peer = await Peer.connect(server.port)
        peer.writer.write(sent)
        await peer.closed()
        await peer.close()
        await until(lambda: server.connections == 0)
        assert phone.events == []


async def test_a_peer_that_drips_gains_no_time() -> None:
    async with listening(connection_limits=SHORT) as (server, _):
        peer = await Peer.connect(server.port)

        async def drip() -> None:
            while True:
                peer.writer.write(b"X")
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        await peer.closed()
        dripping.cancel()
        await peer.close()
        await until(lambda: server.connections == 0)


async def test_a_peer_that_reads_no_answers_is_dropped() -> None:
    async with listening(connection_limits=SHORT) as (server, _):
        peer = await Peer.connect(server.port)
        peer.stop_reading()
        request = http("GET", "/", {}) * 50

        async def pester() -> None:
            while not peer.writer.transport.is_closing():
                peer.writer.write(request)
                async with asyncio.timeout(2):
                    await peer.writer.drain()

        with pytest.raises((ConnectionError, TimeoutError)):
            await pester()
        await until(lambda: server.connections == 0)
        peer.writer.transport.abort()


async def test_a_kept_connection_serves_request_after_request() -> None:
    limits = ConnectionLimits(header_s=0.3, request_s=0.6, keepalive_s=5.0)
    async with listening(connection_limits=limits) as (server, phone):
        peer = await Peer.connect(server.port)
        for number in range(5):
            assert (await peer.ask(webhook(phone.carrier, str(number).encode())))[0] == 200
            await asyncio.sleep(0.25)
        assert len(phone.events) == 5
        await peer.close()


async def test_a_proven_request_may_take_its_time() -> None:
    async with listening(connection_limits=SHORT) as (server, phone):
        phone.hold = asyncio.Event()
        peer = await Peer.connect(server.port)
        asking = asyncio.create_task(peer.ask(webhook(phone.carrier, b"one")))
        silent = await Peer.connect(server.port)
        await silent.closed()
        await asyncio.sleep(0.5)
        phone.hold.set()
        assert (await asking)[0] == 200
        for each in (peer, silent):
            await each.close()


async def test_too_many_connections_drop_the_oldest_and_let_the_newest_in() -> None:
    limits = ConnectionLimits(connections=20)
    async with listening(connection_limits=limits) as (server, phone):
        peers = [await Peer.connect(server.port) for _ in range(100)]
        await asyncio.gather(*(peer.closed() for peer in peers[:80]))
        await until(lambda: server.connections == 20)
        assert await ask(server.port, webhook(phone.carrier, b"genuine")) == 200
        for peer in peers:
            await peer.close()
        await until(lambda: server.connections == 0)


async def test_a_live_media_socket_has_no_deadline_and_takes_no_place() -> None:
    limits = ConnectionLimits(header_s=0.2, request_s=0.2, keepalive_s=0.2, connections=5)
    async with listening(Phone(), connection_limits=limits) as (server, phone):
        caller = await stream(server, phone, "live")
        await until(lambda: "live" in phone.sockets)
        peers = [await Peer.connect(server.port) for _ in range(50)]
        await asyncio.gather(*(peer.closed() for peer in peers))
        await caller.send_text('{"event": "media", "payload": "AAAA"}')
        assert await caller.receive_text() is not None
        for peer in (*peers, caller):
            await peer.close()
        await until(lambda: server.connections == 0)
