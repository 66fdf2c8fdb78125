"""The tunnel: where a public URL of an app ends on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit


@dataclass(frozen=True, slots=True)
class Local:
    """A public URL as it is sent: to the local address, with the public ``Host``."""

    url: str
    host: str


class Tunnel:
    """Leads from public bases, such as ``https://rehearsal.localhost``, to local origins."""

    def __init__(self) -> None:
        self._origins: dict[str, str] = {}

    def open(self, public_base: str, origin: str) -> None:
        """Lead from ``public_base`` to ``origin`` (``http://127.0.0.1:PORT``) from now on."""
        self._origins[urlsplit(public_base).netloc.lower()] = origin

    def locate(self, url: str) -> Local | None:
        """Return where a public ``https`` or ``wss`` URL ends; ``None`` if it is not the app's.

        Path and query are left as they are, byte by byte; the fragment is not sent.
        """
        wanted = urlsplit(url)
        origin = urlsplit(self._origins.get(wanted.netloc.lower(), ""))
        if wanted.scheme not in ("https", "wss") or not origin.netloc:
            return None
        scheme = origin.scheme if wanted.scheme == "https" else "ws"
        local = urlunsplit((scheme, origin.netloc, wanted.path or "/", wanted.query, ""))
        return Local(local, wanted.netloc)
