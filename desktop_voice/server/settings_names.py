"""The settings by the names that other programs know them by, for the local API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from desktop_voice.core.errors import CommandError
from desktop_voice.core.settings import SettingChange, Settings

_NAMES = {
    "voice.telephonyProvider": ("phone", "carrier"),
    "provider": ("phone", "carrier"),
    "voice.publicUrl": ("phone", "public_url"),
    "voice.language": ("phone", "language"),
    "language": ("phone", "language"),
    "voice.pipeline": ("phone", "pipeline"),
    "pipeline": ("phone", "pipeline"),
    "streaming.enabled": ("phone", "pipeline"),
    "voice.toolPolicy": ("phone", "tool_policy"),
    "voice.inboundPolicy": ("inbound", "policy"),
    "voice.inboundAllowFrom": ("inbound", "allow_from"),
    "voice.inboundGreeting": ("phone", "greeting"),
    "welcome_message": ("phone", "greeting"),
    "phone_number": ("phone", "number"),
    "interruptible": ("phone", "interruptible"),
    "interrupt_sensitivity": ("phone", "interrupt_sensitivity"),
    "maxDurationSeconds": ("limits", "max_duration_s"),
    "max_call_duration_seconds": ("limits", "max_call_duration_s"),
    "notifyHangupDelaySec": ("limits", "notify_hangup_delay_s"),
    "webhook_path": ("server", "webhook_path"),
    "stream_path": ("server", "stream_path"),
    "tunnel.provider": ("tunnel", "provider"),
    "tunnel.cloudflareHostname": ("tunnel", "cloudflare_hostname"),
    "tunnel.ngrokDomain": ("tunnel", "ngrok_domain"),
}
_VALUES = {
    ("phone", "carrier", "disabled"): "none",
    ("tunnel", "provider", "cloudflare"): "cloudflared",
    ("tunnel", "provider", "tailscale-funnel"): "tailscale",
}
_NO_SETTINGS = {
    "voice": (
        "Calls have no voice of their own: “cascading” speaks with that of the desk, “gather” with "
        "the carrier's for the language.",
        "Choose the desk's in the window, Settings > Speech > Voice, or set “language”.",
    ),
    "voice.silenceTimeoutMs": (
        "How long a silence ends a turn is no setting of the phone: calls are as patient as the "
        "desk, and no greeting is cut short by silence.",
        "See Settings > Turn taking > Patience in the window.",
    ),
}
"""Promised names that nothing here answers to, and what does instead."""
_SECTIONS = ("phone", "inbound", "limits", "tunnel", "away", "server")
"""What the local API shows and changes: the phone, and nothing of the desk."""


def shown(settings: Settings) -> dict[str, Any]:
    """Return the phone's settings as JSON values, by section; they hold no secrets."""
    return settings.model_dump(mode="json", include=set(_SECTIONS))


def changes_of(wanted: Mapping[str, object], settings: Settings) -> tuple[SettingChange, ...]:
    """Return the changes that ``wanted`` asks for, which ``settings`` would take.

    Names are ``section.field`` or the promised ones, such as ``voice.telephonyProvider``.

    Raises:
        CommandError: There is no such setting (``LOCAL-06``), or it cannot have that value
            (``LOCAL-07``); then nothing of it is to be changed.
    """
    changes: list[SettingChange] = []
    for name, value in wanted.items():
        section, field = _NAMES.get(name) or _place(name)
        changes.append((section, field, _meant(name, section, field, value)))
    try:
        settings.with_values(changes)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"][:2])
        why = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise _cannot_be(where, f"{why}.") from None
    return tuple(changes)


def _meant(name: str, section: str, field: str, value: object) -> object:
    """Return ``value`` as the setting knows it."""
    if name == "streaming.enabled":
        if not isinstance(value, bool):
            raise _cannot_be(name, "it is true or false.")
        return "cascading" if value else "gather"
    if not isinstance(value, str):
        return value
    if (section, field, value) == ("tunnel", "provider", "tailscale-serve"):
        # The funnel in its place would open to the internet what was to stay in the tailnet.
        raise _cannot_be(name, "no carrier gets into your tailnet; “tailscale-funnel” lets it in.")
    return _VALUES.get((section, field, value), value)


def _cannot_be(name: str, why: str) -> CommandError:
    return CommandError(
        "LOCAL-07",
        f"The setting {name} cannot have that value: {why}",
        "See its limits in the settings of the window.",
    )


def _place(name: str) -> tuple[str, str]:
    if name in _NO_SETTINGS:
        raise CommandError("LOCAL-06", *_NO_SETTINGS[name])
    section, _, field = name.partition(".")
    is_known = section in _SECTIONS and field in type(getattr(Settings(), section)).model_fields
    if not is_known:
        raise CommandError(
            "LOCAL-06",
            "There is no such setting of the phone.",
            "GET /api/voice/settings lists them.",
        )
    return section, field
