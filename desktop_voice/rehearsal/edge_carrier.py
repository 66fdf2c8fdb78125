"""How the rehearsal's carriers reach public names: over TLS through the edge, as in life."""

from __future__ import annotations

import socket
import ssl

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from desktop_voice.rehearsal.edge import Edge
from desktop_voice.rehearsal.edge_authority import EdgeAuthority
from desktop_voice.rehearsal.edge_faults import EdgeFaults
from desktop_voice.rehearsal.edge_tunnels import EdgeTunnels


class CarrierWay:
    """Leads carriers to the edge; event loop only."""

    def __init__(
        self, edge: Edge, authority: EdgeAuthority, tunnels: EdgeTunnels, faults: EdgeFaults
    ) -> None:
        self._edge = edge
        self._tunnels = tunnels
        self._faults = faults
        self._trust = ssl.create_default_context(cafile=authority.path)

    def knows(self, host: str) -> bool:
        """Whether a tunnel of this run has, or has had, this public name."""
        return self._tunnels.knows(host)

    def connector(self) -> aiohttp.TCPConnector:
        """Return a new connector; whoever makes a session with it closes it.

        Each request has a connection of its own, so that a bad certificate is seen at once.
        """
        resolver = _EdgeResolver(self._edge, self._faults)
        return aiohttp.TCPConnector(
            ssl=self._trust, resolver=resolver, use_dns_cache=False, force_close=True
        )


class _EdgeResolver(AbstractResolver):
    def __init__(self, edge: Edge, faults: EdgeFaults) -> None:
        self._edge = edge
        self._faults = faults

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if not self._faults.resolves(host.lower()):
            raise OSError(None, "Name or service not known")
        return [
            ResolveResult(
                hostname=host,
                host="127.0.0.1",
                port=self._edge.port,
                family=socket.AF_INET,
                proto=0,
                flags=0,
            )
        ]

    async def close(self) -> None:
        return


def why_unreached(error: Exception) -> str:
    """Return what a carrier's log says of a request that had no answer."""
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "dns: the name does not resolve"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        why = error.certificate_error
        return f"tls: {getattr(why, 'verify_message', '') or why}"
    if isinstance(error, aiohttp.ClientSSLError):
        return "tls: the handshake failed"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "connection: refused"
    return "connection: lost"
