"""The way out: how this machine reaches a public address, by the network's own names and trust."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver


@dataclass(frozen=True, slots=True)
class PublicWay:
    """How public names are resolved and whose certificates are believed.

    By default as everywhere on this machine. A rehearsal's public names exist on its own edge
    alone, under its own authority.

    Attributes:
        edge: Host and port that every public name leads to, if not the network's.
        authority: A PEM file with the only authority to believe, if not the system's.
        names: A suffix that a name must have to lead to ``edge``; empty: any.
        unresolved: A file with the names that are unknown at this moment, one a line; ``*``: all.
    """

    edge: tuple[str, int] | None = None
    authority: Path | None = None
    names: str = ""
    unresolved: Path | None = None

    def ssl_context(self) -> ssl.SSLContext:
        """Return a context that checks certificates and names. Reads a file."""
        return ssl.create_default_context(cafile=self.authority)

    def resolver(self) -> AbstractResolver:
        """Return a new resolver of public names; the caller closes it.

        Must be called on a running event loop.
        """
        if self.edge is None:
            return ThreadedResolver()
        return _EdgeResolver(self.edge, self.names, self.unresolved)

    def connector(self, trust: ssl.SSLContext | None = None) -> aiohttp.TCPConnector:
        """Return a new connector that goes this way; the caller's session closes it.

        Must be called on a running event loop.

        Args:
            trust: What :meth:`ssl_context` returned, if it was read already: that takes about
                20 ms, which is long on a loop that serves calls.
        """
        return aiohttp.TCPConnector(
            ssl=trust or self.ssl_context(), resolver=self.resolver(), use_dns_cache=False
        )


class _EdgeResolver(AbstractResolver):
    """Leads public names to the edge, whatever port was asked for, and others where they lead."""

    def __init__(self, edge: tuple[str, int], names: str, unresolved: Path | None) -> None:
        self._edge = edge
        self._names = names
        self._unresolved = unresolved
        self._other = ThreadedResolver()

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        if self._names and not host.endswith(self._names):
            return await self._other.resolve(host, port, socket.AddressFamily(family))
        if self._unresolved is not None and self._unresolved.is_file():
            unknown = self._unresolved.read_text("utf-8").split()
            if "*" in unknown or host in unknown:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        address, edge_port = self._edge
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=edge_port,
                family=socket.AF_INET,
                proto=0,
                flags=0,
            )
        ]

    async def close(self) -> None:
        await self._other.close()
