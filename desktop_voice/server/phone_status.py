"""The phone's status in words: whether calls can be made and taken, and what is in the way."""

from __future__ import annotations

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.events import PhoneStatusChanged
from desktop_voice.core.phone_settings import InboundPolicy


def phone_status(
    carrier: CarrierName | None, base: str, policy: InboundPolicy
) -> PhoneStatusChanged:
    """Return how the phone stands.

    Args:
        carrier: Whose account is in use; None: none can be.
        base: The public address; empty: there is none.
        policy: Who may call in.
    """
    if carrier is None:
        text = "No carrier is set up. Rehearsals work without one."
    elif not base:
        text = "The carrier cannot reach this machine: there is no public address yet."
    elif policy is InboundPolicy.DISABLED:
        text = f"Ready to call through {carrier.title()}. Incoming calls are refused."
    else:
        text = f"Ready to make and take calls through {carrier.title()}."
    return PhoneStatusChanged(carrier is not None, bool(base), text)
