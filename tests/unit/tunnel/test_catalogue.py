"""Which tunnel the settings ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from desktop_voice.core.errors import PhoneError, VaultError
from desktop_voice.core.phone_settings import TunnelChoice
from desktop_voice.core.settings import Settings
from desktop_voice.tunnel.catalogue import make_tunnel
from desktop_voice.tunnel.cloudflared import Cloudflared
from desktop_voice.tunnel.ngrok import Ngrok
from desktop_voice.tunnel.own_address import OwnAddress
from desktop_voice.tunnel.tailscale import TailscaleFunnel
from desktop_voice.tunnel.tunnel import Tunnel
from desktop_voice.tunnel.way import PublicWay


def tunnel_for(folder: Path, way: PublicWay | None = None, **sections: Any) -> Tunnel | None:
    settings = Settings.model_validate(sections)
    return make_tunnel(
        settings, lambda _name: "", programs=None, cache=folder, way=way or PublicWay()
    )


@pytest.mark.parametrize(
    ("provider", "kind"),
    [("cloudflared", Cloudflared), ("ngrok", Ngrok), ("tailscale", TailscaleFunnel)],
)
def test_each_provider_has_its_tunnel(provider: str, kind: type, tmp_path: Path) -> None:
    tunnel = tunnel_for(tmp_path, tunnel={"provider": provider})
    assert isinstance(tunnel, kind)
    assert tunnel is not None
    assert tunnel.provider == provider
    assert tunnel.base == ""
    assert tunnel.tells_client == (provider == "cloudflared")


def test_none_is_none(tmp_path: Path) -> None:
    assert tunnel_for(tmp_path, tunnel={"provider": "none"}) is None


@pytest.mark.parametrize("provider", list(TunnelChoice))
def test_an_own_address_wins(provider: TunnelChoice, tmp_path: Path) -> None:
    phone = {"public_url": "https://phone.example.com"}
    tunnel = tunnel_for(tmp_path, phone=phone, tunnel={"provider": provider})
    assert isinstance(tunnel, OwnAddress)
    assert tunnel.provider is TunnelChoice.NONE


async def test_an_own_address_is_checked_but_in_a_rehearsal(tmp_path: Path) -> None:
    phone = {"public_url": "https://10.0.0.1"}
    tunnel = tunnel_for(tmp_path, phone=phone)
    assert tunnel is not None
    with pytest.raises(PhoneError):
        await tunnel.start("http://127.0.0.1:1")
    rehearsed = tunnel_for(tmp_path, PublicWay(edge=("127.0.0.1", 1)), phone=phone)
    assert rehearsed is not None
    assert await rehearsed.start("http://127.0.0.1:1") == "https://10.0.0.1"


@pytest.mark.parametrize(
    ("tunnel", "asked"),
    [
        ({"provider": "cloudflared"}, []),
        (
            {"provider": "cloudflared", "cloudflare_hostname": "a.example.com"},
            ["cloudflare_tunnel_token"],
        ),
        ({"provider": "ngrok"}, ["ngrok_authtoken"]),
        ({"provider": "tailscale"}, []),
    ],
)
def test_only_the_secret_that_is_needed_is_asked_for(
    tunnel: dict[str, str], asked: list[str], tmp_path: Path
) -> None:
    names: list[str] = []

    def secret(name: str) -> str:
        names.append(name)
        return "x"

    settings = Settings.model_validate({"tunnel": tunnel})
    make_tunnel(settings, secret, programs=None, cache=tmp_path, way=PublicWay())
    assert names == asked


async def test_nothing_is_downloaded_unless_it_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    tunnel = tunnel_for(tmp_path, PublicWay(edge=("127.0.0.1", 1)))
    assert tunnel is not None
    with pytest.raises(PhoneError) as caught:
        await tunnel.start("http://127.0.0.1:1")
    assert (caught.value.code, caught.value.do) == ("TUNNEL-01", "Download cloudflared.")


@pytest.mark.parametrize(
    "rubbish", ["", " \n", "a\0b", "cloudflared service install x", "schlüssel"]
)
async def test_what_can_be_no_token_is_refused_as_one(
    rubbish: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for section in (
        {"provider": "ngrok"},
        {"provider": "cloudflared", "cloudflare_hostname": "a.example.com"},
    ):
        settings = Settings.model_validate({"tunnel": section})
        tunnel = make_tunnel(
            settings, lambda _name: rubbish, programs=None, cache=tmp_path, way=PublicWay()
        )
        assert tunnel is not None
        with pytest.raises(PhoneError) as caught:
            await tunnel.start("http://127.0.0.1:1")
        assert caught.value.code == "TUNNEL-09"


@pytest.mark.parametrize("name", ["cloudflare", "ngrok"])
def test_a_token_that_cannot_be_read_now_is_told_as_such(name: str, tmp_path: Path) -> None:
    def secret(_name: str) -> str:
        raise VaultError("VAULT-01", "The vault is locked.", "Unlock it.")

    chosen = (
        {"provider": "ngrok"} if name == "ngrok" else {"cloudflare_hostname": "phone.example.com"}
    )
    settings = Settings.model_validate({"tunnel": chosen})
    with pytest.raises(PhoneError) as locked:
        make_tunnel(settings, secret, programs=None, cache=tmp_path, way=PublicWay())
    assert locked.value.code == "VAULT-01"
