"""The tunnel's protocol: a public address that leads to a listener on this machine."""

from __future__ import annotations

from typing import Protocol

from desktop_voice.core.errors import PhoneError
from desktop_voice.core.phone_settings import TunnelChoice


class Tunnel(Protocol):
    """One tunnel from its start to its end; used on one event loop, started once.

    Attributes:
        provider: What makes it; NONE: the user's own public address.
        base: The public address, ``https://host`` without a slash; empty until :meth:`start` is
            done.
        tells_client: Whether its word for a caller's address (``CF-Connecting-IP``) is to be
            believed: it is a cloudflared that this app started.
    """

    @property
    def provider(self) -> TunnelChoice:
        """See the class."""

    @property
    def base(self) -> str:
        """See the class."""

    @property
    def tells_client(self) -> bool:
        """See the class."""

    async def start(self, origin: str) -> str:
        """Lead from a public address to ``origin`` (``http://127.0.0.1:PORT``); return the base.

        Returns once the tunnel says that it is connected. Cancelled or failed, nothing is left
        running.

        Raises:
            PhoneError: It cannot be had (``TUNNEL-..``): what happened and what to do.
        """

    async def is_ready(self) -> bool:
        """Whether it says, now, that it is connected; never raises."""

    async def fault(self) -> PhoneError:
        """Wait until it is beyond its own repair, and return why.

        Its process ended, or it has not been connected for two minutes.
        """

    async def stop(self) -> None:
        """End it, and its process with it; may be called again, and at any time."""
