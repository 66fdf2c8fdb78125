"""The public listener: genuine webhooks get through, and nothing else has any effect."""

from __future__ import annotations

import asyncio
import errno
import itertools
import socket
from collections.abc import Mapping

import pytest

from desktop_voice.core.errors import PhoneError
from desktop_voice.core.phone_settings import ServerSettings
from desktop_voice.server.limits import SHUT_OUT_S
from tests.helpers.public_phone import (
    BASE,
    HOST,
    SIGNATURE,
    WEBHOOK,
    Peer,
    Phone,
    ask,
    handshake,
    http,
    listening,
    until,
    webhook,
)
from tests.helpers.virtual_clock import VirtualClock


async def test_a_genuine_webhook_is_acted_on_and_answered() -> None:
    async with listening() as (server, phone):
        peer = await Peer.connect(server.port)
        assert await peer.ask(webhook(phone.carrier, b"one")) == (200, b"<Response/>")
        path = f"{WEBHOOK}?call=123&at=gather&x=%2B1+2&empty="
        assert (await peer.ask(webhook(phone.carrier, b"two", path)))[0] == 200
        await peer.close()
        assert [event.key for event in phone.events] == ["one", "two"]


async def test_all_aliases_lead_to_the_carrier_that_signed() -> None:
    settings = ServerSettings(webhook_path="/hooks/me")
    async with listening(settings=settings) as (server, phone):
        for path in (WEBHOOK, "/call/incoming", "/hooks/me"):
            assert await ask(server.port, webhook(phone.carrier, path.encode(), path)) == 200
        server.apply_settings(ServerSettings())
        assert await ask(server.port, webhook(phone.carrier, b"x", "/hooks/me")) == 404
        assert len(phone.events) == 3


async def test_forged_webhooks_have_no_effect() -> None:
    async with listening() as (server, phone):
        carrier, other = phone.carrier, Phone().carrier
        url = BASE + WEBHOOK
        good = carrier.sign(url, b"body")

        def signed(
            signature: str, body: bytes = b"body", path: str = WEBHOOK, more: Mapping[str, str] = {}
        ) -> bytes:
            return http("POST", path, {SIGNATURE: signature, **more}, body)

        two = http("POST", WEBHOOK, {SIGNATURE: good, SIGNATURE.upper(): good}, b"body")
        requests = {
            "no signature": (http("POST", WEBHOOK, {}, b"body"), 403),
            "empty signature": (signed(" "), 403),
            "another key": (signed(other.sign(url, b"body")), 403),
            "another body": (signed(good, b"bodY"), 403),
            "no body": (signed(good, b""), 403),
            "a query more": (signed(good, path=WEBHOOK + "?a=1"), 403),
            "another path": (signed(good, path="/call/incoming"), 403),
            "two signatures": (two, 403),
            "another carrier's path": (signed(good, path="/api/voice/webhook/twilio"), 403),
            "two carriers": (signed(good, more={"X-Twilio-Signature": "x"}), 403),
            "a carrier not set up": (
                http("POST", "/call/incoming", {"X-Twilio-Signature": "x"}, b"body"),
                404,
            ),
            "signed for this machine": (
                signed(carrier.sign(f"http://127.0.0.1{WEBHOOK}", b"body")),
                403,
            ),
            "forwarded host": (
                signed(
                    carrier.sign(f"https://evil.example{WEBHOOK}", b"body"),
                    more={"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"},
                ),
                403,
            ),
        }
        for name, (request, status) in requests.items():
            assert await ask(server.port, request) == status, name
        assert phone.events == []
        assert server.refused.total() == len(requests)
        assert await ask(server.port, signed(good)) == 200


async def test_no_host_origin_or_method_but_the_carriers_reaches_a_handler() -> None:
    hosts = [
        HOST,
        f"{HOST}:8000",
        "127.0.0.1",
        "localhost",
        "0.0.0.0",  # noqa: S104
        "[::1]",
        f"user@{HOST}",
        f"{HOST}@evil.example",
        f"{HOST}.evil.example",
        "127.0.0.1.nip.io",
    ]
    pages = [
        {},
        {"Origin": f"https://{HOST}"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "same-origin"},
    ]
    methods = ["POST", "GET"]
    async with listening() as (server, phone):
        signature = phone.carrier.sign(BASE + WEBHOOK, b"body")
        answers = {}
        for host, page, method in itertools.product(hosts, pages, methods):
            headers = {"Host": host, SIGNATURE: signature, **page}
            request = http(method, WEBHOOK, headers, b"body")
            answers[host, str(page), method] = await ask(server.port, request)
        assert len(answers) == 80
        assert [key for key, status in answers.items() if status == 200] == [(HOST, "{}", "POST")]
        assert set(answers.values()) == {200, 403, 405, 421}
        assert len(phone.events) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT"])
async def test_only_posts_are_webhooks(method: str) -> None:
    async with listening() as (server, phone):
        signature = phone.carrier.sign(BASE + WEBHOOK)
        assert await ask(server.port, http(method, WEBHOOK, {SIGNATURE: signature})) in (400, 405)
        assert phone.events == []


async def test_unknown_paths_are_refused_before_the_body() -> None:
    async with listening() as (server, _):
        for path in ("/", "/api/voice/status", "/api/voice/calls", "/call/convo/x", "/metrics"):
            request = http("POST", path, {"Content-Length": "60000"})
            assert await ask(server.port, request) == 404


async def test_a_body_that_announces_or_brings_too_much_is_refused() -> None:
    async with listening() as (server, phone):
        headers = {SIGNATURE: phone.carrier.sign(BASE + WEBHOOK, b"x")}
        long = http("POST", WEBHOOK, {**headers, "Content-Length": "65537"})
        assert await ask(server.port, long) == 413
        chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
        chunked = http("POST", WEBHOOK, {**headers, "Transfer-Encoding": "chunked"})
        assert await ask(server.port, chunked + chunk * 5) == 413
        broken = http("POST", WEBHOOK, {**headers, "Transfer-Encoding": "chunked"})
        assert await ask(server.port, broken + b"nonsense\r\n\r\n") == 400
        just = b"x" * 65_536
        assert await ask(server.port, webhook(phone.carrier, just)) == 200


async def test_compressed_bodies_are_not_unfolded() -> None:
    async with listening() as (server, phone):
        headers = {
            SIGNATURE: phone.carrier.sign(BASE + WEBHOOK, b"raw"),
            "Content-Encoding": "gzip",
        }
        assert await ask(server.port, http("POST", WEBHOOK, headers, b"raw")) == 200
        assert phone.events[0].key == "raw"


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"POST " + WEBHOOK.encode() + b" HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
    ],
)
async def test_what_is_no_http_is_answered_shortly_and_not_logged(
    garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening() as (server, phone):
        assert await ask(server.port, garbage) in (0, 400, 404, 421)
        assert phone.events == []
        assert await ask(server.port, webhook(phone.carrier, b"still here")) == 200
    assert caplog.records == []


async def test_a_webhook_that_fails_is_answered_with_a_500_so_that_the_carrier_asks_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with listening() as (server, phone):
        phone.failure = RuntimeError("quotes what was said")
        assert await ask(server.port, webhook(phone.carrier, b"one")) == 500
        phone.failure = None
        assert await ask(server.port, webhook(phone.carrier, b"one")) == 200
        assert await ask(server.port, webhook(phone.carrier, b"nonsense")) == 400


async def test_a_carrier_that_gives_up_waiting_does_not_undo_the_work() -> None:
    async with listening() as (server, phone):
        phone.hold = asyncio.Event()
        peer = await Peer.connect(server.port)
        peer.writer.write(webhook(phone.carrier, b"one"))
        await until(lambda: len(server._working) == 1)
        peer.writer.transport.abort()
        assert await ask(server.port, http("GET", "/", {})) == 404
        phone.hold.set()
        await until(lambda: len(phone.events) == 1)


async def test_a_webhook_that_takes_too_long_is_answered_and_done_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("desktop_voice.server.public._HANDLER_S", 0.05)
    async with listening() as (server, phone):
        phone.hold = asyncio.Event()
        assert await ask(server.port, webhook(phone.carrier, b"one")) == 500
        phone.hold.set()
        await until(lambda: len(phone.events) == 1)


async def test_while_the_address_moves_both_are_good_each_with_its_own_signature() -> None:
    phone = Phone(clock := VirtualClock())
    async with listening(phone) as (server, _):
        server.set_public_base("https://new.example")
        url = f"https://new.example{WEBHOOK}"

        def request(host: str, signed_url: str) -> bytes:
            signature = phone.carrier.sign(signed_url, b"body")
            return http("POST", WEBHOOK, {"Host": host, SIGNATURE: signature}, b"body")

        assert await ask(server.port, request("new.example", url)) == 200
        assert await ask(server.port, request(HOST, BASE + WEBHOOK)) == 200
        assert await ask(server.port, request(HOST, url)) == 403
        clock.advance(301)
        assert await ask(server.port, request(HOST, BASE + WEBHOOK)) == 421
        assert await ask(server.port, request("new.example", url)) == 200


async def test_a_forger_is_shut_out_and_the_carrier_beside_it_is_not() -> None:
    phone = Phone(clock := VirtualClock())
    async with listening(phone) as (server, _):
        server.set_public_base(BASE, via_own_tunnel=True)

        def request(client: str, key: str, good: bool = True) -> bytes:
            signer = phone.carrier if good else Phone().carrier
            signature = signer.sign(BASE + WEBHOOK, key.encode())
            headers = {SIGNATURE: signature, "Cf-Connecting-Ip": client}
            return http("POST", WEBHOOK, headers, key.encode())

        forged = [await ask(server.port, request("203.0.113.7", "x", False)) for _ in range(7)]
        assert forged == [403] * 5 + [404] * 2
        assert await ask(server.port, request("203.0.113.7", "late")) == 404
        assert await ask(server.port, request("198.51.100.1", "genuine")) == 200
        clock.advance(SHUT_OUT_S + 3)
        assert await ask(server.port, request("203.0.113.7", "forgiven")) == 200
        assert [event.key for event in phone.events] == ["genuine", "forgiven"]


async def test_garbage_never_throttles_genuine_webhooks_that_share_its_address() -> None:
    async with listening() as (server, phone):
        forged = http("POST", WEBHOOK, {SIGNATURE: "AAAA"}, b"x")
        peer = await Peer.connect(server.port)
        for number in range(300):
            assert (await peer.ask(forged))[0] == 403
            assert (await peer.ask(http("GET", "/", {})))[0] == 404
            genuine = webhook(phone.carrier, str(number).encode() * 100)
            assert (await peer.ask(genuine))[0] == 200
        assert len(phone.events) == 300
        assert await ask(server.port, webhook(phone.carrier, b"x" * 60_000)) == 413
        await peer.close()


async def test_genuine_webhooks_of_many_calls_are_never_throttled() -> None:
    async with listening() as (server, phone):
        server.set_public_base(BASE, via_own_tunnel=True)

        async def call(number: int) -> None:
            peer = await Peer.connect(server.port)
            for each in range(50):
                body = f"{number}-{each}".encode()
                signature = phone.carrier.sign(BASE + WEBHOOK, body)
                headers = {SIGNATURE: signature, "Cf-Connecting-Ip": "198.51.100.1"}
                assert (await peer.ask(http("POST", WEBHOOK, headers, body)))[0] == 200
            await peer.close()

        await asyncio.gather(*(call(number) for number in range(10)))
        assert len(phone.events) == 500


async def test_nothing_is_answered_for_before_there_is_a_public_address() -> None:
    async with listening() as (server, phone):
        server._bases.current = ""
        assert await ask(server.port, webhook(phone.carrier, b"x")) == 421
        assert await ask(server.port, handshake(phone.carrier, "x" * 43)) == 421


async def test_a_busy_port_gives_way_to_the_next_free_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with listening() as (server, _):
            await server.close()
            assert await server.start(port) in range(port + 1, port + 20)


async def test_an_address_that_is_not_ours_is_an_error_with_words() -> None:
    async with listening() as (server, _):
        await server.close()
        server.apply_settings(ServerSettings(bind="203.0.113.1"))
        with pytest.raises(PhoneError) as caught:
            await server.start(0)
        assert caught.value.code == "SERVER-01"
        assert isinstance(caught.value.__cause__, OSError)
        assert caught.value.__cause__.errno == errno.EADDRNOTAVAIL


async def test_closing_ends_every_connection_and_frees_the_port() -> None:
    async with listening() as (server, phone):
        port = server.port
        idle = await Peer.connect(port)
        kept = await Peer.connect(port)
        await kept.ask(webhook(phone.carrier, b"x"))
        await server.close()
        await idle.closed()
        await kept.closed()
        with pytest.raises(ConnectionRefusedError):
            await Peer.connect(port)
        for peer in (idle, kept):
            await peer.close()
