"""Reach in words: what the page, the tray and screen readers say of the way to this machine."""

from __future__ import annotations

from desktop_voice.core.numbers import display
from desktop_voice.core.phone_settings import InboundPolicy
from desktop_voice.core.reach import Fix, HopReport, HopState, Reach, ReachState

_SHAPES = {
    HopState.WAITING: "○",
    HopState.RUNNING: "◐",
    HopState.OK: "✓",
    HopState.WARNING: "⚠",
    HopState.FAILED: "✕",
    HopState.SKIPPED: "–",
}
_STATES = {
    HopState.WAITING: "Not checked yet",
    HopState.RUNNING: "Checking…",
    HopState.OK: "OK",
    HopState.WARNING: "Look at this",
    HopState.FAILED: "Failed",
    HopState.SKIPPED: "Skipped",
}
_TITLES = {
    ReachState.OFF: "Will a caller get through?",
    ReachState.CHECKING: "Checking the way to your number…",
    ReachState.READY: "Your number works",
    ReachState.BROKEN: "Callers cannot get through",
}
_POLICIES = {
    InboundPolicy.DISABLED: "Nobody may call in yet.",
    InboundPolicy.ALLOWLIST: "Only the allowed numbers get through.",
    InboundPolicy.PAIRING: "New callers need a code from this window.",
    InboundPolicy.OPEN: "Anybody may call in.",
}
_FIXES_OF_THE_USER = frozenset(
    {Fix.ENTER_KEYS, Fix.UNLOCK_VAULT, Fix.CHOOSE_NUMBER, Fix.CHOOSE_POLICY}
)


def hop_shape(state: HopState) -> str:
    """Return the sign of a state; each state has its own, whatever its colour."""
    return _SHAPES[state]


def hop_state_text(report: HopReport) -> str:
    """Return a hop's state in a word or two."""
    if report.state is HopState.WAITING and report.text:
        return "Waiting for you"
    return _STATES[report.state]


def hop_kind(state: HopState) -> str:
    """Return what the style sheet calls a hop's state."""
    return f"hop-{state.value}"


def took_text(took_ms: float) -> str:
    """Return how long a hop took, such as ``84 ms`` or ``2.1 s``; empty if that says nothing."""
    if took_ms < 0:
        return ""
    return f"{took_ms:.0f} ms" if took_ms < 1000 else f"{took_ms / 1000:.1f} s"


def reach_title(state: ReachState) -> str:
    """Return whether callers get through, as a heading."""
    return _TITLES[state]


def policy_text(policy: InboundPolicy) -> str:
    """Return who may call in, in a short sentence."""
    return _POLICIES[policy]


def hop_words(report: HopReport) -> str:
    """Return what was found at a hop, or at least which it is."""
    return report.text or f"{report.hop.label}: {hop_state_text(report).lower()}."


def number_sentence(reach: Reach) -> str:
    """Return where calls go while the number works."""
    number = display(reach.number) if reach.number else "your number"
    return f"Calls to {number} reach this machine."


def needs_user(fix: Fix) -> bool:
    """Whether a fix leads to something that only the user can enter or choose."""
    return fix in _FIXES_OF_THE_USER
