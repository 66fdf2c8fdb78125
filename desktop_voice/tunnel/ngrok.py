"""ngrok's tunnel, through the agent that the user installed.

The agent's own server says which address it has (``/api/tunnels``, documented with the agent,
version 3); whether its session stands is told by its log alone.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

from desktop_voice.core.errors import PhoneError
from desktop_voice.core.phone_settings import TunnelChoice
from desktop_voice.tunnel import failures
from desktop_voice.tunnel.local_answers import ask_local
from desktop_voice.tunnel.program_tunnel import Launch, ProgramTunnel, TunnelPace
from desktop_voice.tunnel.programs import find_program, write_own_file
from desktop_voice.tunnel.public_names import public_base

_SITE = "ngrok.com/download"
_SESSION_UP = ("client session established", "tunnel session started", "started tunnel")
_SESSION_DOWN = ("session closed", "failed to reconnect session", "heartbeat timeout")
_TOKEN_CODES = ("err_ngrok_105", "err_ngrok_107", "err_ngrok_4018", "err_ngrok_4019")
_VERSION_CODES = ("err_ngrok_120", "err_ngrok_121")
_DOMAIN_CODES = ("err_ngrok_319", "err_ngrok_320", "err_ngrok_9017")


class Ngrok(ProgramTunnel):
    """A tunnel through ngrok's agent.

    Args:
        folder: For a small configuration file of our own.
        token: The user's authtoken; it reaches the agent in its environment alone.
        domain: The user's domain at ngrok; empty: what ngrok gives.
        programs: A folder to look into before PATH.
        pace: How long things may take.
    """

    def __init__(
        self,
        folder: Path,
        *,
        token: str,
        domain: str = "",
        programs: Path | None = None,
        pace: TunnelPace | None = None,
    ) -> None:
        super().__init__(TunnelChoice.NGROK, "ngrok", secret=token, pace=pace)
        self._folder = folder
        self._domain = domain
        self._programs = programs

    async def _find(self) -> Path:
        if not self._secret:
            raise _token_refused()
        found = await asyncio.to_thread(find_program, "ngrok", self._programs)
        if found is None:
            raise failures.missing_program("ngrok", _SITE)
        return found

    async def _prepare(self, program: Path, origin: str) -> Launch:
        config = self._folder / "ngrok.yml"
        # The agent's own server can be moved by its configuration alone.
        lines = ('version: "3"', "agent:", f"  web_addr: 127.0.0.1:{self._port}", "")
        await asyncio.to_thread(write_own_file, config, "\n".join(lines).encode())
        arguments = ["http", origin, "--config", str(config)]
        arguments += ["--log", "stdout", "--log-format", "json"]
        if self._domain:
            arguments += ["--url", f"https://{self._domain}"]
        return Launch(program, tuple(arguments), {"NGROK_AUTHTOKEN": self._secret})

    async def _public_base(self) -> str:
        answer = await ask_local(self._port, "/api/tunnels")
        tunnels = answer.body.get("tunnels") if answer and answer.status == 200 else None
        if not isinstance(tunnels, list) or not tunnels:
            return ""
        address = tunnels[0].get("public_url") if isinstance(tunnels[0], dict) else None
        try:
            base = _base_of(address)
        except ValueError as error:
            raise failures.bad_name("ngrok") from error
        if self._domain and base != f"https://{self._domain}":
            raise failures.bad_name("ngrok")
        return base

    async def _is_connected(self) -> bool:
        if self._log.last((*_SESSION_UP, *_SESSION_DOWN)) in _SESSION_DOWN:
            return False
        answer = await ask_local(self._port, "/api/tunnels")
        return bool(answer and answer.status == 200 and answer.body.get("tunnels"))

    def _explain(self) -> PhoneError | None:
        says = self._log.says
        if any(says(code) for code in _TOKEN_CODES):
            return _token_refused()
        if any(says(code) for code in _VERSION_CODES):
            what = "this version is too old for the account"
            return failures.not_allowed("ngrok", what, f"Install a newer one from {_SITE}.")
        if any(says(code) for code in _DOMAIN_CODES):
            what = "the domain does not belong to the account"
            do = "Enter a domain from ngrok's dashboard, or leave it empty."
            return failures.not_allowed("ngrok", what, do)
        if says("err_ngrok_108") or says("err_ngrok_334"):
            what = "the account's tunnel is in use by another program"
            do = "End the other ngrok agent, here or on another machine; it is tried again."
            return failures.not_allowed("ngrok", what, do, retryable=True)
        if says("no such host") or says("network is unreachable") or says("dial tcp", "timeout"):
            return failures.no_network("ngrok")
        return None


def _base_of(address: object) -> str:
    """Return the checked base of ``https://name``.

    Raises:
        ValueError: It is anything else.
    """
    if not isinstance(address, str):
        raise ValueError("no address")
    parts = urlsplit(address)
    if parts.scheme != "https" or address != f"https://{parts.netloc}":
        raise ValueError("not an https address of a name alone")
    return public_base(parts.netloc)


def _token_refused() -> PhoneError:
    return failures.token_refused(
        "ngrok",
        "Copy your authtoken from ngrok's dashboard into the vault, as ngrok_authtoken, then "
        "restart the tunnel.",
    )
