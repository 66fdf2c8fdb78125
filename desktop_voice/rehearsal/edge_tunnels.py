"""The tunnels at the edge: which process holds which public name, and where it leads."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from desktop_voice.rehearsal.edge_faults import EdgeFaults
from desktop_voice.rehearsal.edge_names import new_quick_name
from desktop_voice.rehearsal.edge_server import EdgeServer
from desktop_voice.rehearsal.reports import Reporter

_LONGEST_LINE_BYTES = 16_384


@dataclass(slots=True, eq=False)
class HeldTunnel:
    """A public name that a process holds, for as long as it does.

    Attributes:
        host: The public name.
        kind: ``quick`` or ``named``.
        origin: ``http://127.0.0.1:PORT`` or ``unix:/path``; empty: it leads nowhere.
        connected: Whether the process is connected to the edge, by its own word.
        reachable_s: From when on (loop time) visitors get through.
        leaving: Whether it finishes what it has begun and takes nothing new.
        visits: The connections of everything that is under way, at both ends.
    """

    host: str
    kind: str
    origin: str
    connected: bool = False
    reachable_s: float = 0.0
    leaving: bool = False
    visits: list[tuple[asyncio.WriteTransport, ...]] = field(default_factory=list)
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_reachable(self) -> bool:
        """Whether visitors get through now."""
        now_s = asyncio.get_running_loop().time()
        return self.connected and not self.leaving and now_s >= self.reachable_s

    @contextmanager
    def visit(self, *transports: asyncio.WriteTransport) -> Iterator[None]:
        """Count a request or a socket that goes through these connections."""
        self.visits.append(transports)
        try:
            yield
        finally:
            self.visits.remove(transports)
            if not self.visits:
                self._idle.set()

    def drop_visits(self) -> None:
        """Tear every connection that goes through it."""
        for transports in self.visits:
            for transport in transports:
                transport.abort()

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        while self.visits:
            self._idle.clear()
            await self._idle.wait()


class EdgeTunnels:
    """Where tunnel programs connect: JSON lines on a loopback port. Event loop only.

    A program says ``{"token", "kind": "quick"|"named", "tunnel_token", "origin", "protocol"}`` and
    is told ``{"host"}`` or ``{"refused": why}``. It says ``{"do": "connect"}``, from when on it
    hears ``{"connected": true|false}`` and ``{"failed": why}``, and ``{"do": "leave"}``, which is
    answered with ``{"drained": true}`` when nothing is under way any more. The tunnel ends with the
    connection.

    Attributes:
        token: What a program has to know.
    """

    def __init__(self, faults: EdgeFaults, reports: Reporter) -> None:
        self._faults = faults
        self._reports = reports
        self._held: dict[HeldTunnel, asyncio.StreamWriter] = {}
        self._named: dict[str, tuple[str, str]] = {}
        self._hosts: set[str] = set()
        self._server = EdgeServer(self._serve, _LONGEST_LINE_BYTES)
        self.token = secrets.token_urlsafe(32)

    @property
    def port(self) -> int:
        """Of 127.0.0.1, for tunnel programs; 0 before :meth:`start`."""
        return self._server.port

    async def start(self) -> None:
        """Listen on a free port of 127.0.0.1."""
        await self._server.start()

    async def close(self) -> None:
        """End every tunnel; their programs end, too."""
        await self._server.close()

    def name(self, host: str, origin: str) -> str:
        """Give ``host`` to a named tunnel; return the token of its programs.

        Args:
            host: The public name.
            origin: Where its owner's dashboard sends its visitors; empty: where the program says.
        """
        secret = base64.b64encode(secrets.token_bytes(32)).decode()
        fields = {"a": secrets.token_hex(16), "t": str(uuid.uuid4()), "s": secret}
        token = base64.b64encode(json.dumps(fields).encode()).decode()
        self._named[token] = (host, origin)
        return token

    def find(self, host: str) -> HeldTunnel | None:
        """Return the tunnel that visitors of ``host`` get through now, the newest of several."""
        held = [tunnel for tunnel in self._held if tunnel.host == host and tunnel.is_reachable]
        return held[-1] if held else None

    def knows(self, host: str) -> bool:
        """Whether a tunnel has, or has had, this name in this run."""
        return host in self._hosts or any(host == known for known, _ in self._named.values())

    def describe(self) -> list[dict[str, object]]:
        """Return what is open now, oldest first."""
        return [
            {
                "host": tunnel.host,
                "kind": tunnel.kind,
                "origin": tunnel.origin,
                "connected": tunnel.connected,
                "leaving": tunnel.leaving,
                "visits": len(tunnel.visits),
            }
            for tunnel in self._held
        ]

    def drop_sockets(self, host: str) -> None:
        """Tear everything that is under way through the tunnels of ``host`` (empty: all)."""
        for tunnel in self._of(host):
            tunnel.drop_visits()

    def disconnect(self, host: str, after_ms: int) -> None:
        """Cut the tunnels of ``host`` (empty: all) off; they are back after a time, if not 0."""
        for tunnel in self._of(host):
            self._connect(tunnel, connected=False)
            tunnel.drop_visits()
            if after_ms:
                self._connect_later(tunnel, after_ms)

    def _of(self, host: str) -> list[HeldTunnel]:
        return [tunnel for tunnel in self._held if host in ("", tunnel.host)]

    def _connect(self, tunnel: HeldTunnel, *, connected: bool) -> None:
        if (writer := self._held.get(tunnel)) is None or tunnel.leaving:
            return
        tunnel.connected = connected
        _say(writer, connected=connected)
        self._reports.report("tunnel", {"host": tunnel.host, "connected": connected})

    def _connect_later(self, tunnel: HeldTunnel, after_ms: int) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(after_ms / 1000, lambda: self._connect(tunnel, connected=True))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tunnel: HeldTunnel | None = None
        draining: asyncio.Task[None] | None = None
        try:
            tunnel = self._register(await _hear(reader), writer)
            while tunnel is not None:
                said = await _hear(reader)
                if said.get("do") == "connect":
                    self._open(tunnel, writer, str(said.get("protocol", "")))
                elif said.get("do") == "leave" and draining is None:
                    tunnel.leaving = True
                    draining = asyncio.create_task(_drain(tunnel, writer))
        except (EOFError, ConnectionError, ValueError):
            return
        finally:
            if draining is not None:
                draining.cancel()
            if tunnel is not None:
                self._end(tunnel)

    def _end(self, tunnel: HeldTunnel) -> None:
        """Its process is gone: so is everything that went through it."""
        self._held.pop(tunnel, None)
        if tunnel.connected:
            tunnel.connected = False
            self._reports.report("tunnel", {"host": tunnel.host, "connected": False})
        tunnel.drop_visits()

    def _register(self, hello: dict[str, Any], writer: asyncio.StreamWriter) -> HeldTunnel | None:
        if not hmac.compare_digest(str(hello.get("token", "")).encode(), self.token.encode()):
            return None
        if hello.get("token_on_command_line"):
            self._reports.violation(
                "cloudflare", "the tunnel's token stands on the command line, for all to read"
            )
        origin = str(hello.get("origin", ""))
        if hello.get("kind") == "named":
            known = self._named.get(str(hello.get("tunnel_token", "")))
            if known is None:
                _say(writer, refused="unauthorised")
                return None
            tunnel = HeldTunnel(known[0], "named", known[1] or origin)
        elif self._faults.take("", "rate_limited"):
            _say(writer, refused="rate_limited")
            return None
        else:
            tunnel = HeldTunnel(new_quick_name(self._hosts), "quick", origin)
        self._hosts.add(tunnel.host)
        _say(writer, host=tunnel.host if tunnel.kind == "quick" else "")
        return tunnel

    def _open(self, tunnel: HeldTunnel, writer: asyncio.StreamWriter, protocol: str) -> None:
        self._held[tunnel] = writer
        if self._faults.take(tunnel.host, "blocked"):
            _say(writer, failed="blocked")
            return
        if protocol != "http2" and (fault := self._faults.take(tunnel.host, "udp_blocked")):
            _say(writer, failed="udp")
            if protocol == "auto":
                self._connect_later(tunnel, fault.after_ms)
            return
        if fault := self._faults.take(tunnel.host, "slow_to_reach"):
            tunnel.reachable_s = asyncio.get_running_loop().time() + fault.after_ms / 1000
        self._connect(tunnel, connected=True)


async def _drain(tunnel: HeldTunnel, writer: asyncio.StreamWriter) -> None:
    await tunnel.idle()
    _say(writer, drained=True)


async def _hear(reader: asyncio.StreamReader) -> dict[str, Any]:
    """Read a message.

    Raises:
        EOFError: The connection ended.
        ValueError: It is none, or too long.
    """
    line = await reader.readline()
    if not line:
        raise EOFError
    said = json.loads(line)
    if not isinstance(said, dict):
        raise ValueError("a message that is no JSON object")
    return said


def _say(writer: asyncio.StreamWriter, **message: object) -> None:
    writer.write(json.dumps(message).encode() + b"\n")
