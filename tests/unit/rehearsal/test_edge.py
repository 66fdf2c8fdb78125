"""The edge: what a visitor sends reaches the app as through Cloudflare, or fails as there."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.unit.rehearsal.edge_lab import WAIT_S, EdgeLab, StandIn
from tests.unit.rehearsal.fake_app import FakeApp, Received

FRAME_S = 0.02
FRAMES = 500


async def echo(sock: web.WebSocketResponse, _request: web.Request) -> None:
    async for message in sock:
        await sock.send_str(str(message.data))


async def test_an_app_sees_what_it_would_see_behind_cloudflare(lab: EdgeLab, app: FakeApp) -> None:
    host = (await lab.connected(app.origin)).host
    app.on("/hook", "<Response/>")
    sent = {
        "X-Twilio-Signature": "c2ln",
        "CF-Connecting-IP": "203.0.113.9",
        "CF-Ray": "mine",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-For": "203.0.113.9",
        "Accept-Encoding": "identity",
        "Connection": "close, X-Private",
        "X-Private": "between the two of us",
        "TE": "trailers",
    }
    url = f"https://{host}/hook?a=1"
    async with lab.visitor.post(url, data={"Body": "a b"}, headers=sent) as response:
        assert (response.status, await response.text()) == (200, "<Response/>")
        assert response.headers["Server"] == "cloudflare"
        ray = response.headers["CF-RAY"]
    (received,) = app.received
    assert (received.url, received.body) == (url, b"Body=a+b")
    headers = {name.lower(): value for name, value in received.headers.items()}
    assert headers["cf-ray"] == ray != "mine"
    assert headers["cf-connecting-ip"] == "198.51.100.1"
    assert headers["x-forwarded-for"] == "203.0.113.9,198.51.100.1"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["cf-visitor"] == '{"scheme":"https"}'
    assert headers["cdn-loop"].startswith("cloudflare")
    assert headers["accept-encoding"] == "br, gzip"
    assert headers["x-twilio-signature"] == "c2ln"
    assert headers["cf-ipcountry"] == "US"
    assert headers.keys().isdisjoint({"connection", "x-private", "te"})


async def test_sound_arrives_whole_and_in_order_both_ways(lab: EdgeLab, app: FakeApp) -> None:
    host = (await lab.connected(app.origin)).host
    app.on_socket("/media", echo)
    came: list[str] = []
    sent = [f"{number}:{'x' * 200}" for number in range(FRAMES)]

    async def listen(sock: aiohttp.ClientWebSocketResponse) -> None:
        async for message in sock:
            came.append(str(message.data))
            if len(came) == FRAMES:
                return

    async with lab.visitor.ws_connect(f"wss://{host}/media?x=a%20b") as sock:
        listening = asyncio.create_task(listen(sock))
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        for number, frame in enumerate(sent):
            await asyncio.sleep(start_s + number * FRAME_S - loop.time())
            await sock.send_str(frame)
        async with asyncio.timeout(WAIT_S):
            await listening
    assert came == sent
    upgrade = app.upgrades[0]
    assert upgrade.raw_path == "/media?x=a%20b"
    assert upgrade.headers["Host"] == host
    assert upgrade.headers["Cf-Connecting-Ip"] == "198.51.100.1"


async def test_nothing_is_held_back_on_the_way(lab: EdgeLab, app: FakeApp) -> None:
    """Each side waits for the other's piece before it goes on: a buffer would stop both."""
    arrived = asyncio.Event()
    first = asyncio.Event()

    async def talk(request: web.Request) -> web.StreamResponse:
        assert await request.content.readany() == b"one"
        arrived.set()
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first")
        await first.wait()
        await response.write(b"second")
        return response

    async def body() -> AsyncIterator[bytes]:
        yield b"one"
        await arrived.wait()
        yield b"two"

    runner = web.AppRunner(web.Application())
    runner.app.router.add_post("/talk", talk)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    stand_in = await lab.connected(f"http://127.0.0.1:{runner.addresses[0][1]}")
    url = f"https://{stand_in.host}/talk"
    async with asyncio.timeout(WAIT_S), lab.visitor.post(url, data=body()) as response:
        assert await response.content.readexactly(5) == b"first"
        first.set()
        assert await response.content.read() == b"second"
    await runner.cleanup()


async def test_bodies_of_any_shape_pass(lab: EdgeLab, app: FakeApp) -> None:
    host = (await lab.connected(app.origin)).host
    large = bytes(range(256)) * 4096

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 100_000):
            yield large[start : start + 100_000]

    app.on("/same", lambda received: web.Response(body=received.body))
    app.on("/none", lambda _: web.Response(status=204))
    app.on("/gone", lambda _: web.Response(status=410, text="gone"))
    base = f"https://{host}"
    for data in (b"", b"x", large, pieces()):
        async with lab.visitor.put(f"{base}/same", data=data) as response:
            assert await response.read() == (data if isinstance(data, bytes) else large)
    assert await lab.status(host, "/none") == 204
    async with lab.visitor.head(f"{base}/gone") as response:
        assert (response.status, response.headers["Content-Length"]) == (410, "4")
    async with lab.visitor.post(f"{base}/same", data=b"wait", expect100=True) as response:
        assert await response.read() == b"wait"
    assert await lab.status(host, "/gone") == 410
    # All of that on as few connections as the visitor wanted to have.
    assert "Connection" not in app.received[0].headers


async def test_a_name_that_nobody_holds_is_error_1033(lab: EdgeLab) -> None:
    for method in ("GET", "POST"):
        async with lab.visitor.request(
            method, "https://no-such.trycloudflare.com/", data=b"x"
        ) as r:
            assert (r.status, "1033" in await r.text()) == (530, True)


async def test_an_app_that_is_gone_is_error_502(lab: EdgeLab, app: FakeApp) -> None:
    gone = (await lab.connected("http://127.0.0.1:9")).host
    assert await lab.status(gone) == 502

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await lab.status((await lab.connected(f"http://127.0.0.1:{port}")).host) == 502
    server.close()
    await server.wait_closed()


async def test_two_tunnels_lead_to_their_own_apps(lab: EdgeLab, app: FakeApp) -> None:
    async with FakeApp() as other:
        one, two = await lab.connected(app.origin), await lab.connected(other.origin)
        app.on("/", "one")
        other.on("/", "two")
        for host, text in ((one.host, "one"), (two.host, "two")):
            async with lab.visitor.get(f"https://{host}/") as response:
                assert await response.text() == text
        assert {tunnel["host"] for tunnel in lab.tunnels()} == {one.host, two.host}


@pytest.mark.skipif(sys.platform == "win32", reason="there are no unix sockets in asyncio")
async def test_an_origin_may_be_a_unix_socket(lab: EdgeLab, tmp_path: Path) -> None:
    application = web.Application()
    application.router.add_get("/", _by_socket)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "app.sock")).start()
    stand_in = await lab.connected(f"unix:{tmp_path}/app.sock")
    async with lab.visitor.get(f"https://{stand_in.host}/") as response:
        assert await response.text() == "by socket"
    await runner.cleanup()


async def _by_socket(_request: web.Request) -> web.Response:
    return web.Response(text="by socket")


async def _open_socket(lab: EdgeLab, app: FakeApp, host: str) -> aiohttp.ClientWebSocketResponse:
    app.on_socket("/media", echo)
    sock = await lab.visitor.ws_connect(f"wss://{host}/media")
    await sock.send_str("hello")
    assert await sock.receive_str() == "hello"
    return sock


async def _lost(sock: aiohttp.ClientWebSocketResponse) -> bool:
    """Whether the socket ends without a goodbye."""
    async with asyncio.timeout(WAIT_S):
        message = await sock.receive()
    return message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR) and (
        sock.close_code in (None, aiohttp.WSCloseCode.ABNORMAL_CLOSURE)
    )


async def test_a_killed_tunnel_is_dead_at_once(lab: EdgeLab, app: FakeApp) -> None:
    stand_in = await lab.connected(app.origin)
    host = stand_in.host
    sock = await _open_socket(lab, app, host)
    stand_in.process.kill()
    assert await _lost(sock)
    assert await lab.status(host) == 530
    assert lab.tunnels() == []
    assert await stand_in.ended() != 0


async def _begin(lab: EdgeLab, app: FakeApp, host: str) -> tuple[asyncio.Event, asyncio.Task[int]]:
    """Begin a request that lasts until the event."""
    begun, over = asyncio.Event(), asyncio.Event()

    async def slow(_received: Received) -> str:
        begun.set()
        await over.wait()
        return "done"

    app.on("/slow", slow)
    request = asyncio.create_task(lab.status(host, "/slow"))
    async with asyncio.timeout(WAIT_S):
        await begun.wait()
    return over, request


async def _wait_until_leaving(lab: EdgeLab, stand_in: StandIn) -> None:
    await stand_in.logged("graceful shutdown")
    async with asyncio.timeout(WAIT_S):
        while not all(tunnel["leaving"] for tunnel in lab.tunnels()):
            await stand_in.ready()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM ends at once there")
async def test_a_graceful_stop_finishes_what_it_has_begun(lab: EdgeLab, app: FakeApp) -> None:
    stand_in = await lab.connected(app.origin, "--grace-period", "1m")
    host = stand_in.host
    over, request = await _begin(lab, app, host)
    assert await stand_in.ready() == 200
    stand_in.process.terminate()
    await _wait_until_leaving(lab, stand_in)
    assert await stand_in.ready() == 503
    assert await lab.status(host) == 530
    over.set()
    assert await request == 200
    assert await stand_in.ended() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM ends at once there")
@pytest.mark.parametrize("how", ["impatience", "grace"])
async def test_grace_has_an_end(lab: EdgeLab, app: FakeApp, how: str) -> None:
    grace = "1m" if how == "impatience" else "200ms"
    stand_in = await lab.connected(app.origin, "--grace-period", grace)
    sock = await _open_socket(lab, app, stand_in.host)
    stand_in.process.send_signal(signal.SIGINT)
    if how == "impatience":
        await _wait_until_leaving(lab, stand_in)
        stand_in.process.send_signal(signal.SIGINT)
    assert await stand_in.ended() == 0
    assert await _lost(sock)


async def test_dropped_sockets_leave_the_tunnel_open(lab: EdgeLab, app: FakeApp) -> None:
    stand_in = await lab.connected(app.origin)
    sock = await _open_socket(lab, app, stand_in.host)
    lab.fault("drop_sockets", host="another.example.com")
    await sock.send_str("still there")
    assert await sock.receive_str() == "still there"
    lab.fault("drop_sockets")
    assert await _lost(sock)
    assert await lab.status(stand_in.host) == 404
    assert await stand_in.ready() == 200


async def test_a_disconnected_tunnel_comes_back_under_its_name(lab: EdgeLab, app: FakeApp) -> None:
    stand_in = await lab.connected(app.origin)
    host = stand_in.host
    sock = await _open_socket(lab, app, host)
    stand_in.log.clear()
    lab.fault("disconnect", host=host, after_ms=300)
    assert await lab.status(host) == 530
    assert await _lost(sock)
    await stand_in.logged("Connection terminated")
    await stand_in.logged("Registered tunnel connection")
    assert await stand_in.ready() == 200
    assert await lab.status(host) == 404
    lab.fault("disconnect")
    assert await lab.status(host) == 530
    async with asyncio.timeout(WAIT_S):
        while await stand_in.ready() != 503:
            pass


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("certificate_expired", "certificate has expired"),
        ("certificate_wrong_name", "Hostname mismatch"),
        ("certificate_untrusted", "self-signed certificate"),
    ],
)
async def test_a_strict_client_sees_through_a_bad_certificate(
    lab: EdgeLab, app: FakeApp, kind: str, why: str
) -> None:
    host = (await lab.connected(app.origin)).host
    lab.fault(kind, host=host, count=1)
    with pytest.raises(aiohttp.ClientConnectorCertificateError, match=why):
        await lab.status(host)
    assert await lab.status(host) == 404


def _handshake(port: int, name: str | None, authority: str | None) -> str:
    context = ssl.create_default_context(cafile=authority)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.check_hostname = name is not None
    with (
        socket.create_connection(("127.0.0.1", port), WAIT_S) as raw,
        context.wrap_socket(raw, server_hostname=name) as secured,
    ):
        return str(secured.version())


async def test_certificates_are_below_the_runs_own_authority_alone(lab: EdgeLab) -> None:
    port, authority = lab.data["edge"]["port"], lab.data["edge"]["authority"]
    assert await asyncio.to_thread(_handshake, port, "a.example.com", authority) == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.to_thread(_handshake, port, "a.example.com", None)
    with pytest.raises(ssl.SSLError):
        await asyncio.to_thread(_handshake, port, None, authority)


async def test_a_name_that_does_not_resolve_is_told_to_those_who_resolve(
    lab: EdgeLab, app: FakeApp
) -> None:
    host = (await lab.connected(app.origin)).host
    assert lab.unresolved == ""
    lab.fault("unresolved", host=host)
    assert lab.unresolved == f"{host}\n"
    with pytest.raises(aiohttp.ClientConnectionError):
        await lab.status(host)
    assert await lab.status("other.example.com") == 530
    lab.world.forget_faults()
    assert lab.unresolved == ""
    assert await lab.status(host) == 404


async def test_a_socket_may_be_refused_where_requests_pass(lab: EdgeLab, app: FakeApp) -> None:
    host = (await lab.connected(app.origin)).host
    app.on_socket("/media", echo)
    lab.fault("media_refused")
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await lab.visitor.ws_connect(f"wss://{host}/media")
    assert refused.value.status == 400
    assert await lab.status(host) == 404
    assert app.upgrades == []


async def test_a_slow_edge_delays_and_loses_nothing(lab: EdgeLab, app: FakeApp) -> None:
    host = (await lab.connected(app.origin)).host
    lab.fault("slow", after_ms=150)
    loop = asyncio.get_running_loop()
    start_s = loop.time()
    assert await lab.status(host) == 404
    assert loop.time() - start_s >= 0.15
    sock = await _open_socket(lab, app, host)
    start_s = loop.time()
    for number in range(20):
        await sock.send_str(str(number))
    assert [await sock.receive_str() for _ in range(20)] == [str(n) for n in range(20)]
    # Both ways once, and not once for each message.
    assert 0.3 <= loop.time() - start_s < 6.0
    await sock.close()
    assert sock.close_code == aiohttp.WSCloseCode.OK


SIGNED = {"X-Twilio-Signature": "c2ln", "X-Plivo-Signature-V3-Nonce": "1", "X-Other": "o"}


async def _meddled(lab: EdgeLab, app: FakeApp, kind: str) -> Received:
    host = (await lab.connected(app.origin)).host
    lab.fault(kind, host=host, count=1)
    url = f"https://{host}/call/hook?a=1"
    async with lab.visitor.post(url, data={"a": "b c"}, headers=SIGNED) as response:
        await response.read()
    async with lab.visitor.post(url, data={"a": "b c"}, headers=SIGNED) as response:
        await response.read()
    meddled, plain = app.received
    assert (plain.url, plain.body) == (url, b"a=b+c")
    assert plain.headers.items() >= SIGNED.items()
    return meddled


async def test_a_proxy_may_rewrite_the_body(lab: EdgeLab, app: FakeApp) -> None:
    meddled = await _meddled(lab, app, "rewrite_body")
    assert meddled.body == b'{"a": "b c"}'
    assert meddled.headers["Content-Type"] == "application/json"


async def test_a_proxy_may_strip_a_prefix(lab: EdgeLab, app: FakeApp) -> None:
    assert (await _meddled(lab, app, "strip_prefix")).url.endswith(".com/hook?a=1")


async def test_a_proxy_may_add_to_the_query(lab: EdgeLab, app: FakeApp) -> None:
    assert (await _meddled(lab, app, "add_query")).url.endswith("/call/hook?a=1&via=proxy")


async def test_a_proxy_may_drop_the_signature(lab: EdgeLab, app: FakeApp) -> None:
    meddled = await _meddled(lab, app, "drop_signature")
    assert meddled.headers["X-Other"] == "o"
    assert not [name for name in meddled.headers if "signature" in name.lower()]


async def _raw(lab: EdgeLab, raw: bytes) -> bytes:
    """Send this over TLS; return everything until the edge hangs up."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1",
        lab.data["edge"]["port"],
        ssl=lab.way.ssl_context(),
        server_hostname="a.example.com",
    )
    writer.write(raw)
    try:
        async with asyncio.timeout(WAIT_S):
            return await reader.read()
    finally:
        writer.transport.abort()


@pytest.mark.parametrize(
    "raw",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\nno header\r\n\r\n",
        b"\x00\xff\xfe\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"a" * 70_000,
    ],
)
async def test_what_is_no_request_is_refused(lab: EdgeLab, raw: bytes) -> None:
    assert (await _raw(lab, raw)).startswith(b"HTTP/1.1 400")
    assert await lab.status("a.example.com") == 530


@pytest.mark.parametrize("last", [b"HTTP/1.0\r\n", b"HTTP/1.1\r\nConnection: close\r\n"])
async def test_who_wants_one_answer_gets_one(lab: EdgeLab, app: FakeApp, last: bytes) -> None:
    host = (await lab.connected(app.origin)).host
    app.on("/", "all")
    request = b"GET / " + last + f"Host: {host}\r\n\r\n".encode()
    answer = await _raw(lab, request * 2)
    assert (answer.count(b"HTTP/1.1 200"), answer.endswith(b"\r\n\r\nall")) == (1, True)
