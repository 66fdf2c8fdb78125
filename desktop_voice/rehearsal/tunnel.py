"""The tunnel: where a public URL of an app ends on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

import aiohttp


@dataclass(frozen=True, slots=True)
class Local:
    """Where a public URL is sent, with the public ``Host``."""

    url: str
    host: str


class PublicWay(Protocol):
    """How public names are reached that were not led to an origin by hand."""

    def knows(self, host: str) -> bool:
        """Whether a tunnel has, or has had, this name."""

    def connector(self) -> aiohttp.BaseConnector:
        """Return a new connector that leads there."""


class Tunnel:
    """Leads from public bases, such as ``https://rehearsal.localhost``, to local origins.

    Args:
        way: Where all other public names lead; without one they are nobody's.
    """

    def __init__(self, way: PublicWay | None = None) -> None:
        self._origins: dict[str, str] = {}
        self._way = way

    def open(self, public_base: str, origin: str) -> None:
        """Lead from ``public_base`` to ``origin`` (``http://127.0.0.1:PORT``) from now on."""
        self._origins[urlsplit(public_base).netloc.lower()] = origin

    def locate(self, url: str) -> Local | None:
        """Return where a public ``https`` or ``wss`` URL is sent; ``None`` if it is not the app's.

        Path and query are left as they are, byte by byte; the fragment is not sent. While a base
        has been opened, other names must at least have been held by a tunnel.
        """
        wanted = urlsplit(url)
        if wanted.scheme not in ("https", "wss") or not wanted.netloc:
            return None
        origin = urlsplit(self._origins.get(wanted.netloc.lower(), ""))
        if origin.netloc:
            scheme = origin.scheme if wanted.scheme == "https" else "ws"
            local = urlunsplit((scheme, origin.netloc, wanted.path or "/", wanted.query, ""))
            return Local(local, wanted.netloc)
        if self._way is None or (self._origins and not self._way.knows(wanted.hostname or "")):
            return None
        public = urlunsplit(wanted._replace(path=wanted.path or "/", fragment=""))
        return Local(public, wanted.netloc)

    def session(self, timeout_s: float | None = None) -> aiohttp.ClientSession:
        """Return a new session that reaches what :meth:`locate` returns; the caller closes it."""
        return aiohttp.ClientSession(
            connector=self._way.connector() if self._way is not None else None,
            timeout=aiohttp.ClientTimeout(total=timeout_s),
        )
