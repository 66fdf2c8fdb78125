"""Calls in words: what the page, the tray and screen readers say of a call; no Qt widgets."""

from __future__ import annotations

from datetime import datetime, timedelta

from PySide6.QtCore import QLocale

from desktop_voice.core.calls import Call, CallMode, CallState, Direction
from desktop_voice.core.numbers import display, number_facts

_STATES = {
    CallState.PLANNED: "Preparing…",
    CallState.QUEUED: "Dialling…",
    CallState.RINGING: "Ringing…",
    CallState.ANSWERED: "Picked up",
    CallState.TALKING: "Talking",
    CallState.ENDING: "Hanging up…",
    CallState.ENDED: "Ended",
}
_SHAPES = {
    CallState.PLANNED: "○",
    CallState.QUEUED: "◔",
    CallState.RINGING: "◑",
    CallState.ANSWERED: "◕",
    CallState.TALKING: "●",
    CallState.ENDING: "◼",
    CallState.ENDED: "□",
}
_DIRECTIONS = {Direction.INBOUND: "Incoming", Direction.OUTBOUND: "Outgoing"}
_MODES = {CallMode.NOTIFY: "Notify", CallMode.CONVERSATION: "Conversation"}


def number_text(number: str) -> str:
    """Return a far end's number as people write it, or that there is none."""
    return display(number) if number else "Withheld number"


def state_text(state: CallState) -> str:
    """Return a call's state in a word or two."""
    return _STATES[state]


def state_shape(state: CallState) -> str:
    """Return the sign of a state; each state has its own, whatever its colour."""
    return _SHAPES[state]


def direction_text(direction: Direction) -> str:
    """Return who dialled, in a word."""
    return _DIRECTIONS[direction]


def direction_shape(direction: Direction) -> str:
    """Return the arrow of a direction."""
    return "↙" if direction is Direction.INBOUND else "↗"


def mode_text(mode: CallMode) -> str:
    """Return a mode in a word."""
    return _MODES[mode]


def far_side(direction: Direction) -> str:
    """Return how the far end is called in a transcript."""
    return "Caller" if direction is Direction.INBOUND else "Other side"


def country_text(region: str) -> str:
    """Return a country's English name for its two letters; empty if there is none."""
    territory = QLocale.codeToTerritory(region) if len(region) == 2 else None
    if territory is None or territory is QLocale.Country.AnyTerritory:
        return ""
    return QLocale.territoryToString(territory)


def facts_text(number: str) -> str:
    """Return country and kind of an E.164 number, such as ``Italy · landline``."""
    facts = number_facts(number)
    kind = "" if facts.kind == "unknown" else facts.kind
    country = country_text(facts.country) or facts.country or "No country"
    return " · ".join(part for part in (country, kind) if part)


def duration_text(seconds: float) -> str:
    """Return a length as ``0:42``, ``12:05`` or ``1:02:03``."""
    whole = max(0, int(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def limit_text(seconds: int) -> str:
    """Return a limit as people say it, such as ``5 min`` or ``90 s``."""
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"


def talk_time(call: Call, now: datetime) -> timedelta | None:
    """Return how long a call has been, or was, answered; None if nobody did."""
    if call.answered_at is None:
        return None
    return max((call.ended_at or now) - call.answered_at, timedelta())


def outcome_text(call: Call) -> str:
    """Return how a call stands, or why it ended, in a sentence."""
    if call.state.is_live:
        return state_text(call.state)
    return call.reason.text or "Ended."


def when_text(moment: datetime) -> str:
    """Return a UTC time as this place's date and time, such as ``20 Nov 2026, 21:03``."""
    local = moment.astimezone()
    return f"{local.day} {local:%b %Y, %H:%M}"
