"""The tunnel picker: how the carrier reaches this machine, and what each way needs."""

from __future__ import annotations

from enum import StrEnum

from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop_voice.core.phone_settings import TunnelChoice
from desktop_voice.core.ports import VaultStatus
from desktop_voice.core.settings import SettingChange, Settings
from desktop_voice.ui.pages.carrier_guide import CLOUDFLARE_TOKEN, NGROK_TOKEN
from desktop_voice.ui.pages.key_field import KeyField
from desktop_voice.ui.widgets.labelled_line import LabelledLine
from desktop_voice.ui.widgets.option_list import OptionList


class Way(StrEnum):
    """A way to this machine as people choose it."""

    QUICK = "quick"
    NAMED = "named"
    NGROK = "ngrok"
    TAILSCALE = "tailscale"
    OWN = "own"


_OPTIONS = (
    (
        Way.QUICK.value,
        "Cloudflare quick tunnel",
        "Free, needs no account. It has a new public name at each start; your number follows by "
        "itself. Its program, cloudflared, is downloaded once (40 MB) if it is not here yet.",
    ),
    (
        Way.NAMED.value,
        "Named Cloudflare tunnel",
        "A public name that stays. Needs a domain and a tunnel at Cloudflare.",
    ),
    (
        Way.NGROK.value,
        "ngrok",
        "Needs an ngrok account, and its program on this machine.",
    ),
    (
        Way.TAILSCALE.value,
        "Tailscale Funnel",
        "A public name that stays. Needs Tailscale on this machine, logged in, with Funnel "
        "allowed.",
    ),
    (
        Way.OWN.value,
        "An address of my own",
        "A public https address that already leads to this machine.",
    ),
)
_PROVIDERS = {
    Way.QUICK: TunnelChoice.CLOUDFLARED,
    Way.NAMED: TunnelChoice.CLOUDFLARED,
    Way.NGROK: TunnelChoice.NGROK,
    Way.TAILSCALE: TunnelChoice.TAILSCALE,
    Way.OWN: TunnelChoice.NONE,
}


class TunnelPicker(QWidget):
    """Holds the choice until the set-up is started: looking at a way changes nothing."""

    def __init__(self, settings: Settings, *, has_vault: bool) -> None:
        super().__init__()
        self.options = OptionList(_OPTIONS, "Tunnel")
        self.options.picked.connect(self._show_fields)
        self.hostname = LabelledLine("Hostname", "phone.example.com")
        self.token = KeyField(CLOUDFLARE_TOKEN)
        self.authtoken = KeyField(NGROK_TOKEN)
        self.domain = LabelledLine("Domain (may be left empty)", "name.ngrok.app")
        self.address = LabelledLine("Public address", "https://phone.example.com")
        self._has_vault = has_vault
        self._shown: tuple[object, ...] = ()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        for widget in (
            self.options,
            self.hostname,
            self.token,
            self.authtoken,
            self.domain,
            self.address,
        ):
            column.addWidget(widget)
        self.use_settings(settings)

    @property
    def way(self) -> Way:
        """What is chosen."""
        return Way(self.options.value)

    @property
    def provider(self) -> TunnelChoice:
        """What is chosen, as the settings call it."""
        return _PROVIDERS[self.way]

    @property
    def fields(self) -> tuple[KeyField, ...]:
        """The keys that the choice needs."""
        keys = {Way.NAMED: (self.token,), Way.NGROK: (self.authtoken,)}
        return keys.get(self.way, ()) if self._has_vault else ()

    def use_settings(self, settings: Settings) -> None:
        """Show what ``settings`` hold, unless they hold what they held before."""
        tunnel, own = settings.tunnel, settings.phone.public_url
        held = (tunnel.provider, tunnel.cloudflare_hostname, tunnel.ngrok_domain, own)
        if held == self._shown:
            return
        self._shown = held
        for line, value in (
            (self.hostname, tunnel.cloudflare_hostname),
            (self.domain, tunnel.ngrok_domain),
            (self.address, own),
        ):
            # What another way needed stays for whoever comes back to it.
            if value:
                line.line.setText(value)
        self.options.set_value(_way_of(settings).value)
        self._show_fields()

    def show_status(self, status: VaultStatus) -> None:
        """Show where each key comes from."""
        for field in (self.token, self.authtoken):
            field.show_status(status)

    def changes(self) -> list[SettingChange]:
        """Return the settings that the choice means."""
        way = self.way
        changes: list[SettingChange] = [("tunnel", "provider", _PROVIDERS[way])]
        # An own address and a hostname win over what is chosen: they must not be left behind.
        own = self.address.value if way is Way.OWN else ""
        changes.append(("phone", "public_url", own))
        if way in (Way.QUICK, Way.NAMED):
            name = self.hostname.value if way is Way.NAMED else ""
            changes.append(("tunnel", "cloudflare_hostname", name))
        if way is Way.NGROK:
            changes.append(("tunnel", "ngrok_domain", self.domain.value))
        return changes

    def missing(self) -> LabelledLine | None:
        """Return the line that the choice cannot do without and that is empty."""
        needed = {Way.NAMED: self.hostname, Way.OWN: self.address}.get(self.way)
        return needed if needed is not None and not needed.value else None

    def line_of(self, field: str) -> LabelledLine | None:
        """Return the line that a setting is entered in."""
        lines = {
            "cloudflare_hostname": self.hostname,
            "ngrok_domain": self.domain,
            "public_url": self.address,
        }
        return lines.get(field)

    def _show_fields(self, _way: str = "") -> None:
        way = self.way
        self.hostname.setVisible(way is Way.NAMED)
        self.token.setVisible(way is Way.NAMED and self._has_vault)
        self.authtoken.setVisible(way is Way.NGROK and self._has_vault)
        self.domain.setVisible(way is Way.NGROK)
        self.address.setVisible(way is Way.OWN)


def _way_of(settings: Settings) -> Way:
    provider = settings.tunnel.provider
    if settings.phone.public_url or provider is TunnelChoice.NONE:
        return Way.OWN
    if provider is TunnelChoice.CLOUDFLARED:
        return Way.NAMED if settings.tunnel.cloudflare_hostname else Way.QUICK
    return Way(provider.value)
