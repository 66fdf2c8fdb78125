"""Tailscale Funnel: this machine's own name in the user's tailnet, opened to the internet.

``tailscale funnel`` in the foreground opens it for as long as the command runs: the daemon takes it
back when the command ends, however it ends, so that nothing of the user's own set-up is touched.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from pathlib import Path
from typing import Any

from desktop_voice.core.errors import PhoneError
from desktop_voice.core.phone_settings import TunnelChoice
from desktop_voice.tunnel import failures
from desktop_voice.tunnel.child import scrubbed
from desktop_voice.tunnel.program_tunnel import Launch, ProgramTunnel, TunnelPace
from desktop_voice.tunnel.programs import find_program
from desktop_voice.tunnel.public_names import public_base

_SITE = "tailscale.com/download"
_SUFFIX = ".ts.net"
_PORT = 443
_ASK_S = 10.0
_MOST_BYTES = 4_000_000
_ADMIN = "Allow it in Tailscale's admin console: HTTPS certificates, and Funnel for this machine."


class TailscaleFunnel(ProgramTunnel):
    """A tunnel through Tailscale Funnel on port 443.

    Args:
        programs: A folder to look into before PATH.
        pace: How long things may take.
    """

    def __init__(self, *, programs: Path | None = None, pace: TunnelPace | None = None) -> None:
        super().__init__(TunnelChoice.TAILSCALE, "Tailscale", pace=pace)
        self._programs = programs
        self._program = Path()
        self._name_base = ""
        self._origin = ""

    async def _find(self) -> Path:
        found = await asyncio.to_thread(find_program, "tailscale", self._programs)
        if found is None:
            raise failures.missing_program("Tailscale", _SITE)
        self._program = found
        self._name_base = _checked_name(await self._ask("status", "--json", "--peers=false"))
        if _uses_port(await self._ask("funnel", "status", "--json")):
            what = f"port {_PORT} already serves something else of yours"
            do = "Turn that off with “tailscale serve reset”, or choose another tunnel."
            raise failures.not_allowed("Tailscale", what, do)
        return found

    async def _prepare(self, program: Path, origin: str) -> Launch:
        self._origin = origin
        return Launch(program, ("funnel", "--yes", f"--https={_PORT}", origin))

    async def _public_base(self) -> str:
        return self._name_base

    async def _is_connected(self) -> bool:
        status = await self._ask("status", "--json", "--peers=false") or {}
        if status.get("BackendState") != "Running" or _self_of(status).get("Online") is False:
            return False
        if self._base:
            return True  # The daemon serves it for as long as the command runs.
        host = self._name_base.removeprefix("https://")
        funnel = await self._ask("funnel", "status", "--json")
        return any(_leads(config, f"{host}:{_PORT}", self._origin) for config in _configs(funnel))

    def _explain(self) -> PhoneError | None:
        if self._log.says("to enable, visit") or self._log.says("funnel not available"):
            return failures.not_allowed("Tailscale", "Funnel is not allowed here", _ADMIN)
        if self._log.says("access denied"):
            what = "this user may not change it"
            do = "Allow it once with “sudo tailscale set --operator=$USER”."
            return failures.not_allowed("Tailscale", what, do)
        if self._log.says("already exists") or self._log.says("already serving"):
            what = f"port {_PORT} already serves something else of yours"
            do = "Turn that off with “tailscale serve reset”, or choose another tunnel."
            return failures.not_allowed("Tailscale", what, do)
        return None

    async def _ask(self, *arguments: str) -> dict[str, Any] | None:
        """Return the JSON object that a short command prints; None: it failed."""
        try:
            process = await asyncio.create_subprocess_exec(
                self._program,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=scrubbed(os.environ),
            )
        except OSError:
            return None
        assert process.stdout is not None  # noqa: S101 (it was asked for)
        try:
            async with asyncio.timeout(_ASK_S):
                data = b""
                while (chunk := await process.stdout.read(65_536)) and len(data) < _MOST_BYTES:
                    data += chunk
                status = await process.wait() if not chunk else 1
        except TimeoutError:
            return None
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        try:
            value = json.loads(data) if status == 0 else None
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None


def _checked_name(status: dict[str, Any] | None) -> str:
    if status is None:
        what, do = "its service does not run", "Start Tailscale; it is tried again by itself."
        raise failures.not_allowed("Tailscale", what, do, retryable=True)
    state = status.get("BackendState")
    if state == "NeedsLogin":
        what, do = "nobody is logged in", "Log in to Tailscale; it is tried again by itself."
        raise failures.not_allowed("Tailscale", what, do, retryable=True)
    if state != "Running":
        what, do = "it is not connected", "Connect Tailscale; it is tried again by itself."
        raise failures.not_allowed("Tailscale", what, do, retryable=True)
    abilities = _self_of(status).get("CapMap")
    if isinstance(abilities, dict) and not {"https", "funnel"} <= abilities.keys():
        raise failures.not_allowed("Tailscale", "Funnel is not allowed here", _ADMIN)
    name = _self_of(status).get("DNSName")
    try:
        return public_base(name.removesuffix(".") if isinstance(name, str) else name, _SUFFIX)
    except ValueError as error:
        raise failures.bad_name("Tailscale") from error


def _self_of(status: dict[str, Any]) -> dict[str, Any]:
    value = status.get("Self")
    return value if isinstance(value, dict) else {}


def _configs(funnel: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return what is served for good, and what is served while a command runs."""
    foreground = (funnel or {}).get("Foreground")
    more = foreground.values() if isinstance(foreground, dict) else ()
    return [config for config in (funnel, *more) if isinstance(config, dict)]


def _uses_port(funnel: dict[str, Any] | None) -> bool:
    served = [config.get("TCP") for config in _configs(funnel)]
    return any(isinstance(ports, dict) and str(_PORT) in ports for ports in served)


def _leads(config: dict[str, Any], place: str, origin: str) -> bool:
    try:
        proxy = config["Web"][place]["Handlers"]["/"]["Proxy"]
        return config["AllowFunnel"][place] is True and str(proxy).rstrip("/") == origin
    except (KeyError, TypeError):
        return False
