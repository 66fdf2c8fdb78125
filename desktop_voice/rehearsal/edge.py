"""The edge: TLS for every public name, passed on through the tunnel that holds it."""

from __future__ import annotations

import asyncio
import ssl
import sys
from http import HTTPStatus
from urllib.parse import urlsplit

from desktop_voice.rehearsal.edge_authority import CertificateKind, EdgeAuthority
from desktop_voice.rehearsal.edge_faults import REWRITES, CertificateFault, EdgeFaults, RewriteFault
from desktop_voice.rehearsal.edge_http import (
    Head,
    edge_page,
    new_ray,
    pass_body,
    read_head,
    to_client,
    to_origin,
)
from desktop_voice.rehearsal.edge_rewriting import rewrite_body, rewrite_head
from desktop_voice.rehearsal.edge_server import EdgeServer
from desktop_voice.rehearsal.edge_socket import Ends, join
from desktop_voice.rehearsal.edge_tunnels import EdgeTunnels

ORIGIN_TIMEOUT_S = 100.0
_HEAD_LIMIT_BYTES = 65_536
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_BAD_CERTIFICATES: dict[CertificateFault, CertificateKind] = {
    "certificate_expired": "expired",
    "certificate_wrong_name": "wrong_name",
    "certificate_untrusted": "untrusted",
}
_INTERNET = "198.51.100."
_TUNNEL_ERROR = (
    "Error 1033: this host is configured as a Cloudflare Tunnel, and Cloudflare is currently "
    "unable to resolve it."
)


class Edge:
    """Plays Cloudflare's public side on a port of 127.0.0.1. Event loop only."""

    def __init__(self, authority: EdgeAuthority, tunnels: EdgeTunnels, faults: EdgeFaults) -> None:
        self._authority = authority
        self._tunnels = tunnels
        self._faults = faults
        self._server = EdgeServer(self._serve, _HEAD_LIMIT_BYTES)

    @property
    def port(self) -> int:
        """Of 127.0.0.1; 0 before :meth:`start`."""
        return self._server.port

    async def start(self) -> None:
        """Listen on a free port."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.sni_callback = self._present
        await self._server.start(context)

    async def close(self) -> None:
        """Tear every connection and stop listening."""
        await self._server.close()

    def _present(
        self, connection: ssl.SSLObject, host: str | None, _context: ssl.SSLContext
    ) -> int | None:
        """Present the certificate of the name that the client has asked for."""
        if host is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        host = host.lower()
        fault = self._faults.take(host, *_BAD_CERTIFICATES)
        kind: CertificateKind = "good"
        for name, bad in _BAD_CERTIFICATES.items():
            if fault is not None and fault.kind == name:
                kind = bad
        try:
            context = self._authority.context(host, kind)
        except ValueError:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = context
        return None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            stays = True
            while stays:
                request = await self._hear(reader, writer)
                stays = request is not None and (
                    await self._exchange(request, reader, writer) and not request.wants_close
                )
        except (EOFError, ConnectionError, ValueError, ssl.SSLError):
            writer.transport.abort()

    async def _hear(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Head | None:
        """Read a request; refuse what is none, and whoever cannot know the way here."""
        try:
            request = await read_head(reader)
        except ValueError:
            await _send(writer, edge_page(400, "This is no HTTP request.", new_ray()))
            return None
        if not self._faults.resolves(request.host):
            writer.transport.abort()
            return None
        if request.get("expect"):
            await _send(writer, _CONTINUE)
        return request

    async def _exchange(
        self, request: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Serve one request; return whether the connection can bear another."""
        if fault := self._faults.take(request.host, "slow"):
            await asyncio.sleep(fault.after_ms / 1000)
        delay_s = fault.after_ms / 1000 if fault else 0.0
        tunnel = self._tunnels.find(request.host)
        if tunnel is None:
            return await _refuse(request, reader, writer, 530, _TUNNEL_ERROR)
        if request.is_upgrade and self._faults.take(request.host, "media_refused"):
            return await _refuse(request, reader, writer, 400, "No WebSockets.")
        if not tunnel.origin:
            return await _refuse(request, reader, writer, 503, "There is no ingress rule.")
        try:
            origin = await _open(tunnel.origin)
        except OSError:
            return await _refuse(request, reader, writer, 502, "The origin refuses connections.")
        try:
            with tunnel.visit(writer.transport, origin[1].transport):
                if not tunnel.connected:  # It has gone while the origin was being connected.
                    writer.transport.abort()
                    return False
                return await self._pass(request, (reader, writer), origin, delay_s)
        finally:
            origin[1].close()

    async def _pass(self, request: Head, client: Ends, origin: Ends, delay_s: float) -> bool:
        """Pass one request to the origin, and what comes back to the client."""
        ray = new_ray()
        sending = asyncio.create_task(self._send_request(request, client, origin[1], ray))
        try:
            try:
                async with asyncio.timeout(ORIGIN_TIMEOUT_S):
                    response = await _final_head(origin[0])
            except TimeoutError:
                await _send(client[1], edge_page(524, "The origin does not answer.", ray))
                return False
            except (EOFError, ConnectionError, ValueError):
                if not client[1].transport.is_closing():
                    await _send(client[1], edge_page(502, "The origin has hung up.", ray))
                return False
            client[1].write(to_client(response, ray).render())
            if response.status == HTTPStatus.SWITCHING_PROTOCOLS:
                await join(client, origin, delay_s)
                return False
            has_body = request.method != "HEAD" and response.status not in (204, 304)
            is_framed = response.is_chunked or response.length is not None
            if has_body:
                await pass_body(response, origin[0], client[1], until_end=not is_framed)
            await client[1].drain()
            return sending.done() and (is_framed or not has_body)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _send_request(
        self, request: Head, client: Ends, origin: asyncio.StreamWriter, ray: str
    ) -> None:
        reader, writer = client
        head = to_origin(request, _address(writer), ray)
        rewrite = self._rewrite(request)
        try:
            if rewrite == "rewrite_body":
                head, body = rewrite_body(head, await pass_body(request, reader, None))
                await _send(origin, head.render() + body)
                return
            if rewrite is not None:
                head = rewrite_head(head, rewrite)
            await _send(origin, head.render())
            if not request.is_upgrade:
                await pass_body(request, reader, origin)
        except (EOFError, ConnectionError, ValueError):
            if reader.at_eof() or writer.transport.is_closing():
                origin.transport.abort()

    def _rewrite(self, request: Head) -> RewriteFault | None:
        """Return what a proxy does to this request; it has no body to change in an upgrade."""
        kinds = REWRITES[1:] if request.is_upgrade else REWRITES
        fault = self._faults.take(request.host, *kinds)
        return next((kind for kind in kinds if fault and fault.kind == kind), None)


async def _open(origin: str) -> Ends:
    """Connect to ``http://127.0.0.1:PORT`` or ``unix:/path``.

    Raises:
        OSError: It does not accept connections.
    """
    if origin.startswith("unix:"):
        if sys.platform == "win32":
            raise OSError("asyncio has no unix sockets on Windows")
        return await asyncio.open_unix_connection(
            origin.removeprefix("unix:"), limit=_HEAD_LIMIT_BYTES
        )
    address = urlsplit(origin)
    return await asyncio.open_connection(
        address.hostname, address.port or 80, limit=_HEAD_LIMIT_BYTES
    )


async def _refuse(
    request: Head,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    status: int,
    text: str,
) -> bool:
    await pass_body(request, reader, None)
    await _send(writer, edge_page(status, text, new_ray()))
    return True


async def _final_head(reader: asyncio.StreamReader) -> Head:
    """Read the head of a response; those before it, such as 100, are not passed on."""
    while True:
        head = await read_head(reader)
        if head.status >= HTTPStatus.OK or head.status == HTTPStatus.SWITCHING_PROTOCOLS:
            return head


def _address(writer: asyncio.StreamWriter) -> str:
    """Return who is calling, as if from the internet: the local 127.0.0.N is 198.51.100.N."""
    address = str(writer.get_extra_info("peername")[0])
    return _INTERNET + address.rpartition(".")[2]


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()
