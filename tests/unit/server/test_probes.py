"""Probes at the listener: our own are answered, nobody else's are, and no call notices."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import Counter
from collections.abc import Mapping

import pytest

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.clock import SystemClock
from desktop_voice.reach import samples
from desktop_voice.reach.probe_office import PROBE_HEADER, ProbeOffice, Seen
from desktop_voice.reach.samples import Sample
from desktop_voice.server.limits import SHUT_OUT_S
from desktop_voice.server.media import MediaLimits
from desktop_voice.server.probes import ECHO_MESSAGES
from tests.helpers.public_phone import (
    BASE,
    HOST,
    SIGNATURE,
    Peer,
    Phone,
    ask,
    frame,
    handshake,
    http,
    listening,
    stream,
    until,
    webhook,
)
from tests.helpers.virtual_clock import VirtualClock

TELNYX = CarrierName.TELNYX


def new_office() -> ProbeOffice:
    return ProbeOffice(SystemClock())


def request(
    sample: Sample,
    value: str,
    headers: Mapping[str, str] | None = None,
    *,
    target: str = "",
    body: bytes | None = None,
) -> bytes:
    """Return a probe as it stands on the wire, changed on the way where ``target`` etc. say so."""
    return http(
        sample.method,
        target or sample.target,
        {**sample.headers, PROBE_HEADER: value, **(headers or {})},
        sample.body if body is None else body,
    )


def signed(office: ProbeOffice, carrier: CarrierName = TELNYX) -> tuple[str, Sample, str]:
    """Return a new nonce, its sample and the header that signs it."""
    nonce = office.new_nonce()
    sample = samples.webhook(carrier, nonce)
    return nonce, sample, office.sign(nonce, "POST", f"{BASE}{sample.target}", sample.body)


async def seen_of(port: int, office: ProbeOffice, nonce: str, probe: bytes) -> Seen:
    """Send a probe; return what the listener says it saw."""
    peer = await Peer.connect(port)
    status, answer = await peer.ask(probe)
    await peer.close()
    assert status == 200
    seen = office.unseal(nonce, answer)
    assert seen is not None
    assert len(answer) <= (1 if seen.admitted else 2) * len(probe)
    return seen


# --- webhooks ---


@pytest.mark.parametrize("carrier", CarrierName)
async def test_a_probe_is_answered_with_what_arrived_and_goes_no_further(
    carrier: CarrierName,
) -> None:
    office = new_office()
    async with listening(probes=office) as (server, phone):
        nonce, sample, value = signed(office, carrier)
        seen = await seen_of(server.port, office, nonce, request(sample, value))
        assert seen.admitted
        assert (seen.method, seen.path, seen.query) == ("POST", sample.path, sample.query)
        assert seen.host == HOST
        assert seen.is_our_host
        assert {name.lower() for name in sample.headers} <= set(seen.headers)
        assert not seen.tells_clients_apart
        assert phone.events == []
        assert server.refused.total() == 0


async def test_the_listener_says_whether_it_tells_clients_apart() -> None:
    office = new_office()
    async with listening(probes=office) as (server, _):
        server.set_public_base(BASE, via_own_tunnel=True)
        nonce, sample, value = signed(office)
        probe = request(sample, value, {"Cf-Connecting-Ip": "203.0.113.7"})
        seen = await seen_of(server.port, office, nonce, probe)
        assert seen.tells_clients_apart
        assert "203.0.113.7" not in str(seen)


async def test_a_probe_that_was_changed_is_answered_but_not_admitted() -> None:
    office = new_office()
    async with listening(probes=office) as (server, phone):

        async def sent(changed: Mapping[str, object]) -> Seen:
            nonce, sample, value = signed(office)
            target = str(changed.get("target", "")).replace("NONCE", nonce)
            headers = changed.get("headers", {})
            assert isinstance(headers, dict)
            body = changed.get("body")
            assert body is None or isinstance(body, bytes)
            probe = request(sample, value, headers, target=target, body=body)
            seen = await seen_of(server.port, office, nonce, probe)
            assert not seen.admitted
            return seen

        assert (await sent({"body": b"other"})).body != ""
        assert (await sent({"body": b""})).body == ""
        assert (await sent({"target": "/telnyx?call=NONCE"})).path == "/telnyx"
        assert (await sent({"target": "/"})).query == ""
        seen = await sent({"headers": {"Host": "127.0.0.1:8000"}})
        assert (seen.host, seen.is_our_host) == ("127.0.0.1:8000", False)
        seen = await sent({"headers": {PROBE_HEADER: ""}})
        assert PROBE_HEADER.lower() not in seen.headers
        assert phone.events == []
        assert server.refused.total() == 0


async def test_a_probe_with_its_header_twice_is_not_admitted() -> None:
    office = new_office()
    async with listening(probes=office) as (server, _):
        nonce, sample, value = signed(office)
        probe = request(sample, value, {PROBE_HEADER.lower(): value})
        assert not (await seen_of(server.port, office, nonce, probe)).admitted


async def test_a_probe_is_good_once() -> None:
    office = new_office()
    async with listening(probes=office) as (server, phone):
        for change in (None, b"changed"):
            nonce, sample, value = signed(office)
            first = request(sample, value, body=change)
            await seen_of(server.port, office, nonce, first)
            office.new_nonce()
            for again in (first, request(sample, value)):
                assert await ask(server.port, again) == 403
        assert server.refused == Counter({"bad signature": 4})
        assert phone.events == []


async def test_a_probe_of_too_long_ago_is_good_for_nothing() -> None:
    clock = VirtualClock()
    office = ProbeOffice(clock)
    async with listening(probes=office) as (server, _):
        _, sample, value = signed(office)
        clock.advance(31)
        office.new_nonce()
        assert await ask(server.port, request(sample, value)) == 403


async def test_ten_thousand_forged_probes_are_refused_as_any_unsigned_request() -> None:
    office, other = new_office(), new_office()
    async with listening(probes=office) as (server, phone):
        waiting = office.new_nonce()

        def forged(number: int) -> tuple[bytes, int]:
            nonce = secrets.token_urlsafe(32)
            sample = samples.webhook(TELNYX, nonce)
            url = f"{BASE}{sample.target}"
            value = other.sign(nonce, "POST", url, sample.body)
            match number % 10:
                case 0:
                    return request(sample, value), 403
                case 1:
                    return request(sample, f"{waiting[:-1]}.{'0' * 64}"), 403
                case 2:
                    return request(sample, f"{waiting.swapcase()}.{'0' * 64}"), 403
                case 3:
                    return request(sample, f" .{value}"), 403
                case 4:
                    return request(sample, "é" * 40), 403
                case 5:
                    return request(sample, value, target="/anything"), 404
                case 6:
                    return request(sample, value, {"Host": "evil.example"}), 421
                case 7:
                    return http("POST", sample.target, {PROBE_HEADER: value}, b"x"), 403
                case 8:
                    return request(sample, value, {"Origin": f"https://{HOST}"}), 403
                case _:
                    return request(sample, value, {"x-twilio-signature": "x"}), 403

        async def knock(numbers: range) -> list[bool]:
            peer = await Peer.connect(server.port)
            found = []
            for number in numbers:
                probe, status = forged(number)
                answered, body = await peer.ask(probe)
                found.append(answered == status and body == b"")
            await peer.close()
            return found

        asked = [range(start, 10_000, 8) for start in range(8)]
        found = [each for some in await asyncio.gather(*map(knock, asked)) for each in some]
        assert len(found) == 10_000
        assert all(found)
        assert server.refused.total() == 10_000
        assert phone.events == []
        assert office.spend_nonce(waiting), "nobody spent it"


async def test_a_forger_of_probes_is_shut_out() -> None:
    phone = Phone(clock := VirtualClock())
    office, other = new_office(), new_office()
    async with listening(phone, probes=office) as (server, _):
        server.set_public_base(BASE, via_own_tunnel=True)
        office.new_nonce()
        client = {"Cf-Connecting-Ip": "203.0.113.7"}

        def forged() -> bytes:
            _, sample, value = signed(other)
            return request(sample, value, client)

        assert [await ask(server.port, forged()) for _ in range(7)] == [403] * 5 + [404] * 2
        clock.advance(SHUT_OUT_S + 3)
        assert await ask(server.port, forged()) == 403


@pytest.mark.parametrize(
    "page", [{"Origin": f"https://{HOST}"}, {"Origin": "null"}, {"Sec-Fetch-Site": "none"}], ids=str
)
async def test_a_web_page_cannot_probe(page: dict[str, str]) -> None:
    office = new_office()
    async with listening(probes=office) as (server, _):
        nonce, sample, value = signed(office)
        assert await ask(server.port, request(sample, value, page)) == 403
        assert office.spend_nonce(nonce)


async def test_an_answer_is_never_much_longer_than_what_was_asked() -> None:
    office = new_office()
    async with listening(probes=office) as (server, _):
        for text in ("é" * 3000, '"' * 3000, "\\" * 3000):
            nonce, sample, value = signed(office)
            headers = {"telnyx-timestamp": text, SIGNATURE: text, "X-Twilio-Signature": text}
            probe = request(sample, value, headers, target=f"/{'a' * 3000}?{'b' * 3000}")
            seen = await seen_of(server.port, office, nonce, probe)
            assert len(seen.path) + len(seen.query) <= 600
        nonce, sample, value = signed(office)
        assert await ask(server.port, request(sample, value, body=b"x" * 5000)) == 413


async def test_genuine_webhooks_pass_while_a_probe_is_awaited() -> None:
    office = new_office()
    async with listening(probes=office) as (server, phone):
        nonce = office.new_nonce()
        for path in ("/api/voice/webhook/telnyx?call=1", "/call/incoming"):
            assert await ask(server.port, webhook(phone.carrier, b"x", path)) == 200
        assert len(phone.events) == 2
        assert office.spend_nonce(nonce)


async def test_a_listener_without_an_office_knows_no_probes() -> None:
    office = new_office()
    async with listening() as (server, _):
        _, sample, value = signed(office)
        assert await ask(server.port, request(sample, value)) == 403
        assert await ask(server.port, handshake(None, office.new_ticket())) == 404


# --- sound ---


async def greeted(port: int, office: ProbeOffice) -> Peer:
    """Open a probe's socket, up to its greeting."""
    ticket = office.new_ticket()
    peer = await Peer.connect(port)
    assert (await peer.ask(handshake(None, ticket, {"X-Twilio-Signature": "x"})))[0] == 101
    seen = office.unseal(ticket, await peer.receive_text() or "")
    assert seen is not None
    assert seen.admitted
    assert seen.path == f"/call/stream/{ticket}"
    assert seen.headers["x-twilio-signature"] == "x"
    return peer


async def test_sound_is_sent_back_as_it_came() -> None:
    office = new_office()
    async with listening(probes=office) as (server, phone):
        peer = await greeted(server.port, office)
        for number in range(10):
            text = samples.frame(number)
            await peer.send_text(text)
            assert await peer.receive_text() == text
        assert server.media.open == 1
        await peer.close()
        await until(lambda: server.media.open == 0)
        assert phone.heard == {}


async def test_a_ticket_opens_one_socket() -> None:
    office = new_office()
    async with listening(probes=office) as (server, _):
        ticket = office.new_ticket()
        for headers in ({"Host": "127.0.0.1"}, {"Origin": "null"}, {"Upgrade": ""}):
            assert await ask(server.port, handshake(None, ticket, headers)) in (403, 404, 421)
        assert await ask(server.port, handshake(None, ticket)) == 101
        assert await ask(server.port, handshake(None, ticket)) == 404
        assert await ask(server.port, handshake(None, office.new_nonce())) == 404


async def test_only_so_many_messages_are_sent_back() -> None:
    office = new_office()
    async with listening(probes=office) as (server, _):
        peer = await greeted(server.port, office)
        for number in range(ECHO_MESSAGES):
            await peer.send_text(samples.frame(number))
            assert await peer.receive_text() is not None
        await peer.send_text(samples.frame(ECHO_MESSAGES))
        assert await peer.receive_text() is None
        await peer.close()
        await until(lambda: server.connections == 0)


@pytest.mark.parametrize(
    "message",
    [
        "hello",
        "[]",
        '{"event": "start"}',
        json.dumps({"event": "media", "x": "y" * 2048}),
        '{"event": "media", "x": ' + "[" * 1000,
    ],
    ids=["no JSON", "no object", "no sound", "too long", "too deep"],
)
async def test_what_is_no_sound_ends_the_socket(message: str) -> None:
    office = new_office()
    async with listening(probes=office) as (server, _):
        peer = await greeted(server.port, office)
        await peer.send_text(message)
        assert await peer.receive_text() is None
        await peer.close()
        await until(lambda: server.media.open == 0)


async def test_binary_messages_end_the_socket() -> None:
    office = new_office()
    async with listening(probes=office) as (server, _):
        peer = await greeted(server.port, office)
        await peer.send_text(b"\x00" * 160, opcode=2)
        assert await peer.receive_text() is None
        await peer.close()


async def test_a_socket_that_stays_open_is_ended_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("desktop_voice.server.probes.ECHO_S", 0.2)
    office = new_office()
    async with listening(probes=office) as (server, _):
        silent, busy = [await greeted(server.port, office) for _ in range(2)]
        await busy.send_text(samples.frame(0))
        await silent.closed()
        await busy.closed()
        await until(lambda: server.connections == 0)
        for peer in (silent, busy):
            await peer.close()


async def test_probes_give_way_to_calls() -> None:
    office = new_office()
    async with listening(media_limits=MediaLimits(sockets=2), probes=office) as (server, phone):
        first = await stream(server, phone, "first")
        probe = await greeted(server.port, office)
        assert server.media.open == 2
        second = await stream(server, phone, "second")
        await second.send_text(frame(b"x"))
        assert await second.receive_text() is not None
        await probe.close()
        await until(lambda: server.media.open == 2)
        ticket = office.new_ticket()
        assert await ask(server.port, handshake(None, ticket)) == 503
        await first.close()
        await until(lambda: phone.over == ["first"])
        assert await ask(server.port, handshake(None, ticket)) == 101
        await second.close()


async def test_few_probes_are_served_at_once() -> None:
    office = new_office()
    async with listening(probes=office) as (server, _):
        peers = [await greeted(server.port, office) for _ in range(4)]
        ticket = office.new_ticket()
        assert await ask(server.port, handshake(None, ticket)) == 503
        for peer in peers:
            await peer.close()
        await until(lambda: server.media.open == 0)
        assert await ask(server.port, handshake(None, ticket)) == 101


async def test_the_end_of_the_listener_ends_probes() -> None:
    office = new_office()
    async with listening(probes=office) as (server, _):
        peer = await greeted(server.port, office)
        await server.close()
        assert await peer.receive_text() is None
        await peer.close()
