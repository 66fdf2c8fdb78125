"""The tunnel: where a public URL of the app ends on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit


@dataclass(frozen=True, slots=True)
class Local:
    """A public URL as it is sent: to the local address, with the public ``Host``."""

    url: str
    host: str


class Tunnel:
    """Leads from one public base to one local origin.

    Attributes:
        public_base: Such as ``https://rehearsal.localhost``; empty until it is opened.
        origin: Such as ``http://127.0.0.1:8123``.
    """

    def __init__(self) -> None:
        self.public_base = ""
        self.origin = ""

    def open(self, public_base: str, origin: str) -> None:
        """Lead from ``public_base`` to ``origin`` from now on."""
        self.public_base = public_base.rstrip("/")
        self.origin = origin.rstrip("/")

    def locate(self, url: str) -> Local | None:
        """Return where a public ``https`` or ``wss`` URL ends; ``None`` if it is not the app's.

        Path and query are left as they are, byte by byte; the fragment is not sent.
        """
        if not self.public_base:
            return None
        wanted, base, origin = urlsplit(url), urlsplit(self.public_base), urlsplit(self.origin)
        if wanted.scheme not in ("https", "wss") or wanted.netloc.lower() != base.netloc.lower():
            return None
        scheme = origin.scheme if wanted.scheme == "https" else "ws"
        local = urlunsplit((scheme, origin.netloc, wanted.path or "/", wanted.query, ""))
        return Local(local, wanted.netloc)
