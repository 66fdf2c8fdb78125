"""Which tunnel the settings ask for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from desktop_voice.core.errors import DesktopVoiceError, PhoneError
from desktop_voice.core.phone_settings import TunnelChoice
from desktop_voice.core.settings import Settings
from desktop_voice.tunnel.cloudflared import Cloudflared
from desktop_voice.tunnel.cloudflared_binary import CloudflaredBinary
from desktop_voice.tunnel.ngrok import Ngrok
from desktop_voice.tunnel.own_address import OwnAddress
from desktop_voice.tunnel.program_tunnel import TunnelPace
from desktop_voice.tunnel.tailscale import TailscaleFunnel
from desktop_voice.tunnel.tunnel import Tunnel
from desktop_voice.tunnel.way import PublicWay


def make_tunnel(
    settings: Settings,
    secret: Callable[[str], str],
    *,
    programs: Path | None,
    cache: Path,
    way: PublicWay,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    may_fetch: bool = False,
    pace: TunnelPace | None = None,
) -> Tunnel | None:
    """Return the tunnel that ``settings`` ask for, not started; None: they ask for none.

    The user's own public address wins over any tunnel. Nothing is read, started or fetched here:
    what is missing shows when it is started.

    Args:
        settings: The app's.
        secret: Returns the vault's entry of a name, or an empty string. May raise
            DesktopVoiceError where it cannot be known.
        programs: A folder to look for programs in before PATH.
        cache: Where the app keeps what it can fetch again; a folder in it is used.
        way: How public names are reached; one with an edge of its own is a rehearsal's.
        on_progress: Gets the bytes of a download that are here, and those in all.
        may_fetch: Whether cloudflared is downloaded if it is missing.
        pace: How long cloudflared and ngrok may take.

    Raises:
        PhoneError: Its token cannot be known now.
    """
    tunnel = settings.tunnel
    if settings.phone.public_url:
        return OwnAddress(settings.phone.public_url, allow_any=way.edge is not None)
    folder = cache / "tunnel"
    match tunnel.provider:
        case TunnelChoice.CLOUDFLARED:
            hostname = tunnel.cloudflare_hostname
            return Cloudflared(
                CloudflaredBinary(folder, way, programs=programs),
                folder,
                hostname=hostname,
                token=_token(secret, "cloudflare_tunnel_token") if hostname else "",
                protocol=tunnel.protocol,
                may_fetch=may_fetch,
                on_progress=on_progress,
                pace=pace,
            )
        case TunnelChoice.NGROK:
            token = _token(secret, "ngrok_authtoken")
            domain = tunnel.ngrok_domain
            return Ngrok(folder, token=token, domain=domain, programs=programs, pace=pace)
        case TunnelChoice.TAILSCALE:
            return TailscaleFunnel(programs=programs)
        case TunnelChoice.NONE:
            return None


def _token(secret: Callable[[str], str], name: str) -> str:
    """Return a token without the space around it; empty if it cannot be one at all."""
    try:
        token = secret(name).strip()
    except DesktopVoiceError as error:
        raise PhoneError(error.code, error.what, error.do) from error
    return token if token.isascii() and token.isprintable() and " " not in token else ""
