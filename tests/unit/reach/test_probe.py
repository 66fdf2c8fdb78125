"""The probe of the public address: what arrives is proven, and what does not is told apart."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.clock import SystemClock
from desktop_voice.core.phone_settings import ServerSettings
from desktop_voice.core.reach import Fix, Hop, HopReport, HopState
from desktop_voice.reach.probe import HOPS, ProbeResult, probe
from desktop_voice.reach.probe_office import ProbeOffice
from desktop_voice.server.public import PublicServer
from desktop_voice.tunnel.way import PublicWay
from tests.helpers.public_phone import BASE, HOST, Phone, listening, until
from tests.helpers.tls_front import Authority, Change, Front, answer, fronting, way_to
from tests.helpers.virtual_clock import VirtualClock

TELNYX = CarrierName.TELNYX


@dataclass
class World:
    """A listener behind a front, and the way to it."""

    server: PublicServer
    phone: Phone
    front: Front
    office: ProbeOffice
    way: PublicWay

    async def probe(
        self, carrier: CarrierName = TELNYX, patience_s: float = 0.0, deadline_s: float = 20.0
    ) -> ProbeResult:
        """Probe the public address."""
        result = await probe(
            BASE, carrier, self.office, self.way, patience_s=patience_s, deadline_s=deadline_s
        )
        assert [report.hop for report in result.reports] == list(HOPS)
        assert self.phone.events == []
        return result


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
async def world(authority: Authority) -> AsyncIterator[World]:
    office = ProbeOffice(SystemClock())
    async with (
        listening(probes=office) as (server, phone),
        fronting(server.port, authority.context(HOST)) as front,
    ):
        yield World(server, phone, front, office, way_to(front.port, authority))


def failure(result: ProbeResult, hop: Hop) -> HopReport:
    """Return the report of the hop that failed: those before it work, those after were skipped."""
    reports = {report.hop: report for report in result.reports}
    at = HOPS.index(hop)
    assert all(reports[each].state is HopState.OK for each in HOPS[:at]), result
    assert all(reports[each].state is HopState.SKIPPED for each in HOPS[at + 1 :]), result
    assert reports[hop].state is HopState.FAILED
    assert reports[hop].text
    assert reports[hop].do
    assert reports[hop].took_ms >= 0
    assert not result.is_ok
    return reports[hop]


@pytest.mark.parametrize("carrier", CarrierName)
async def test_what_arrives_is_proven_hop_by_hop(world: World, carrier: CarrierName) -> None:
    result = await world.probe(carrier)
    assert result.is_ok, result
    assert all(report.took_ms > 0 and report.text for report in result.reports)
    assert len(world.front.requests) == 2
    assert not world.office.expects_webhook
    assert world.server.refused.total() == 0
    await until(lambda: world.server.media.open == 0)


async def test_probes_at_the_same_time_do_not_disturb_each_other(world: World) -> None:
    results = await asyncio.gather(*(world.probe(carrier) for carrier in CarrierName))
    assert all(result.is_ok for result in results)


# --- name ---


class _Names(AbstractResolver):
    def __init__(self, way: ScriptedWay) -> None:
        self._way = way

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        self._way.asked.append(host)
        if len(self._way.asked) <= self._way.unknown:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        resolver = PublicWay.resolver(self._way)
        return await resolver.resolve(host, port, socket.AddressFamily(family))

    async def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True)
class ScriptedWay(PublicWay):
    """A way on which a name is not known for the first so many times."""

    unknown: int = 0
    asked: list[str] = field(default_factory=list)

    def resolver(self) -> AbstractResolver:
        """Return the scripted resolver."""
        return _Names(self)


def scripted(world: World, unknown: int) -> ScriptedWay:
    way = ScriptedWay(world.way.edge, world.way.authority, unknown=unknown)
    world.way = way
    return way


async def test_a_name_that_does_not_exist_is_told(world: World) -> None:
    scripted(world, 10**9)
    report = failure(await world.probe(), Hop.DNS)
    assert report.code == "REACH-02"
    assert HOST in report.text
    assert report.fix is Fix.RESTART_TUNNEL


async def test_a_new_name_is_waited_for(world: World) -> None:
    way = scripted(world, 2)
    assert (await world.probe(patience_s=30.0)).is_ok
    assert len(way.asked) >= 3


async def test_a_private_address_has_words_of_its_own(world: World) -> None:
    for base in ("https://192.168.1.20", "https://127.0.0.1:8000", "https://[::1]"):
        result = await probe(base, TELNYX, world.office, PublicWay())
        assert failure(result, Hop.DNS).code == "REACH-03"


@pytest.mark.parametrize("base", ["", "http://x.example", "https://", "nonsense", "https://a@b.c"])
async def test_what_is_no_public_address_is_told(world: World, base: str) -> None:
    result = await probe(base, TELNYX, world.office, world.way)
    assert failure(result, Hop.DNS).code == "REACH-01"


# --- certificate ---


@pytest.mark.parametrize(
    ("host", "from_day", "until_day", "code"),
    [
        (HOST, -3, -1, "REACH-06"),
        (HOST, 1, 3, "REACH-06"),
        ("another.example.com", -1, 1, "REACH-07"),
    ],
)
async def test_a_bad_certificate_is_told_by_its_kind(
    world: World, authority: Authority, host: str, from_day: int, until_day: int, code: str
) -> None:
    context = authority.context(host, from_day=from_day, until_day=until_day)
    async with fronting(world.server.port, context) as front:
        world.way = way_to(front.port, authority)
        report = failure(await world.probe(), Hop.TLS)
        assert report.code == code
        assert front.requests == []


async def test_a_certificate_of_an_unknown_authority_is_told(world: World, tmp_path: Path) -> None:
    world.way = way_to(world.front.port, Authority(tmp_path))
    assert failure(await world.probe(), Hop.TLS).code == "REACH-08"


async def test_a_port_without_tls_is_told(world: World, authority: Authority) -> None:
    world.way = way_to(world.server.port, authority)
    assert failure(await world.probe(), Hop.TLS).code == "REACH-05"


async def test_a_port_that_nobody_listens_at_is_told(world: World, authority: Authority) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        world.way = way_to(bound.getsockname()[1], authority)
        assert failure(await world.probe(), Hop.TLS).code == "REACH-04"


async def test_a_handshake_that_is_cut_or_never_answered_is_told(
    world: World, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("desktop_voice.reach.handshake._HANDSHAKE_S", 0.5)

    async def cut(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    over = asyncio.Event()

    async def wait(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.transport.abort()

    for serve in (cut, wait):
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        world.way = way_to(server.sockets[0].getsockname()[1], authority)
        assert failure(await world.probe(), Hop.TLS).code == "REACH-05"
        server.close()
    over.set()


# --- webhook ---


def _headless(name: bytes) -> Change:
    def change(request: bytes) -> bytes:
        head, gap, body = request.partition(b"\r\n\r\n")
        kept = [line for line in head.split(b"\r\n") if not line.lower().startswith(name)]
        assert len(kept) < head.count(b"\r\n") + 1
        return b"\r\n".join(kept) + gap + body

    return change


def _other(old: bytes, new: bytes) -> Change:
    def change(request: bytes) -> bytes:
        assert old in request
        return request.replace(old, new, 1)

    return change


def _bodiless(request: bytes) -> bytes:
    head = _headless(b"content-length")(request).partition(b"\r\n\r\n")[0]
    return head + b"\r\nContent-Length: 0\r\n\r\n"


CHANGES: list[tuple[str, Change, str]] = [
    ("prefix taken off", _other(b" /api/voice", b" "), "takes /api/voice off the path"),
    ("prefix put before", _other(b" /api", b" /phone/api"), "puts /phone before the path"),
    ("slash added", _other(b"/telnyx?", b"/telnyx/?"), "changes the path"),
    (
        "everything to one path",
        _other(b"/api/voice/webhook/telnyx?", b"/hook?"),
        "changes the path",
    ),
    ("escapes written anew", _other(b"a%2Bb%20c", b"a%2Bb+c"), "changes the query"),
    ("empty value dropped", _other(b"&note=", b""), "changes the query"),
    (
        "host replaced",
        _other(f"Host: {HOST}".encode(), b"Host: localhost:8000"),
        "replaces the Host",
    ),
    (
        "signature dropped",
        _headless(b"telnyx-signature-ed25519"),
        "drops the header telnyx-signature-ed25519",
    ),
    (
        "signature changed",
        _other(b"signature-ed25519: ", b"signature-ed25519: x"),
        "changes the header telnyx-signature-ed25519",
    ),
    ("probe's header dropped", _headless(b"x-desktop-voice-probe"), "drops the header X-Desktop"),
    ("content type changed", _other(b"application/json", b"text/plain"), "changes the header Con"),
    ("body rewritten", _other(b'"probe"', b'"PROBE"'), "rewrites the body"),
    ("body dropped", _bodiless, "drops the body"),
]


@pytest.mark.parametrize(
    ("change", "words"), [each[1:] for each in CHANGES], ids=[e[0] for e in CHANGES]
)
async def test_what_a_proxy_changes_is_named(world: World, change: Change, words: str) -> None:
    world.front.change = change
    report = failure(await world.probe(), Hop.ROUND_TRIP)
    assert report.code == "REACH-12"
    assert words in report.text
    assert world.server.refused.total() == 0


async def test_several_changes_are_all_named(world: World) -> None:
    def change(request: bytes) -> bytes:
        return _bodiless(_headless(b"telnyx-timestamp")(request))

    world.front.change = change
    text = failure(await world.probe(), Hop.ROUND_TRIP).text
    assert "drops the header telnyx-timestamp, drops the body" in text


async def test_what_proxies_may_add_does_not_matter(world: World) -> None:
    more = b"\r\nX-Forwarded-Host: x\r\nX-Forwarded-Proto: http\r\nCf-Ray: 1\r\n\r\n"

    def change(request: bytes) -> bytes:
        request = request.replace(b"application/json", b"application/json; charset=utf-8")
        return request.replace(b"\r\n\r\n", more, 1).replace(HOST.encode(), HOST.upper().encode())

    world.front.change = change
    assert (await world.probe()).is_ok


async def test_a_listener_that_answers_for_another_address_says_so(authority: Authority) -> None:
    phone = Phone(clock := VirtualClock())
    office = ProbeOffice(SystemClock())
    async with (
        listening(phone, probes=office) as (server, _),
        fronting(server.port, authority.context(HOST)) as front,
    ):
        server.set_public_base("https://other.example.com")
        world = World(server, phone, front, office, way_to(front.port, authority))
        assert (await world.probe()).is_ok, "the address before is good for a while"
        clock.advance(301)
        assert failure(await world.probe(), Hop.ROUND_TRIP).code == "REACH-13"


REPLIES: list[tuple[str, bytes, str, Fix]] = [
    ("530", answer("530 x", b"<html>Error 1033"), "REACH-09", Fix.RESTART_TUNNEL),
    ("1033", answer("530 x", b"error code: 1033"), "REACH-09", Fix.RESTART_TUNNEL),
    ("1016", answer("502 x", b"error code: 1016"), "REACH-09", Fix.RESTART_TUNNEL),
    (
        "ngrok is away",
        answer("404 x", b"", "ngrok-error-code: ERR_NGROK_3200"),
        "REACH-09",
        Fix.RESTART_TUNNEL,
    ),
    ("502", answer("502 Bad Gateway"), "REACH-10", Fix.RESTART_TUNNEL),
    ("503", answer("503 x"), "REACH-10", Fix.RESTART_TUNNEL),
    ("404", answer("404 Not Found", b"no such page"), "REACH-11", Fix.RESTART_TUNNEL),
    ("302", answer("302 Found", b"", "Location: http://127.0.0.1/"), "REACH-11", Fix.CHECK_AGAIN),
    ("403", answer("403 Forbidden", b"<html>"), "REACH-11", Fix.CHECK_AGAIN),
    ("a page", answer("200 OK", b"<html>Welcome"), "REACH-11", Fix.RESTART_TUNNEL),
    ("nothing", answer("200 OK"), "REACH-11", Fix.RESTART_TUNNEL),
    ("a forged seal", answer("200 OK", b"0" * 64 + b"\n{}"), "REACH-11", Fix.RESTART_TUNNEL),
    ("too much", answer("200 OK", b"x" * 10**6), "REACH-11", Fix.RESTART_TUNNEL),
    ("gzip", answer("200 OK", b"x", "Content-Encoding: gzip"), "REACH-11", Fix.RESTART_TUNNEL),
    ("no HTTP", b"SSH-2.0-OpenSSH_9.6\r\n", "REACH-14", Fix.RESTART_TUNNEL),
    ("cut", b"", "REACH-14", Fix.RESTART_TUNNEL),
    (
        "cut in the body",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx",
        "REACH-14",
        Fix.RESTART_TUNNEL,
    ),
]


@pytest.mark.parametrize(
    ("reply", "code", "fix"), [e[1:] for e in REPLIES], ids=[e[0] for e in REPLIES]
)
async def test_whoever_else_answers_is_told_by_the_answer(
    world: World, reply: bytes, code: str, fix: Fix
) -> None:
    world.front.reply = reply
    report = failure(await world.probe(), Hop.ROUND_TRIP)
    assert (report.code, report.fix) == (code, fix)
    assert len(world.front.requests) == 1


async def test_each_tunnel_fault_has_words_of_its_own(world: World) -> None:
    texts = set()
    for status in ("200 x", "302 x", "403 x", "404 x", "502 x", "530 x"):
        world.front.reply = answer(status)
        texts.add(failure(await world.probe(), Hop.ROUND_TRIP).text)
    assert len(texts) == 6


async def test_a_stranger_cannot_pass_with_an_answer_of_before(world: World) -> None:
    assert (await world.probe()).is_ok
    world.front.reply = world.front.replies[0]
    assert failure(await world.probe(), Hop.ROUND_TRIP).code == "REACH-11"


async def test_a_stranger_cannot_pass_with_the_answer_of_another_run(world: World) -> None:
    world.office = ProbeOffice(SystemClock())
    assert failure(await world.probe(), Hop.ROUND_TRIP).code == "REACH-11"
    assert world.server.refused.total() == 1


async def test_a_tunnel_that_is_not_connected_yet_is_waited_for(world: World) -> None:
    world.front.reply = answer("530 x", b"error code: 1033")
    probing = asyncio.ensure_future(world.probe(patience_s=30.0))
    await until(lambda: len(world.front.requests) == 2)
    world.front.reply = None
    assert (await probing).is_ok


async def test_a_fault_that_does_not_pass_by_itself_is_told_at_once(world: World) -> None:
    world.front.reply = answer("502 x")
    failure(await world.probe(patience_s=30.0), Hop.ROUND_TRIP)
    assert len(world.front.requests) == 1


# --- sound ---


async def test_sound_goes_the_way_that_the_users_own_path_names(world: World) -> None:
    world.server.apply_settings(ServerSettings(stream_path="/media/in"))
    result = await probe(BASE, TELNYX, world.office, world.way, stream_path="/media/in")
    assert result.is_ok, result
    assert world.front.requests[-1].startswith(b"GET /media/in/")


async def test_sockets_that_are_not_passed_on_are_told(world: World) -> None:
    for status in ("200 OK", "404 x", "426 x", "502 x", "302 x"):
        world.front.socket_reply = answer(status, b"", "Location: https://127.0.0.1/")
        report = failure(await world.probe(), Hop.MEDIA)
        assert report.code == "REACH-15"
        assert status[:3] in report.text
    assert len(world.front.requests) == 10
    world.front.socket_reply = answer("530 x")
    assert failure(await world.probe(), Hop.MEDIA).code == "REACH-09"


async def test_a_stranger_at_the_sockets_is_told(world: World) -> None:
    world.front.on_frames = lambda _number, _frame: b"\x81\x05hello"
    assert failure(await world.probe(), Hop.MEDIA).code == "REACH-11"


async def test_a_handshake_that_loses_its_signature_is_told(world: World) -> None:
    strip = _headless(b"x-twilio-signature")
    world.front.change = lambda request: request if request.startswith(b"POST") else strip(request)
    report = failure(await world.probe(CarrierName.TWILIO), Hop.MEDIA)
    assert "drops the header X-Twilio-Signature" in report.text


async def test_sound_that_is_lost_changed_or_cut_is_told(world: World) -> None:
    def drop_fifth(number: int, frame: bytes) -> bytes:
        return b"" if number == 5 else frame

    def damage_fifth(number: int, frame: bytes) -> bytes:
        return frame[:-40] + bytes(reversed(frame[-40:])) if number == 5 else frame

    def cut_fifth(number: int, frame: bytes) -> bytes:
        return b"\x88\x02\x03\xe8" if number == 5 else frame

    held: list[bytes] = []

    def swap(number: int, frame: bytes) -> bytes:
        if number == 5:
            held.append(frame)
            return b""
        return frame + held.pop() if held else frame

    for fault, words in (
        (drop_fifth, "another order"),
        (damage_fifth, "changed"),
        (swap, "another order"),
        (cut_fifth, "4 of 10 frames"),
    ):
        world.front.on_frames = fault
        report = failure(await world.probe(), Hop.MEDIA)
        assert report.code == "REACH-16"
        assert words in report.text


async def test_sound_that_stops_is_told_within_the_deadline(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("desktop_voice.reach.round_trip._SOUND_S", 0.5)
    world.front.on_frames = lambda number, frame: frame if number < 5 else b""
    assert "4 of 10 frames" in failure(await world.probe(), Hop.MEDIA).text


# --- whatever happens ---


async def test_what_nobody_thought_of_is_a_finding(world: World, tmp_path: Path) -> None:
    world.way = PublicWay(edge=world.way.edge, authority=tmp_path / "missing.pem")
    assert failure(await world.probe(), Hop.TLS).code == "REACH-17"


async def test_a_cancelled_probe_leaves_nothing_outstanding(world: World) -> None:
    world.front.reply = b""
    world.front.hold = asyncio.Event()
    probing = asyncio.ensure_future(world.probe())
    await until(lambda: world.office.expects_webhook)
    probing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await probing
    assert probing.cancelled()
    assert not world.office.expects_webhook
    world.front.hold.set()


async def test_a_webhook_that_is_never_answered_is_given_up(world: World) -> None:
    world.front.reply = b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n"
    world.front.hold = asyncio.Event()
    assert failure(await world.probe(deadline_s=1.0), Hop.ROUND_TRIP).code == "REACH-14"
    assert not world.office.expects_webhook
    world.front.hold.set()
