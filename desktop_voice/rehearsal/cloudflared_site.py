"""What the stand-in cloudflared serves on its metrics port: readiness, name and figures."""

from __future__ import annotations

import asyncio
import json
import uuid
from contextlib import suppress
from dataclasses import dataclass, field

from desktop_voice.rehearsal.cloudflared_options import VERSION

_USUAL_PORTS = range(20_241, 20_246)
_TEXTS = {200: "OK", 404: "Not Found", 503: "Service Unavailable"}


@dataclass(slots=True)
class Standing:
    """How the tunnel is.

    Attributes:
        connected: Whether it has its connection to the edge.
        hostname: The quick tunnel's name, without scheme; empty for named ones.
    """

    connected: bool = False
    hostname: str = ""
    connector_id: str = field(default_factory=lambda: str(uuid.uuid4()))


class LocalSite:
    """The metrics server. Event loop only."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing
        self._server: asyncio.Server | None = None

    async def open(self, address: str) -> str:
        """Serve at ``HOST:PORT``, or at the first free usual port; return where.

        Raises:
            OSError: The port is taken.
        """
        if address:
            host, _, port = address.partition(":")
            self._server = await asyncio.start_server(self._serve, host, int(port))
        else:
            for port_number in (*_USUAL_PORTS, 0):
                with suppress(OSError):
                    self._server = await asyncio.start_server(self._serve, "localhost", port_number)
                    break
        if self._server is None:
            raise OSError("no free port")
        host, port_number = self._server.sockets[0].getsockname()[:2]
        return f"{host}:{port_number}"

    async def close(self) -> None:
        """Stop serving."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = await reader.readuntil(b"\r\n\r\n")
            status, kind, body = self._answer(head.split(b" ", 2)[1].decode("latin-1"))
            writer.write(
                f"HTTP/1.1 {status} {_TEXTS[status]}\r\nContent-Type: {kind}\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
                + body
            )
            await writer.drain()
        writer.close()

    def _answer(self, target: str) -> tuple[int, str, bytes]:
        standing = self._standing
        path = target.partition("?")[0]
        count = int(standing.connected)
        if path == "/ready":
            status = 200 if count else 503
            body = {
                "status": status,
                "readyConnections": count,
                "connectorId": standing.connector_id,
            }
            return status, "text/plain; charset=utf-8", json.dumps(body).encode()
        if path == "/quicktunnel":
            return 200, "text/plain", json.dumps({"hostname": standing.hostname}).encode()
        if path == "/healthcheck":
            return 200, "text/plain", b"OK\n"
        if path == "/metrics":
            text = (
                f'build_info{{goversion="",revision="",type="",version="{VERSION}"}} 1\n'
                f"cloudflared_tunnel_ha_connections {count}\n"
            )
            return 200, "text/plain; version=0.0.4", text.encode()
        return 404, "text/plain; charset=utf-8", b"404 page not found\n"
