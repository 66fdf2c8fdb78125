"""The public listener: carriers' webhooks and media sockets, and nothing else."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections import Counter
from collections.abc import Mapping

import structlog
from aiohttp import web

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.clock import Clock
from desktop_voice.core.errors import PhoneError
from desktop_voice.core.phone_settings import ServerSettings
from desktop_voice.reach.probe_office import ProbeOffice
from desktop_voice.server.bodies import read_body
from desktop_voice.server.deadlines import ConnectionLimits, GuardedServer, connection_of
from desktop_voice.server.limits import RateLimits, client_key
from desktop_voice.server.media import MediaDoor, MediaLimits
from desktop_voice.server.probes import PROBE_BODY_BYTES, ProbeDesk
from desktop_voice.server.refusal import Forgery, Refusal
from desktop_voice.server.routes import (
    PublicBases,
    StreamRoute,
    WebhookRoute,
    comes_from_a_page,
    find_route,
    signer,
)
from desktop_voice.telephony.carriers.carrier import (
    WebhookRefusedError,
    WebhookReply,
    WebhookRequest,
)
from desktop_voice.telephony.entry import CarrierWire, PhoneEntry

_log = structlog.get_logger()

BODY_BYTES = 64 * 1024
FLOODED_BODY_BYTES = 8 * 1024
"""Longer than any webhook of a call in progress."""
_BODY_S = 5.0
_HANDLER_S = 12.0
_NEXT_PORTS = 20
_QUEUE = 512
_ACCEPT_AT_ONCE = 16
"""asyncio takes in as many at once as it queues; live calls wait for that, so they are few."""
_REPORT_EVERY_S = 60.0
_SHUTDOWN_S = 2.0


class PublicServer:
    """Listens where the tunnel points at; used on the media loop.

    Nothing has an effect before a carrier's signature, or a ticket of ours, proved good. The
    address that carriers sign is our own public base with the raw path and query of the request,
    never what the request says of its host.
    """

    def __init__(
        self,
        phone: PhoneEntry,
        *,
        settings: ServerSettings,
        clock: Clock,
        connection_limits: ConnectionLimits | None = None,
        media_limits: MediaLimits | None = None,
        probes: ProbeOffice | None = None,
    ) -> None:
        self._phone = phone
        self._settings = settings
        self._stream_paths = {settings.stream_path}
        self.started_with = settings
        """The settings whose port and address are in use."""
        self._clock = clock
        self._bases = PublicBases(clock, lambda: phone.bases)
        self._trusts_tunnel = False
        self._limits = RateLimits(clock)
        self._connection_limits = connection_limits
        self._probes = ProbeDesk(probes) if probes is not None else None
        self.media = MediaDoor(phone, media_limits, self._probes)
        self._guard: GuardedServer | None = None
        self._listener: asyncio.Server | None = None
        self._working: set[asyncio.Task[WebhookReply]] = set()
        self.refused: Counter[str] = Counter()
        """How many requests were refused since the start, by reason."""
        self._reported_at = clock.monotonic()
        self._reported = 0

    # --- life ---

    async def start(self, port: int | None = None) -> int:
        """Listen, on the port of the settings unless one is given; return the port in use.

        If it is taken the next free one is used; 0 is any free one.

        Raises:
            PhoneError: There is no free port nearby, or the address cannot be used (``SERVER-01``).
        """
        first = self._settings.port if port is None else port
        guard = GuardedServer(self._handle, self._connection_limits)
        for candidate in range(first, min(first + _NEXT_PORTS, 65_536)) if first else (0,):
            try:
                self._listener = await _listen(guard, self._settings.bind, candidate)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise _cannot_listen() from error
                continue
            self._guard = guard
            return self.port
        raise _cannot_listen()

    @property
    def port(self) -> int:
        """The port in use; 0 while not listening."""
        return self._listener.sockets[0].getsockname()[1] if self._listener else 0

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._guard.connections) if self._guard else 0

    @property
    def public_base(self) -> str:
        """The public address that is answered for."""
        return self._bases.current

    def set_public_base(self, base: str, *, via_own_tunnel: bool = False) -> None:
        """Answer for ``base`` (``https://host``, or empty) from now on.

        The one before stays good for five minutes, for what is still on its way, and for as long
        as a call lives that was given it.

        Args:
            base: Where the carriers find us.
            via_own_tunnel: Whether requests come through a cloudflared that this app started, whose
                word for the client's address is then believed.
        """
        self._bases.set(base)
        self._trusts_tunnel = via_own_tunnel
        self._limits.forgive()

    def apply_settings(self, settings: ServerSettings) -> None:
        """Use other extra paths from now on; the port and the address need another start.

        Calls that go on may still use the stream path that they were given.
        """
        self._settings = settings
        self._stream_paths.add(settings.stream_path)

    async def close(self) -> None:
        """Stop listening and end every connection; webhooks in hand are finished first."""
        if self._listener is None or self._guard is None:
            return
        self._listener.close()
        await self.media.close()
        if self._working:
            await asyncio.wait(self._working, timeout=_SHUTDOWN_S)
        await self._guard.shutdown(_SHUTDOWN_S)
        await self._listener.wait_closed()
        self._listener = self._guard = None

    # --- requests ---

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = _headers(request)
        key = client_key(
            connection_of(request).remote_peer,
            headers.get("cf-connecting-ip", ()),
            trusts_tunnel=self._trusts_tunnel,
        )
        try:
            return await self._serve(request, headers, key)
        except Refusal as refusal:
            self._count(refusal, key)
            return web.Response(status=refusal.status)

    async def _serve(
        self, request: web.BaseRequest, headers: Mapping[str, tuple[str, ...]], key: str
    ) -> web.StreamResponse:
        if self._probes is not None and not comes_from_a_page(headers):
            nonce = self._probes.claim(request.method, request.raw_path, headers)
            if nonce is not None:
                return await self._probe(self._probes, request, nonce, headers, key)
        path = request.raw_path.partition("?")[0]
        route = find_route(path, self._settings, self._stream_paths)
        if route is None:
            raise Refusal(404, "no such path")
        if request.method != ("POST" if isinstance(route, WebhookRoute) else "GET"):
            raise Refusal(405, "wrong method")
        base = self._bases.of(headers)
        if base is None:
            raise Refusal(421, "wrong host")
        if comes_from_a_page(headers):
            raise Refusal(403, "from a web page")
        if isinstance(route, StreamRoute):
            return await self._stream(request, route, base, headers, key)
        return await self._webhook(request, route, base, headers, key)

    async def _probe(
        self,
        probes: ProbeDesk,
        request: web.BaseRequest,
        nonce: str,
        headers: Mapping[str, tuple[str, ...]],
        key: str,
    ) -> web.StreamResponse:
        """Say what arrived of a probe of ours, which is all that a probe brings about."""
        body = await read_body(request, PROBE_BODY_BYTES, _BODY_S)
        answer = probes.answer(
            nonce,
            request.raw_path,
            headers,
            body,
            base=self._bases.of(headers),
            tells_clients_apart=bool(key),
        )
        return web.Response(body=answer, content_type="text/plain")

    async def _stream(
        self,
        request: web.BaseRequest,
        route: StreamRoute,
        base: str,
        headers: Mapping[str, tuple[str, ...]],
        key: str,
    ) -> web.StreamResponse:
        if not self._limits.admits(key):
            raise Refusal(404, "shut out")
        url = f"wss://{base.partition('://')[2]}{request.raw_path}"
        return await self.media.serve(
            request, route.ticket, WebhookRequest(request.method, url, headers, b"")
        )

    async def _webhook(
        self,
        request: web.BaseRequest,
        route: WebhookRoute,
        base: str,
        headers: Mapping[str, tuple[str, ...]],
        key: str,
    ) -> web.StreamResponse:
        signed_by = signer(headers)
        if signed_by is None or signed_by is not (route.carrier or signed_by):
            raise Refusal(403, "no signature")
        carrier = self._phone.carriers.get(signed_by)
        if carrier is None:
            raise Refusal(404, "carrier not set up")
        if not self._limits.admits(key):
            raise Refusal(404, "shut out")
        most = FLOODED_BODY_BYTES if self._limits.is_flooded else BODY_BYTES
        body = await read_body(request, most, _BODY_S)
        signed = WebhookRequest(request.method, f"{base}{request.raw_path}", headers, body)
        try:
            carrier.verify(signed)
        except WebhookRefusedError:
            raise Forgery(403, "bad signature") from None
        connection_of(request).prove()
        reply = await self._act(signed_by, carrier, signed)
        return web.Response(
            status=reply.status,
            body=reply.body,
            headers={"Content-Type": reply.content_type},
        )

    async def _act(
        self, name: CarrierName, carrier: CarrierWire, request: WebhookRequest
    ) -> WebhookReply:
        """Have the phone act on a verified webhook; a failure is answered, so that no call hangs.

        The work goes on when the carrier has given up waiting: its repetition finds it done.
        """
        try:
            event = carrier.parse(request)
        except WebhookRefusedError as error:
            _log.warning("a webhook makes no sense", carrier=str(name), why=error.why)
            return WebhookReply(400)
        work = asyncio.ensure_future(self._phone.on_event(name, event))
        self._working.add(work)
        work.add_done_callback(self._working.discard)
        try:
            async with asyncio.timeout(_HANDLER_S):
                return await asyncio.shield(work)
        except TimeoutError:
            work.add_done_callback(_note_late_failure)
            _log.error("a webhook took too long", carrier=str(name), kind=str(event.kind))
        except Exception:  # noqa: BLE001 - the carrier asks again, or takes its fallback
            _log.exception("a webhook failed", carrier=str(name), kind=str(event.kind))
        return WebhookReply(500)

    def _count(self, refusal: Refusal, key: str) -> None:
        self.refused[refusal.why] += 1
        if isinstance(refusal, Forgery):
            self._limits.forged(key)
        else:
            self._limits.refused(key)
        now = self._clock.monotonic()
        if now - self._reported_at >= _REPORT_EVERY_S:
            total = self.refused.total()
            _log.warning("requests were refused", count=total - self._reported)
            self._reported_at, self._reported = now, total


def _headers(request: web.BaseRequest) -> dict[str, tuple[str, ...]]:
    headers: dict[str, tuple[str, ...]] = {}
    for name, value in request.headers.items():
        name = name.lower()
        headers[name] = (*headers.get(name, ()), value)
    return headers


def _note_late_failure(work: asyncio.Task[WebhookReply]) -> None:
    if not work.cancelled() and work.exception() is not None:
        _log.error("a webhook failed late", error=type(work.exception()).__name__)


async def _listen(guard: GuardedServer, address: str, port: int) -> asyncio.Server:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listening = socket.create_server((address, port), family=family)
    try:
        server = await asyncio.get_running_loop().create_server(
            guard, sock=listening, backlog=_ACCEPT_AT_ONCE
        )
        listening.listen(_QUEUE)
    except BaseException:
        listening.close()
        raise
    return server


def _cannot_listen() -> PhoneError:
    return PhoneError(
        "SERVER-01",
        "The server for the carrier cannot listen on its port.",
        "Choose another port or address under Settings, Server for the carrier.",
        retryable=True,
    )
