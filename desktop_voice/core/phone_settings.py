"""The settings of the phone: carrier, incoming calls, limits, server."""

from __future__ import annotations

import re
from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator

from desktop_voice.core.calls import CallMode
from desktop_voice.core.setting_types import Section, ShortText

WEBHOOKS_PATH = "/api/voice/webhook"
"""Carriers' webhooks stand below it, each by its carrier's name."""
ANY_WEBHOOK_PATH = "/call/incoming"
"""A webhook of whichever carrier signed the request."""
STREAM_PATH = "/call/stream"
"""Media streams stand below it, each by its ticket."""


class CarrierChoice(StrEnum):
    """Which phone company places and takes calls."""

    NONE = "none"
    TWILIO = "twilio"
    TELNYX = "telnyx"
    PLIVO = "plivo"


class PipelineChoice(StrEnum):
    """Who hears, thinks and speaks on calls; AUTO takes the best that the carrier can do."""

    AUTO = "auto"
    GATHER = "gather"
    MANAGED = "managed"
    CASCADING = "cascading"
    REALTIME = "realtime"


class CallInterruption(StrEnum):
    """What the far end may cut a reply short with."""

    NONE = "none"
    DTMF = "dtmf"
    SPEECH = "speech"
    ANY = "any"


class InterruptSensitivity(StrEnum):
    """How little speech counts as an interruption."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class ToolPolicy(StrEnum):
    """Which tools a caller's words may set off."""

    NONE = "none"
    CURATED = "curated"
    FULL = "full"


class InboundPolicy(StrEnum):
    """Who may call in."""

    DISABLED = "disabled"
    ALLOWLIST = "allowlist"
    PAIRING = "pairing"
    OPEN = "open"


class TunnelChoice(StrEnum):
    """How the carrier reaches this machine when there is no public address of its own."""

    CLOUDFLARED = "cloudflared"
    NGROK = "ngrok"
    TAILSCALE = "tailscale"
    NONE = "none"


class TunnelProtocol(StrEnum):
    """How cloudflared talks to its network."""

    AUTO = "auto"
    QUIC = "quic"
    HTTP2 = "http2"


class AwayChoice(StrEnum):
    """What callers get while this app does not run."""

    RESTORE = "restore"
    MESSAGE = "message"
    FORWARD = "forward"
    VOICEMAIL = "voicemail"
    ADDRESS = "address"


def _public_url(value: str) -> str:
    if value and not value.startswith("https://"):
        raise ValueError("must start with https://, or be empty")
    return value.rstrip("/").lower() if value.count("/") <= 3 else value.rstrip("/")


def _e164(value: str) -> str:
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}", value, re.ASCII):
        raise ValueError("must be written like +14155550123")
    return value


def _e164_or_empty(value: str) -> str:
    return _e164(value) if value else value


def _path_or_empty(value: str) -> str:
    if value and not re.fullmatch(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)+", value, re.ASCII):
        raise ValueError("must be a path like /call/incoming, or be empty")
    return value


def _is_within(path: str, other: str) -> bool:
    """Whether ``path`` is ``other``, or stands below it."""
    return path == other or path.startswith(f"{other}/")


def _language(value: str) -> str:
    language, *rest = value.split("-")
    # A script has four letters, a country two.
    cased = (part.title() if len(part) == 4 else part.upper() for part in rest)
    tag = "-".join((language.lower(), *cased))
    if not re.fullmatch(r"[a-z]{2,3}(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}|[0-9]{3}))?", tag, re.ASCII):
        raise ValueError("must be a language like en-US, es-419 or zh-Hant-TW")
    return tag


def _address(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        raise ValueError("must be an IP address like 127.0.0.1") from None


Number = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_e164_or_empty)]
"""A phone number in E.164, or an empty string."""
Path = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_path_or_empty)]
TimeOfDay = Annotated[str, StringConstraints(pattern=r"^(?:[01][0-9]|2[0-3]):[0-5][0-9]$")]


class PhoneSettings(Section):
    """Phone calls."""

    carrier: CarrierChoice = Field(
        CarrierChoice.NONE,
        title="Carrier",
        description="Which phone company places and takes calls. Its keys belong in the vault.",
    )
    number: Number = Field(
        "",
        title="My number",
        description="Your number at the carrier, like +14155550123. Empty: found in the account.",
    )
    public_url: Annotated[ShortText, AfterValidator(_public_url)] = Field(
        "",
        title="Public address",
        description="Where the carrier reaches this machine, like https://phone.example.com.",
    )
    pipeline: PipelineChoice = Field(
        PipelineChoice.AUTO,
        title="Pipeline",
        description="“cascading” uses the engines of this machine, “gather” lets the carrier hear "
        "and speak, turn by turn; “auto” takes the best that there is.",
        json_schema_extra={"offered": ["auto", "gather", "cascading"]},
    )
    greeting: ShortText = Field(
        "Hello! How can I help you today?",
        title="Greeting",
        description="The first words to somebody who calls.",
    )
    disclosure: bool = Field(
        True,
        title="Say that it is an AI",
        description="The first sentence of every call says that an AI assistant is speaking.",
    )
    disclosure_text: ShortText = Field(
        "Hello, this is an AI assistant.",
        title="What it says of itself",
        description="The sentence for “Say that it is an AI”.",
    )
    language: Annotated[ShortText, AfterValidator(_language)] = Field(
        "en-US",
        title="Language of calls",
        description="The language that the carrier hears and speaks, like en-US or es-419.",
    )
    interruptible: CallInterruption = Field(
        CallInterruption.ANY,
        title="Callers may interrupt",
        description="What cuts a reply short on the phone: nothing, a key, speech, or any of them.",
    )
    interrupt_sensitivity: InterruptSensitivity = Field(
        InterruptSensitivity.MEDIUM,
        title="Interrupt sensitivity",
        description="High: any word interrupts. Low: only a few words in a row do.",
    )
    tool_policy: ToolPolicy = Field(
        ToolPolicy.CURATED,
        title="Tools on calls",
        description="What a known caller may set off. No call has any tools yet.",
        json_schema_extra={"offered": []},
    )


class InboundSettings(Section):
    """Incoming calls."""

    policy: InboundPolicy = Field(
        InboundPolicy.DISABLED,
        title="Who may call in",
        description="“pairing” asks unknown callers for a code that this window shows; “open” lets "
        "anybody talk to the assistant whose number can be told; withheld ones are always refused.",
    )
    mode: CallMode = Field(
        CallMode.CONVERSATION,
        title="Answer with",
        description="“conversation” talks with callers; “notify” says the greeting and hangs up.",
    )
    allow_from: list[str] = Field(
        [],
        title="Allowed numbers",
        description="Only these get through with “allowlist”, and without a code with “pairing”.",
        max_length=500,
        json_schema_extra={"widget": "numbers"},
    )

    @field_validator("allow_from")
    @classmethod
    def _check_numbers(cls, values: list[str]) -> list[str]:
        return [_e164(value.strip()) for value in values]


class CallLimitSettings(Section):
    """Limits of calls."""

    max_duration_s: int = Field(
        300,
        ge=10,
        le=14_400,
        title="Call length",
        description="The call ends here unless you extend it; it is announced 30 s before. Left at "
        "300 s, it is “Longest call” where you change that one.",
        json_schema_extra={"unit": "s"},
    )
    max_call_duration_s: int = Field(
        3600,
        ge=30,
        le=14_400,
        title="Longest call",
        description="No extension passes this; the carrier ends an outgoing call then by itself.",
        json_schema_extra={"unit": "s"},
    )
    ring_timeout_s: int = Field(
        30,
        ge=5,
        le=120,
        title="Let it ring for",
        description="How long an outgoing call may ring.",
        json_schema_extra={"unit": "s"},
    )
    notify_hangup_delay_s: int = Field(
        3,
        ge=0,
        le=30,
        title="Pause after a message",
        description="How long to wait after a message before hanging up.",
        json_schema_extra={"unit": "s"},
    )
    max_concurrent_calls: int = Field(
        2, ge=1, le=10, title="Calls at once", description="More are refused."
    )
    daily_calls: int = Field(
        20, ge=0, le=1000, title="Calls a day", description="Outgoing calls, counted from midnight."
    )
    daily_calls_per_number: int = Field(
        3, ge=0, le=100, title="Calls a day to one number", description="Outgoing calls."
    )
    daily_minutes: int = Field(
        60,
        ge=0,
        le=1440,
        title="Minutes a day",
        description="Outgoing calls in all.",
        json_schema_extra={"unit": "min"},
    )
    quiet_from: TimeOfDay = Field(
        "22:00",
        title="Quiet from",
        description="No outgoing calls from here on, unless you approve one for the night.",
    )
    quiet_until: TimeOfDay = Field(
        "07:00", title="Quiet until", description="Equal times: no quiet hours."
    )
    home_region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] = Field(
        "US",
        title="Home country",
        description="Two letters. Numbers without + are read as this country's.",
    )
    other_regions: list[str] = Field(
        [],
        title="Other countries",
        description="Two letters each. Calls to any other country are refused.",
        max_length=50,
        json_schema_extra={"widget": "regions"},
    )

    @property
    def soft_limit_s(self) -> int:
        """Seconds after which a call ends unless extended: of the two limits the one that was set.

        A settings file may name every setting, so one that has its default counts as not set.
        """
        fields = type(self).model_fields
        is_set = self.max_duration_s != fields["max_duration_s"].default
        is_longest_set = self.max_call_duration_s != fields["max_call_duration_s"].default
        if is_longest_set and not is_set:
            return self.max_call_duration_s
        return min(self.max_duration_s, self.max_call_duration_s)

    @field_validator("other_regions")
    @classmethod
    def _check_regions(cls, values: list[str]) -> list[str]:
        for value in values:
            if not re.fullmatch(r"[A-Z]{2}", value, re.ASCII):
                raise ValueError("must be two capital letters, like US or DE")
        return values


class TunnelSettings(Section):
    """How the carrier reaches this machine."""

    provider: TunnelChoice = Field(
        TunnelChoice.CLOUDFLARED,
        title="Tunnel",
        description="cloudflared needs no account; a public address of your own wins over any.",
    )
    cloudflare_hostname: ShortText = Field(
        "",
        title="Cloudflare hostname",
        description="Of your named tunnel, like phone.example.com; its token belongs in the vault "
        "as cloudflare_tunnel_token. Empty: a quick tunnel with a new name at each start.",
    )
    protocol: TunnelProtocol = Field(
        TunnelProtocol.AUTO,
        title="Protocol of cloudflared",
        description="“http2” uses TCP, for networks that block UDP.",
    )
    ngrok_domain: ShortText = Field(
        "",
        title="Domain at ngrok",
        description="Your domain at ngrok; its token belongs in the vault as ngrok_authtoken.",
    )

    @field_validator("cloudflare_hostname", "ngrok_domain")
    @classmethod
    def _check_hostname(cls, value: str) -> str:
        value = value.strip().lower().rstrip(".")
        label = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
        if value and not re.fullmatch(rf"(?:{label}\.)+{label}", value, re.ASCII):
            raise ValueError("must be a name like phone.example.com, or be empty")
        return value


class AwaySettings(Section):
    """What callers get while this app does not run."""

    choice: AwayChoice = Field(
        AwayChoice.RESTORE,
        title="While the app is closed",
        description="“restore” gives the number back what stood there before; a message, a "
        "forward or a voicemail needs a carrier that can do it by itself.",
    )
    message: ShortText = Field(
        "Nobody can take your call right now. Please try again later.",
        title="Message",
        description="What “message” says.",
    )
    forward_to: Number = Field(
        "",
        title="Forward to",
        description="Where “forward” sends callers, like +14155550123.",
    )
    email: ShortText = Field(
        "", title="Voicemail to", description="The e-mail address that “voicemail” sends to."
    )
    address: Annotated[ShortText, AfterValidator(_public_url)] = Field(
        "",
        title="Webhook while away",
        description="An https address of yours that answers the carrier, for “address”.",
    )


class ServerSettings(Section):
    """Server for the carrier."""

    port: int = Field(
        8000,
        ge=1024,
        le=65_535,
        title="Port",
        description="Where tunnels find this app, or the next free one; from the next start on.",
    )
    bind: Annotated[ShortText, AfterValidator(_address)] = Field(
        "127.0.0.1",
        title="Address",
        description="127.0.0.1 admits this machine only, which tunnels need; 0.0.0.0 admits every "
        "machine that can reach this one. From the next start.",
    )
    webhook_path: Path = Field(
        "", title="Extra webhook path", description="A further path for webhooks, like /call/me."
    )
    stream_path: Path = Field(
        "",
        title="Extra stream path",
        description="The path that carriers are given for media streams, in place of /call/stream.",
    )

    @property
    def admits_others(self) -> bool:
        """Whether other machines than this one can reach the port."""
        return not ip_address(self.bind).is_loopback

    @field_validator("webhook_path")
    @classmethod
    def _check_webhook_path(cls, value: str) -> str:
        if any(_is_within(value, own) for own in (WEBHOOKS_PATH, STREAM_PATH)):
            raise ValueError(f"must be outside {WEBHOOKS_PATH} and {STREAM_PATH}, the app's own")
        return value

    @field_validator("stream_path")
    @classmethod
    def _check_stream_path(cls, value: str, info: ValidationInfo) -> str:
        if any(_is_within(value, own) for own in (WEBHOOKS_PATH, ANY_WEBHOOK_PATH)):
            raise ValueError(
                f"must be outside {WEBHOOKS_PATH} and {ANY_WEBHOOK_PATH}, for webhooks"
            )
        webhook_path = info.data.get("webhook_path", "")
        if value and webhook_path and _is_within(webhook_path, value):
            raise ValueError("must be another path than the extra webhook path, and not above it")
        return value
