"""The user's own public address: no tunnel, but the same promises about what it may be."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from desktop_voice.core.errors import PhoneError
from desktop_voice.core.phone_settings import TunnelChoice
from desktop_voice.tunnel import failures
from desktop_voice.tunnel.public_names import is_public, leads_outside, public_base

_PRIVATE_SUFFIXES = (".local", ".internal", ".localhost", ".lan", ".home.arpa", ".test", ".invalid")


class OwnAddress:
    """Implements :class:`~desktop_voice.tunnel.tunnel.Tunnel` for an address that is simply there.

    Args:
        url: ``https://host`` or ``https://host:port``.
        allow_any: Believe it as it is; for rehearsals, whose names exist on this machine alone.
    """

    def __init__(self, url: str, *, allow_any: bool = False) -> None:
        self._url = url.rstrip("/")
        self._allow_any = allow_any
        self._base = ""

    @property
    def provider(self) -> TunnelChoice:
        """See :class:`~desktop_voice.tunnel.tunnel.Tunnel`."""
        return TunnelChoice.NONE

    @property
    def base(self) -> str:
        """See :class:`~desktop_voice.tunnel.tunnel.Tunnel`."""
        return self._base

    @property
    def tells_client(self) -> bool:
        """See :class:`~desktop_voice.tunnel.tunnel.Tunnel`."""
        return False

    async def start(self, origin: str) -> str:
        """Check the address and return it; ``origin`` is the user's own business.

        Raises:
            PhoneError: It is none that the internet reaches (``TUNNEL-12``; retryable: its name
                leads to none now), or its name is not known now (``TUNNEL-13``).
        """
        if not self._allow_any:
            await _check(self._url)
        self._base = self._url
        return self._base

    async def is_ready(self) -> bool:
        """See :class:`~desktop_voice.tunnel.tunnel.Tunnel`."""
        return bool(self._base)

    async def fault(self) -> PhoneError:
        """Wait for ever: nobody here would know."""
        never: asyncio.Future[PhoneError] = asyncio.get_running_loop().create_future()
        return await never

    async def stop(self) -> None:
        """See :class:`~desktop_voice.tunnel.tunnel.Tunnel`."""
        self._base = ""


async def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 443
    except ValueError as error:
        raise failures.refused_address("it is not an address") from error
    if parts.scheme != "https":
        raise failures.refused_address("it does not begin with https://")
    if "@" in parts.netloc or parts.path or parts.query or parts.fragment:
        raise failures.refused_address("it has more in it than a name and a port")
    host = host.rstrip(".")
    try:
        address = ip_address(host)
    except ValueError:
        addresses = await _addresses_of(host, port)
        if not all(leads_outside(address) for address in addresses):
            raise failures.leads_inside(host) from None
        return
    if not is_public(address):
        raise failures.refused_address("it leads to a private network or to this machine")


async def _addresses_of(host: str, port: int) -> list[IPv4Address | IPv6Address]:
    if host == "localhost" or f".{host}".endswith(_PRIVATE_SUFFIXES):
        raise failures.refused_address("its name exists in a private network alone")
    try:
        public_base(host)
    except ValueError as error:
        raise failures.refused_address("it has no full name of the internet") from error
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise failures.unresolved_address(host) from error
    return [ip_address(str(entry[4][0]).split("%")[0]) for entry in found]
