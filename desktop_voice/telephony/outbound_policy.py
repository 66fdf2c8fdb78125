"""Outbound policy: which calls are not placed, approved or not, and why."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime, time

from desktop_voice.core.approvals import CallOrder
from desktop_voice.core.errors import PhoneError
from desktop_voice.core.numbers import why_refused
from desktop_voice.core.phone_settings import CallLimitSettings
from desktop_voice.storage.call_rows import Usage

_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_TOMORROW = "Wait until tomorrow, or change the limits of calls in the settings."


def check_order(
    order: CallOrder,
    settings: CallLimitSettings,
    own_numbers: Collection[str],
    usage: Usage,
    live_count: int,
    now: datetime,
) -> None:
    """Return if the call may be placed now, before this call is counted.

    Args:
        order: The call.
        settings: The user's limits.
        own_numbers: The account's numbers, E.164; they are not called.
        usage: What was dialled today, with the count of ``order.number``.
        live_count: How many calls are going on.
        now: The local time, by which the quiet hours go.

    Raises:
        PhoneError: It may not: a number that is not called (PHONE-20 to PHONE-25), quiet hours
            (PHONE-26), a limit of the day (PHONE-27), too many calls at once (PHONE-28), or an
            order beyond the settings (PHONE-29).
    """
    refusal = (
        why_refused(order.number, own_numbers, settings.home_region, settings.other_regions)
        or _beyond_settings(order, settings)
        or _quiet_hours(order, settings, now.time())
        or _used_up(settings, usage)
        or _too_many(settings, live_count)
    )
    if refusal is not None:
        raise refusal


def is_quiet(settings: CallLimitSettings, at: time) -> bool:
    """Return whether ``at`` is within the quiet hours, which may pass midnight."""
    begin, end = time.fromisoformat(settings.quiet_from), time.fromisoformat(settings.quiet_until)
    at = at.replace(tzinfo=None)
    if begin <= end:
        return begin <= at < end
    return at >= begin or at < end


def _beyond_settings(order: CallOrder, settings: CallLimitSettings) -> PhoneError | None:
    if not _E164.fullmatch(order.own_number):
        return PhoneError(
            "PHONE-29",
            "The number to call from is no phone number.",
            "Choose it in Settings > Phone > My number.",
        )
    if not 0 < order.soft_limit_s <= order.hard_limit_s <= settings.max_call_duration_s:
        return PhoneError(
            "PHONE-29",
            "This call might last longer than the settings allow.",
            "Ask for it again, or change the limits of calls in the settings.",
        )
    return None


def _quiet_hours(order: CallOrder, settings: CallLimitSettings, at: time) -> PhoneError | None:
    if order.at_night or not is_quiet(settings, at):
        return None
    return PhoneError(
        "PHONE-26",
        f"No calls are made from {settings.quiet_from} to {settings.quiet_until}.",
        "Wait until the quiet hours are over, or ask for this call as one for the night.",
        retryable=True,
    )


def _used_up(settings: CallLimitSettings, usage: Usage) -> PhoneError | None:
    if usage.calls >= settings.daily_calls:
        what = f"The {settings.daily_calls} calls of today are used up."
    elif usage.calls_to_number >= settings.daily_calls_per_number:
        what = f"This number's {settings.daily_calls_per_number} calls of today are used up."
    elif usage.seconds >= settings.daily_minutes * 60:
        what = f"The {settings.daily_minutes} minutes of today are used up."
    else:
        return None
    return PhoneError("PHONE-27", what, _TOMORROW)


def _too_many(settings: CallLimitSettings, live_count: int) -> PhoneError | None:
    if live_count < settings.max_concurrent_calls:
        return None
    return PhoneError(
        "PHONE-28",
        "As many calls as allowed are going on already.",
        "Wait until one is over, or hang up.",
        retryable=True,
    )
