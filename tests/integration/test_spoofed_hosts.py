"""Spoofed hosts, pages and forwarded headers: nothing reaches a handler that it should not.

Raw requests on real sockets to the real listener, each in all combinations, as webhooks, as media
sockets, and as our own probes of both.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.clock import SystemClock
from desktop_voice.reach import samples
from desktop_voice.reach.probe_office import PROBE_HEADER, ProbeOffice
from desktop_voice.server.public import PublicServer
from tests.helpers.public_phone import (
    BASE,
    DEADLINE_S,
    HOST,
    SIGNATURE,
    WEBHOOK,
    Peer,
    Phone,
    handshake,
    listening,
    until,
)

OURS = [[HOST], [f"{HOST}:443"], [HOST.upper()]]
OTHERS = [
    [],
    [""],
    ["evil.example"],
    [f"{HOST}.evil.example"],
    [f"evil.example.{HOST}"],
    [f"{HOST}."],
    [f"{HOST}:8000"],
    [f"{HOST}:443:443"],
    [f"me@{HOST}"],
    [f"{HOST}@evil.example"],
    [f"me:443@{HOST}:443"],
    [f"{HOST}, evil.example"],
    [f"https://{HOST}"],
    [f"{HOST}/"],
    [f"{HOST}#"],
    ["127.0.0.1"],
    ["127.0.0.1:PORT"],
    ["localhost:PORT"],
    ["0.0.0.0:PORT"],
    ["[::1]:PORT"],
    ["[::ffff:127.0.0.1]"],
    ["2130706433"],
    ["127.0.0.1.nip.io"],
    ["7f000001.c0a80001.rbndr.us"],
    [HOST, HOST],
    [HOST, "evil.example"],
    ["evil.example", HOST],
]
HOSTS = [*OURS, *OTHERS]
CARRIERS_OWN: list[dict[str, str]] = [
    {},
    {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "X-Forwarded-For": "::1"},
    {
        "Forwarded": 'for=127.0.0.1;host="evil.example";proto=http',
        "X-Original-Host": "evil.example",
    },
]
"""What the way adds, or a stranger to a carrier's request; it says nothing to the listener."""
BORROWED: list[dict[str, str]] = [
    {"X-Forwarded-Host": HOST, "X-Forwarded-Proto": "https", "X-Forwarded-Server": HOST},
    {"Forwarded": f"host={HOST};proto=https", "X-Host": HOST, "X-Original-Host": HOST},
    {"X-HTTP-Method-Override": "POST", "X-Original-URL": WEBHOOK, "X-Rewrite-URL": WEBHOOK},
]
PAGES: list[dict[str, str]] = [
    {"Origin": "null"},
    {"Origin": "https://evil.example"},
    {"Origin": BASE},
    {"Origin": ""},
    {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"},
    {"sec-fetch-dest": "websocket", "Origin": BASE},
]
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "post"]

Case = tuple[list[str], dict[str, str], str]
CASES: list[Case] = list(
    itertools.product(HOSTS, [*CARRIERS_OWN, *BORROWED, *PAGES], METHODS),
)


def is_right(case: Case, method: str) -> bool:
    """Whether a carrier's own request would look like this."""
    hosts, more, asked = case
    return hosts in OURS and more not in PAGES and asked == method


def raw(case: Case, target: str, headers: dict[str, str], port: int, body: bytes = b"") -> bytes:
    """Return the request as it stands on the wire."""
    hosts, more, method = case
    lines = [f"{method} {target} HTTP/1.1"]
    lines += [f"Host: {host.replace('PORT', str(port))}" for host in hosts]
    lines += [f"{name}: {value}" for name, value in {**headers, **more}.items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


async def answer(port: int, request: bytes) -> tuple[int, bytes]:
    """Send one request on a connection of its own; return the answer's status and body."""
    peer = await Peer.connect(port)
    try:
        if not request.startswith(b"HEAD "):
            return await peer.ask(request)
        peer.writer.write(request)
        async with asyncio.timeout(DEADLINE_S):
            return int((await peer.reader.readuntil(b"\r\n")).split(b" ")[1]), b""
    finally:
        await peer.close()


@asynccontextmanager
async def world() -> AsyncIterator[tuple[PublicServer, Phone, ProbeOffice]]:
    office = ProbeOffice(SystemClock())
    async with listening(probes=office) as (server, phone):
        yield server, phone, office


REFUSALS = {0, 400, 403, 404, 405, 421}


def test_there_are_more_than_eighty() -> None:
    assert len(CASES) > 80 * 4
    assert {len(hosts) for hosts in HOSTS} == {0, 1, 2}


async def test_no_webhook_but_the_carriers_reaches_the_phone() -> None:
    async with world() as (server, phone, _):
        for number, case in enumerate(CASES):
            body = f"{number}".encode()
            headers = {SIGNATURE: phone.carrier.sign(BASE + WEBHOOK, body)}
            status, _ = await answer(server.port, raw(case, WEBHOOK, headers, server.port, body))
            if is_right(case, "POST"):
                assert status == 200, case
                assert phone.events.pop().key == str(number)
            else:
                assert status in REFUSALS, case
            assert phone.events == [], case


async def test_no_stream_but_the_carriers_is_upgraded() -> None:
    async with world() as (server, phone, _):
        for number, case in enumerate(CASES):
            ticket = phone.tickets.issue(str(number), CarrierName.TELNYX)
            headers = _upgrade_headers(handshake(phone.carrier, ticket))
            request = raw(case, f"/call/stream/{ticket}", headers, server.port)
            status, _ = await answer(server.port, request)
            if is_right(case, "GET"):
                assert status == 101, case
            else:
                assert status in REFUSALS, case
                assert phone.tickets.is_good(ticket), "no handler looked at it"
        assert phone.sockets == {}
        await until(lambda: server.media.open == 0)


async def test_no_probe_but_our_own_is_admitted() -> None:
    async with world() as (server, phone, office):
        for case in CASES:
            nonce = office.new_nonce()
            sample = samples.webhook(CarrierName.TELNYX, nonce)
            value = office.sign(nonce, "POST", BASE + sample.target, sample.body)
            headers = {**sample.headers, PROBE_HEADER: value}
            request = raw(case, sample.target, headers, server.port, sample.body)
            status, body = await answer(server.port, request)
            seen = office.unseal(nonce, body)
            if is_right(case, "POST"):
                assert status == 200, case
                assert seen is not None
                assert seen.admitted
            elif status == 200:
                # A probe to another host is told so, which a page and other methods are not.
                assert case[0] in OTHERS, case
                assert case[1] not in PAGES, case
                assert case[2] == "POST", case
                assert seen is not None
                assert not seen.admitted
                assert not seen.is_our_host
            else:
                assert status in REFUSALS, case
                assert seen is None
            assert phone.events == []


async def test_no_socket_of_a_probe_but_our_own_is_upgraded() -> None:
    async with world() as (server, phone, office):
        for case in CASES:
            ticket = office.new_ticket()
            headers = _upgrade_headers(handshake(None, ticket))
            request = raw(case, f"/call/stream/{ticket}", headers, server.port)
            status, _ = await answer(server.port, request)
            if is_right(case, "GET"):
                assert status == 101, case
                await until(lambda: server.media.open == 0)
            else:
                assert status in REFUSALS, case
                assert office.is_ticket(ticket), "no handler looked at it"
        assert phone.sockets == {}


@pytest.mark.parametrize(
    "target",
    [
        f"http://evil.example{WEBHOOK}",
        f"https://{HOST}{WEBHOOK}",
        f"//{HOST}{WEBHOOK}",
        f"{HOST}:443",
        "*",
        f"/.{WEBHOOK}",
        f"/x/..{WEBHOOK}",
        WEBHOOK.replace("/voice", "%2Fvoice"),
        f"{WEBHOOK}%00",
        f"{WEBHOOK}\\",
        f"{WEBHOOK};x",
    ],
)
async def test_odd_targets_reach_nobody(target: str) -> None:
    async with world() as (server, phone, _):
        headers = {SIGNATURE: phone.carrier.sign(BASE + WEBHOOK, b"x")}
        case: Case = ([HOST], {}, "POST")
        status, _ = await answer(server.port, raw(case, target, headers, server.port, b"x"))
        assert status in REFUSALS
        assert phone.events == []


async def test_old_http_without_a_host_reaches_nobody() -> None:
    async with world() as (server, phone, _):
        signature = phone.carrier.sign(BASE + WEBHOOK, b"x")
        for head in (f"POST {WEBHOOK} HTTP/1.0", f"POST {WEBHOOK}"):
            request = f"{head}\r\n{SIGNATURE}: {signature}\r\nContent-Length: 1\r\n\r\nx".encode()
            assert (await answer(server.port, request))[0] in REFUSALS
        assert phone.events == []


def _upgrade_headers(request: bytes) -> dict[str, str]:
    """Return the headers of a handshake, but its host."""
    lines = request.decode().split("\r\n\r\n")[0].split("\r\n")[1:]
    pairs = [line.split(": ", 1) for line in lines]
    return {name: value for name, value in pairs if name != "Host"}
