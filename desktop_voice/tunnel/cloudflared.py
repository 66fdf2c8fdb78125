"""Cloudflare's tunnel: a quick one with a new name at each start, or the user's own named one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from desktop_voice.core.errors import PhoneError
from desktop_voice.core.phone_settings import TunnelChoice, TunnelProtocol
from desktop_voice.tunnel import failures
from desktop_voice.tunnel.cloudflared_binary import CloudflaredBinary
from desktop_voice.tunnel.local_answers import ask_local
from desktop_voice.tunnel.program_tunnel import Launch, ProgramTunnel, TunnelPace
from desktop_voice.tunnel.programs import write_own_file
from desktop_voice.tunnel.public_names import public_base

_QUICK_SUFFIX = ".trycloudflare.com"
_GRACE = "5s"
# Without a file of our own it would read the user's, whose rules win over --url.
_CONFIG = b"no-autoupdate: true\n"


class Cloudflared(ProgramTunnel):
    """A tunnel through cloudflared.

    Args:
        binary: Where the program comes from.
        folder: For a small configuration file of our own.
        hostname: The named tunnel's; empty: a quick tunnel.
        token: The named tunnel's; it reaches the program in its environment alone.
        protocol: How it talks to Cloudflare.
        may_fetch: Whether a missing program is downloaded.
        on_progress: Gets the bytes of the download that are here, and those in all.
        pace: How long things may take.
    """

    def __init__(
        self,
        binary: CloudflaredBinary,
        folder: Path,
        *,
        hostname: str = "",
        token: str = "",
        protocol: TunnelProtocol = TunnelProtocol.AUTO,
        may_fetch: bool = False,
        on_progress: Callable[[int, int], None] = lambda _done, _total: None,
        pace: TunnelPace | None = None,
    ) -> None:
        super().__init__(TunnelChoice.CLOUDFLARED, "cloudflared", secret=token, pace=pace)
        self._binary = binary
        self._folder = folder
        self._hostname = hostname
        self._protocol = protocol
        self._may_fetch = may_fetch
        self._on_progress = on_progress

    @property
    def tells_client(self) -> bool:
        """See :class:`~desktop_voice.tunnel.tunnel.Tunnel`."""
        return True

    async def _find(self) -> Path:
        if self._hostname and not self._secret:
            raise _token_refused()
        try:
            found = await asyncio.to_thread(self._binary.find)
        except PhoneError as error:
            if not (self._may_fetch and error.code == "TUNNEL-04"):
                raise
            found = None
        if found is not None:
            return found
        if not self._binary.can_fetch:
            raise failures.missing_program("cloudflared", "Cloudflare's site")
        if not self._may_fetch:
            raise failures.missing_cloudflared()
        return await self._binary.fetch(self._on_progress)

    async def _prepare(self, program: Path, origin: str) -> Launch:
        config = self._folder / "cloudflared.yml"
        await asyncio.to_thread(write_own_file, config, _CONFIG)
        arguments = (
            *("tunnel", "--config", str(config), "--no-autoupdate"),
            *("--metrics", f"127.0.0.1:{self._port}", "--grace-period", _GRACE),
            *("--protocol", self._protocol.value, "--url", origin),
        )
        if not self._hostname:
            return Launch(program, arguments)
        # "run" has a protocol option of its own, whose default would win over the one before it.
        environment = {
            "TUNNEL_TOKEN": self._secret,
            "TUNNEL_TRANSPORT_PROTOCOL": self._protocol.value,
        }
        return Launch(program, (*arguments, "run"), environment)

    async def _public_base(self) -> str:
        try:
            if self._hostname:
                return public_base(self._hostname)
            answer = await ask_local(self._port, "/quicktunnel")
            if answer is None or answer.status != 200 or answer.body.get("hostname") == "":
                return ""
            return public_base(answer.body.get("hostname"), _QUICK_SUFFIX)
        except ValueError as error:
            raise failures.bad_name("cloudflared") from error

    async def _is_connected(self) -> bool:
        answer = await ask_local(self._port, "/ready")
        return answer is not None and answer.status == 200

    def _explain(self) -> PhoneError | None:
        says = self._log.says
        if self._hostname and (says("unauthorized") or says("token is not valid")):
            return _token_refused()
        if says("too many requests") or says("error code: 1015"):
            return failures.rate_limited("Cloudflare")
        if self._protocol is not TunnelProtocol.HTTP2 and says("quic", "failed to dial"):
            return failures.udp_blocked()
        if says("no such host") or says("network is unreachable") or says("dial tcp", "timeout"):
            return failures.no_network("cloudflared")
        return None


def _token_refused() -> PhoneError:
    return failures.token_refused(
        "Cloudflare",
        "Copy the token of the tunnel from Cloudflare's dashboard into the vault, as "
        "cloudflare_tunnel_token, then restart the tunnel.",
    )
