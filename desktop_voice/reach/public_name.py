"""The public name: where it leads, as this machine's name servers say."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from desktop_voice.reach import failures
from desktop_voice.tunnel.public_names import leads_outside
from desktop_voice.tunnel.way import PublicWay

_HTTPS = 443


@dataclass(frozen=True, slots=True)
class PublicName:
    """A public base taken apart."""

    base: str
    host: str
    port: int

    @property
    def netloc(self) -> str:
        """The ``Host`` header of requests to it."""
        return self.base.partition("://")[2]

    @classmethod
    def of(cls, base: str) -> PublicName:
        """Take ``https://host`` or ``https://host:port`` apart.

        Raises:
            ReachError: It is anything else.
        """
        base = base.rstrip("/")
        try:
            parts = urlsplit(base)
            host, port = parts.hostname, parts.port or _HTTPS
        except ValueError:
            raise failures.no_address() from None
        is_plain = base.isascii() and base == f"https://{parts.netloc}" and "@" not in base
        if not host or not is_plain:
            raise failures.no_address()
        return cls(base, host, port)


@dataclass(frozen=True, slots=True)
class Place:
    """An address and port to connect to."""

    address: str
    port: int


async def look_up(name: PublicName, way: PublicWay) -> list[Place]:
    """Return where the name leads, IPv4 first.

    Raises:
        ReachError: Nowhere, or to an address that only this machine or its network reaches.
    """
    resolver = way.resolver()
    try:
        found = await resolver.resolve(name.host, name.port, socket.AF_UNSPEC)
    except UnicodeError:
        raise failures.no_address() from None
    except OSError as error:
        if error.errno == socket.EAI_AGAIN:
            raise failures.no_name_server() from None
        raise failures.no_such_name(name.host) from None
    finally:
        await resolver.close()
    if not found:
        raise failures.no_such_name(name.host)
    places = [Place(each["host"], each["port"]) for each in found]
    for place in places:
        address = ip_address(place.address.partition("%")[0])
        if not leads_outside(address) and not _is_edge(place, way):
            raise failures.private_address(name.host, place.address)
    return sorted(places, key=lambda place: ":" in place.address)


def _is_edge(place: Place, way: PublicWay) -> bool:
    return way.edge == (place.address, place.port)
