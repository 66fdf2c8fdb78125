"""Reach: the way from a caller to this machine, hop by hop, and what can be done about each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.core.phone_settings import InboundPolicy, TunnelChoice


class Hop(StrEnum):
    """What must be right for a call to come in, in the order in which it is checked.

    The number comes after the round trip: it is never sent to an address that was not proven.
    """

    KEYS = "keys"
    LOGIN = "login"
    ACCOUNT = "account"
    CLOCK = "clock"
    NUMBER = "number"
    LISTENER = "listener"
    TUNNEL = "tunnel"
    DNS = "dns"
    TLS = "tls"
    ROUND_TRIP = "round_trip"
    MEDIA = "media"
    NUMBER_WEBHOOK = "number_webhook"
    POLICY = "policy"
    ENGINES = "engines"
    CALL = "call"

    @property
    def label(self) -> str:
        """Its name for people."""
        return _NAMES[self]


_NAMES = {
    Hop.KEYS: "Keys",
    Hop.LOGIN: "Log in",
    Hop.ACCOUNT: "Account",
    Hop.CLOCK: "Clock",
    Hop.NUMBER: "Number",
    Hop.LISTENER: "Server",
    Hop.TUNNEL: "Tunnel",
    Hop.DNS: "Public name",
    Hop.TLS: "Certificate",
    Hop.ROUND_TRIP: "Round trip",
    Hop.MEDIA: "Sound",
    Hop.NUMBER_WEBHOOK: "Webhook",
    Hop.POLICY: "Who may call",
    Hop.ENGINES: "Engines",
    Hop.CALL: "First call",
}


class HopState(StrEnum):
    """How a hop is."""

    WAITING = "waiting"
    RUNNING = "running"
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


class Fix(StrEnum):
    """What a button can do about a hop."""

    NONE = ""
    ENTER_KEYS = "enter_keys"
    UNLOCK_VAULT = "unlock_vault"
    CHOOSE_NUMBER = "choose_number"
    FETCH_CLOUDFLARED = "fetch_cloudflared"
    RESTART_TUNNEL = "restart_tunnel"
    USE_HTTP2 = "use_http2"
    POINT_NUMBER = "point_number"
    CHOOSE_POLICY = "choose_policy"
    CHECK_AGAIN = "check_again"
    REHEARSE = "rehearse"

    @property
    def label(self) -> str:
        """What stands on its button."""
        return _LABELS[self]


_LABELS = {
    Fix.NONE: "",
    Fix.ENTER_KEYS: "Enter keys",
    Fix.UNLOCK_VAULT: "Unlock the vault",
    Fix.CHOOSE_NUMBER: "Choose a number",
    Fix.FETCH_CLOUDFLARED: "Download cloudflared",
    Fix.RESTART_TUNNEL: "Restart the tunnel",
    Fix.USE_HTTP2: "Connect over TCP",
    Fix.POINT_NUMBER: "Send its calls here",
    Fix.CHOOSE_POLICY: "Choose who may call",
    Fix.CHECK_AGAIN: "Check again",
    Fix.REHEARSE: "Rehearse a call",
}


@dataclass(frozen=True, slots=True)
class HopReport:
    """How one hop is: for people, without secrets.

    Attributes:
        text: What was found, one sentence.
        code: Of a failure or a warning; listed in the user guide.
        do: What the user can do about it.
        fix: What a button beside it would do.
        took_ms: How long the hop itself took, where that says something; negative: it does not.
    """

    hop: Hop
    state: HopState
    text: str = ""
    code: str = ""
    do: str = ""
    fix: Fix = Fix.NONE
    took_ms: float = -1.0

    @classmethod
    def failed(
        cls,
        hop: Hop,
        error: DesktopVoiceError,
        fix: Fix = Fix.CHECK_AGAIN,
        *,
        is_fatal: bool = True,
    ) -> HopReport:
        """Return the report of an error; with ``is_fatal`` False it is a warning."""
        state = HopState.FAILED if is_fatal else HopState.WARNING
        return cls(hop, state, error.what, error.code, error.do, fix)

    def after(self, seconds: float) -> HopReport:
        """Return the same with the time that it took."""
        return replace(self, took_ms=seconds * 1000)


@dataclass(frozen=True, slots=True)
class NumberChoice:
    """A number of the account that can carry voice, in E.164, as the user picks it."""

    number: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class SetUpWish:
    """What the user chose for "make my number work"; what is None stays as the settings have it.

    Attributes:
        carrier: Whose keys to use.
        number: Which of the account's numbers; empty: the only one.
        tunnel: How the carrier reaches this machine.
        policy: Who may call in.
        allow_from: Numbers in E.164 that may call.
        greeting: The first words to callers.
        rehearses: Whether to end with a rehearsed call.
        takes_over: Whether the number may be taken from something else that has its calls.
    """

    carrier: CarrierName
    number: str = ""
    tunnel: TunnelChoice | None = None
    policy: InboundPolicy | None = None
    allow_from: tuple[str, ...] | None = None
    greeting: str | None = None
    rehearses: bool = False
    takes_over: bool = False


class ReachState(StrEnum):
    """Whether a caller would get through now."""

    OFF = "off"
    CHECKING = "checking"
    READY = "ready"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Reach:
    """How the number is reached: what the tray and the pages show.

    Attributes:
        base: The public address, ``https://host``; empty: there is none.
        number: The number whose calls come here, in E.164; empty: none yet.
        hops: The last report of each hop that was looked at, in order.
    """

    state: ReachState = ReachState.OFF
    base: str = ""
    number: str = ""
    hops: tuple[HopReport, ...] = ()

    @property
    def broken(self) -> HopReport | None:
        """The first hop that fails."""
        return next((hop for hop in self.hops if hop.state is HopState.FAILED), None)
