"""Deadlines and caps on connections: aiohttp's server has none for slow or silent peers."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_server import Server

_log = structlog.get_logger()

_SWEEP_S = 0.25
_LINGER_S = 0.5

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How long a peer may take, and how many may be open that have proven nothing.

    Attributes:
        header_s: From a connection, or a request's first byte, to its last header.
        request_s: From the headers to the end of the answer, until the request is proven.
        keepalive_s: Between an answer and the next request's first byte.
        connections: Open connections that are not proven; one more ends the oldest.
        per_peer: The same for one peer that is not this machine. Behind a tunnel every peer is
            this machine, so there it says nothing.
    """

    header_s: float = 5.0
    request_s: float = 15.0
    keepalive_s: float = 15.0
    connections: int = 128
    per_peer: int = 32


class GuardedServer(Server):
    """An HTTP server whose connections live only as long as they prove useful.

    A connection is *proven* from :func:`prove` to the end of the answer: a signature or a ticket
    was good. All others are counted and have deadlines. When there are too many the oldest one is
    dropped rather than the newest refused, because a genuine request takes milliseconds and a slow
    one lingers. Belongs to one event loop.
    """

    def __init__(self, handler: Handler, limits: ConnectionLimits | None = None) -> None:
        # Bodies stay as they were signed, and cannot unfold into more than was sent.
        super().__init__(
            _noting(handler), access_log=None, auto_decompress=False, lingering_time=_LINGER_S
        )
        self.limits = limits or ConnectionLimits()
        self._unproven: dict[GuardedConnection, None] = {}
        self._sweeper: asyncio.TimerHandle | None = None

    def __call__(self) -> RequestHandler:
        """Return the protocol of a new connection."""
        return GuardedConnection(self, self._loop, self._kwargs)

    @property
    def unproven(self) -> int:
        """How many connections are open that have proven nothing."""
        return len(self._unproven)

    def watch(self, connection: GuardedConnection) -> None:
        """Count a connection as unproven from now on, and make room for it."""
        if connection in self._unproven:
            return
        if connection.remote_peer:
            same = [
                other for other in self._unproven if other.remote_peer == connection.remote_peer
            ]
            if len(same) >= self.limits.per_peer:
                same[0].drop()
        if len(self._unproven) >= self.limits.connections:
            next(iter(self._unproven)).drop()
        self._unproven[connection] = None
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(_SWEEP_S, self._sweep)

    def forget(self, connection: GuardedConnection) -> None:
        """Stop watching: the connection is proven, or gone."""
        self._unproven.pop(connection, None)

    def _sweep(self) -> None:
        now = self._loop.time()
        for connection in [each for each in self._unproven if each.deadline <= now]:
            connection.drop()
        self._sweeper = self._loop.call_later(_SWEEP_S, self._sweep) if self._unproven else None

    async def shutdown(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - aiohttp's
        """Drop every connection; requests that are being answered get ``timeout`` seconds."""
        for connection in list(self._unproven):
            connection.drop()
        await super().shutdown(timeout)
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None


class GuardedConnection(RequestHandler):
    """One connection of a :class:`GuardedServer`."""

    def __init__(
        self, server: GuardedServer, loop: asyncio.AbstractEventLoop, options: dict[str, Any]
    ) -> None:
        super().__init__(server, loop=loop, keepalive_timeout=server.limits.keepalive_s, **options)
        self._server = server
        self._is_idle = False
        self.deadline = math.inf
        """When it is dropped, in the loop's time."""
        self.remote_peer = ""
        """The peer's address, or nothing if that is this machine."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the deadline for the first request."""
        self.remote_peer = _remote_peer(transport.get_extra_info("peername"))
        self._allow(self._server.limits.header_s)
        self._server.watch(self)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Give back the connection's place."""
        self._server.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Start the deadline for the next request's headers at its first byte."""
        if self._is_idle:
            self._is_idle = False
            self._allow(self._server.limits.header_s)
        super().data_received(data)

    def request_began(self) -> None:
        """Headers are complete."""
        self._is_idle = False
        if self in self._server._unproven:
            self._allow(self._server.limits.request_s)

    def prove(self) -> None:
        """Stop the deadline until the answer is under way: this peer is who it says it is."""
        self.deadline = math.inf
        self._server.forget(self)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the answer, and wait for the next request as a peer that has proven nothing."""
        if self.transport is not None:
            self._allow(self._server.limits.header_s)
            self._server.watch(self)
        result = await super().finish_response(request, resp, start_time)
        self._is_idle = True
        self._allow(self._server.limits.keepalive_s)
        return result

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what could not be read or handled, repeating and logging nothing of it."""
        if status >= 500:
            _log.error("a request failed", error=type(exc).__name__)
        response = web.Response(status=status)
        response.force_close()
        return response

    def log_exception(self, *_args: object, **kwargs: object) -> None:
        """Log that something failed, without the request in it."""
        _log.error("a connection failed", error=type(kwargs.get("exc_info")).__name__)

    def drop(self) -> None:
        """End the connection at once."""
        self._server.forget(self)
        if self.transport is not None:
            self.transport.abort()

    def _allow(self, seconds: float) -> None:
        self.deadline = self._loop.time() + seconds


def connection_of(request: web.BaseRequest) -> GuardedConnection:
    """Return the connection that a request of a :class:`GuardedServer` came in on."""
    connection = request.protocol
    assert isinstance(connection, GuardedConnection)  # noqa: S101
    return connection


def _noting(handler: Handler) -> Handler:
    async def serve(request: web.BaseRequest) -> web.StreamResponse:
        connection_of(request).request_began()
        return await handler(request)

    return serve


def _remote_peer(peername: object) -> str:
    host = str(peername[0]) if isinstance(peername, tuple) else ""
    try:
        address = ip_address(host)
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None)
    return "" if (mapped or address).is_loopback else str(mapped or address)
