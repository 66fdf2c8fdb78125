"""Retry: what its button on a banner tries again, where there is anything to try."""

from __future__ import annotations

from collections.abc import Callable

from desktop_voice.core.events import ErrorRaised
from desktop_voice.core.ports import AssistantControl, PhoneControl

_OF_THE_DESK = frozenset({"AUDIO", "DESK", "STT", "TTS", "VAD", "WAKE"})
_OF_REACH = frozenset({"REACH", "TUNNEL"})


def retry_of(
    error: ErrorRaised, control: AssistantControl, phone: PhoneControl | None
) -> Callable[[], None] | None:
    """Return what tries again what ``error`` is about; None: no button of ours does.

    The desk opens its devices again and loads the engines that are missing; the phone looks
    whether callers get through.
    """
    area = error.code.partition("-")[0]
    if not error.retryable:
        return None
    if area in _OF_THE_DESK:
        return control.retry
    if area in _OF_REACH and phone is not None:
        return phone.check_reach
    return None
