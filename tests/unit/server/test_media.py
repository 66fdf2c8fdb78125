"""Media sockets: one good ticket opens one socket of one call; odd messages get nowhere."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest

from desktop_voice.core.calls import CarrierName
from desktop_voice.server.media import MediaLimits
from desktop_voice.telephony.tickets import Tickets
from tests.helpers.public_phone import (
    HOST,
    SIGNATURE,
    Peer,
    Phone,
    ask,
    frame,
    handshake,
    listening,
    start_message,
    stream,
    until,
)
from tests.helpers.virtual_clock import VirtualClock

TELNYX = CarrierName.TELNYX


async def test_sound_flows_both_ways_and_marks_and_clears_are_sent() -> None:
    async with listening() as (server, phone):
        caller = await stream(server, phone, "one")
        for number in range(50):
            payload = bytes([number]) * 160
            await caller.send_text(frame(payload, streamSid="MZ-one"))
            assert json.loads(await caller.receive_text() or "") == {
                "event": "media",
                "payload": base64.b64encode(payload).decode(),
            }
        await phone.sockets["one"].send_mark("m1")
        await phone.sockets["one"].send_clear()
        assert json.loads(await caller.receive_text() or "") == {"event": "mark", "name": "m1"}
        assert json.loads(await caller.receive_text() or "") == {"event": "clear"}
        assert phone.heard["one"] == [bytes([number]) * 160 for number in range(50)]
        await caller.close()
        await until(lambda: phone.over == ["one"])
        assert server.media.open == server.media.pending == 0
        with pytest.raises(ConnectionError):
            await phone.sockets["one"].send_audio(b"x")
        assert await phone.sockets["one"].receive() is None


async def test_ten_thousand_bad_handshakes_let_nobody_in() -> None:
    phone = Phone(VirtualClock())
    clock = phone.clock
    assert isinstance(clock, VirtualClock)
    foreign = Tickets(clock)
    other = Phone().carrier
    async with listening(phone) as (server, _):
        used = phone.tickets.issue("used", TELNYX)
        caller = await Peer.connect(server.port)
        assert (await caller.ask(handshake(phone.carrier, used)))[0] == 101
        await caller.send_text(start_message("used"))
        expired = phone.tickets.issue("expired", TELNYX)
        clock.advance(121)

        def bad(number: int) -> bytes:
            match number % 10:
                case 0:
                    return handshake(phone.carrier, "")
                case 1:
                    return handshake(phone.carrier, f"wrong{number:040}")
                case 2:
                    return handshake(phone.carrier, used)
                case 3:
                    return handshake(phone.carrier, expired)
                case 4:
                    return handshake(phone.carrier, foreign.issue("used", TELNYX))
                case 5:
                    return handshake(None, phone.tickets.issue(str(number), TELNYX))
                case 6:
                    return handshake(other, phone.tickets.issue(str(number), TELNYX))
                case 7:
                    return handshake(phone.carrier, phone.tickets.issue("ended", TELNYX))
                case 8:
                    ticket = phone.tickets.issue(str(number), CarrierName.PLIVO)
                    return handshake(phone.carrier, ticket)
                case _:
                    ticket = phone.tickets.issue("used", TELNYX)
                    return handshake(phone.carrier, ticket)

        async def knock(numbers: range) -> list[int]:
            peer = await Peer.connect(server.port)
            answers = [(await peer.ask(bad(number)))[0] for number in numbers]
            await peer.close()
            return answers

        asked = [range(start, 10_000, 8) for start in range(8)]
        answers = [each for some in await asyncio.gather(*map(knock, asked)) for each in some]
        assert len(answers) == 10_000
        assert set(answers) == {404}
        assert list(phone.heard) == ["used"]
        await caller.send_text(frame(b"first lives on"))
        assert await caller.receive_text() is not None
        await until(lambda: server.connections == server.media.open == 1)
        await caller.close()


@pytest.mark.parametrize(
    "headers",
    [
        {"Upgrade": ""},
        {"Upgrade": "h2c"},
        {"Connection": "keep-alive"},
        {"Sec-WebSocket-Version": "8"},
        {"Sec-WebSocket-Key": ""},
        {"Sec-WebSocket-Key": "c2hvcnQ="},
        {"Sec-WebSocket-Key": "ä"},
        {"Origin": f"https://{HOST}"},
        {"Host": "127.0.0.1"},
    ],
    ids=str,
)
async def test_a_bad_handshake_does_not_spend_the_ticket(headers: dict[str, str]) -> None:
    async with listening() as (server, phone):
        ticket = phone.tickets.issue("one", TELNYX)
        request = handshake(phone.carrier, ticket, headers)
        assert await ask(server.port, request) in (403, 404, 421)
        assert await ask(server.port, handshake(phone.carrier, ticket)) == 101


async def test_a_ticket_with_the_wrong_upgrade_signature_is_spent() -> None:
    async with listening() as (server, phone):
        ticket = phone.tickets.issue("one", TELNYX)
        http_signed = phone.carrier.sign(f"https://{HOST}/call/stream/{ticket}")
        bad = handshake(None, ticket, {SIGNATURE: http_signed})
        assert await ask(server.port, bad) == 404
        assert await ask(server.port, handshake(phone.carrier, ticket)) == 404


async def test_a_second_socket_of_a_call_is_refused_until_the_first_is_over() -> None:
    async with listening() as (server, phone):
        first = await stream(server, phone, "one")
        await until(lambda: "one" in phone.sockets)
        ticket = phone.tickets.issue("one", TELNYX)
        assert await ask(server.port, handshake(phone.carrier, ticket)) == 404
        await first.send_text(frame(b"x"))
        assert await first.receive_text() is not None
        await phone.sockets["one"].close()
        second = await stream(server, phone, "one")
        await second.send_text(frame(b"y"))
        assert await second.receive_text() is not None
        for peer in (first, second):
            await peer.close()


@pytest.mark.parametrize(
    "message",
    [
        start_message("another"),
        start_message("one", account="AC-other"),
        start_message("one", encoding="Opus"),
        start_message("one", ticket="another"),
        start_message("one", streamSid=""),
        frame(b"x"),
        "[]",
        "nonsense",
        '{"event": "start"}',
        '{"event": "connected", "a": NaN}',
        "x" * 70_000,
        "[" * 60_000,
    ],
    ids=range(12),
)
async def test_a_stream_that_is_not_the_expected_one_is_ended(message: str) -> None:
    async with listening() as (server, phone):
        ticket = phone.tickets.issue("one", TELNYX)
        peer = await Peer.connect(server.port)
        assert (await peer.ask(handshake(phone.carrier, ticket)))[0] == 101
        await peer.send_text(message)
        await peer.closed()
        await peer.close()
        assert phone.sockets == {}
        await until(lambda: server.media.open == 0)


async def test_a_binary_message_ends_the_stream() -> None:
    async with listening() as (server, phone):
        caller = await stream(server, phone, "one")
        await caller.send_text(b"\x00" * 160, opcode=2)
        await caller.closed()
        await caller.close()
        await until(lambda: phone.over == ["one"])


async def test_messages_that_make_no_sense_are_passed_over_and_many_end_the_stream() -> None:
    bad = [
        frame(b"x", streamSid="MZ-other"),
        frame(b"x" * 9000),
        '{"event": "media", "payload": "****"}',
        '{"event": "media"}',
        '{"event": "unknown"}',
        "{",
        '{"event": "media", "payload": "AAAA", "payload": "BBBB"}',
        '{"event": "media", "payload": "AAAA", "x": 1' + "0" * 5000 + "}",
    ]
    async with listening() as (server, phone):
        caller = await stream(server, phone, "one")
        for message in bad:
            await caller.send_text(message)
        await caller.send_text('{"event": "note"}')
        await caller.send_text(frame(b"good"))
        assert "Z29vZA" in (await caller.receive_text() or "")
        assert phone.heard["one"] == [b"good"]
        for _ in range(20):
            await caller.send_text("{")
        await caller.closed()
        await caller.close()
        await until(lambda: phone.over == ["one"])


async def test_sockets_that_stay_silent_are_few_and_soon_gone() -> None:
    limits = MediaLimits(start_s=1.0)
    async with listening(media_limits=limits) as (server, phone):
        live = await stream(server, phone, "live")
        await until(lambda: "live" in phone.sockets)
        most = 0
        idle = []
        for number in range(2000):
            ticket = phone.tickets.issue(f"idle{number}", TELNYX)
            peer = await Peer.connect(server.port)
            status, _ = await peer.ask(handshake(phone.carrier, ticket))
            assert status in (101, 503)
            most = max(most, server.media.pending)
            if status == 101:
                idle.append(peer)
            else:
                await peer.close()
        assert most == 32
        await until(lambda: server.media.pending == 0)
        await asyncio.gather(*(peer.closed() for peer in idle))
        await live.send_text(frame(b"x"))
        assert await live.receive_text() is not None
        for peer in (*idle, live):
            await peer.close()


async def test_a_full_house_refuses_without_spending_tickets() -> None:
    async with listening(media_limits=MediaLimits(sockets=2)) as (server, phone):
        callers = [await stream(server, phone, call) for call in "ab"]
        ticket = phone.tickets.issue("c", TELNYX)
        assert await ask(server.port, handshake(phone.carrier, ticket)) == 503
        await callers[0].close()
        await until(lambda: phone.over == ["a"])
        assert await ask(server.port, handshake(phone.carrier, ticket)) == 101
        await callers[1].close()


async def test_the_subprotocol_is_given_to_whoever_asks_for_it() -> None:
    async with listening() as (server, phone):
        for asked, given in (("audio.plivo.com", True), ("", False)):
            ticket = phone.tickets.issue("one", TELNYX)
            peer = await Peer.connect(server.port)
            request = handshake(phone.carrier, ticket, {"Sec-WebSocket-Protocol": asked})
            peer.writer.write(request)
            head = await peer.reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101 ")
            assert (b"sec-websocket-protocol: audio.plivo.com" in head.lower()) is given
            assert b"permessage-deflate" not in head
            await peer.close()
            await until(lambda: server.media.open == 0)


async def test_a_carrier_that_takes_no_data_is_given_up() -> None:
    async with listening() as (server, phone):
        phone.answers = False
        caller = await stream(server, phone, "one")
        await until(lambda: "one" in phone.sockets)
        caller.stop_reading()
        socket = phone.sockets["one"]

        async def flood() -> None:
            for _ in range(10_000):
                await socket.send_audio(b"x" * 8000)

        with pytest.raises(ConnectionError):
            await flood()
        await until(lambda: phone.over == ["one"])
        await socket.close()
        caller.writer.transport.abort()


async def test_closing_does_not_wait_for_a_peer_that_never_answers() -> None:
    async with listening() as (server, phone):
        caller = await stream(server, phone, "one")
        await until(lambda: "one" in phone.sockets)
        began = asyncio.get_running_loop().time()
        await phone.sockets["one"].close()
        await phone.sockets["one"].close()
        assert asyncio.get_running_loop().time() - began < 5.0
        assert await caller.receive_text() is None
        await until(lambda: phone.over == ["one"])
        await caller.close()


async def test_a_stream_whose_call_fails_is_closed_and_harms_no_other() -> None:
    async with listening() as (server, phone):
        good = await stream(server, phone, "good")
        await until(lambda: "good" in phone.sockets)
        phone.failure = RuntimeError("quotes what was said")
        bad = await stream(server, phone, "bad")
        await bad.closed()
        await good.send_text(frame(b"x"))
        assert await good.receive_text() is not None
        for peer in (good, bad):
            await peer.close()


async def test_the_end_of_the_listener_ends_the_streams() -> None:
    async with listening() as (server, phone):
        callers = [await stream(server, phone, call) for call in "abc"]
        await until(lambda: len(phone.sockets) == 3)
        await server.close()
        assert sorted(phone.over) == ["a", "b", "c"]
        for caller in callers:
            assert await caller.receive_text() is None
            await caller.close()
