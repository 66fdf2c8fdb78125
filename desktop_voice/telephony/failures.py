"""Failures that no one request is to blame for, as errors that a person can read."""

from __future__ import annotations

import structlog

from desktop_voice.core.bus import EventBus
from desktop_voice.core.errors import DesktopVoiceError, PhoneError
from desktop_voice.core.events import Event

_log = structlog.get_logger()


def as_error(error: Exception) -> DesktopVoiceError:
    """Return ``error`` itself if it is ours, else ``PHONE-00`` in its place, which is logged."""
    if isinstance(error, DesktopVoiceError):
        return error
    _log.error("phone failed unexpectedly", exc_info=error)
    return PhoneError(
        "PHONE-00",
        f"The phone failed unexpectedly ({type(error).__name__}).",
        "Try again; if it happens again, see the log.",
        retryable=True,
    )


def nothing_is_told() -> PhoneError:
    """Return the error for a carrier whose webhooks do not come."""
    return PhoneError(
        "PHONE-07",
        "The carrier does not tell this app what happens on the call.",
        "Check the tunnel, the public address and the public key; the next call may work again.",
        retryable=True,
    )


def tell(bus: EventBus, event: Event) -> None:
    """Publish ``event``; that a listener breaks is logged, and no call suffers from it."""
    try:
        bus.publish(event)
    except Exception:  # noqa: BLE001 - a call that nobody can hang up costs money
        _log.exception("event handler failed")


def no_carrier() -> PhoneError:
    """Nobody could be called through, or call."""
    return PhoneError(
        "PHONE-01",
        "No phone carrier is set up.",
        "Choose one in Settings > Phone, and put its keys in the vault.",
    )
