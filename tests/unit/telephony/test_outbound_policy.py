"""Outbound policy: each limit refuses what is beyond it and nothing that is within."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.core.errors import PhoneError
from desktop_voice.core.phone_settings import CallLimitSettings
from desktop_voice.storage.call_rows import Usage
from desktop_voice.telephony.outbound_policy import check_order, is_quiet
from tests.helpers.calls import an_order

NONE = Usage(0, 0, 0)
AFTERNOON = datetime(2026, 11, 20, 15, 45, tzinfo=timezone(timedelta(hours=-8)))


def refusal(
    order: Any = None,
    *,
    usage: Usage = NONE,
    live: int = 0,
    now: datetime = AFTERNOON,
    own: tuple[str, ...] = (),
    **limits: Any,
) -> str:
    """Return the code of the refusal, or an empty string."""
    try:
        check_order(order or an_order(), CallLimitSettings(**limits), own, usage, live, now)
    except PhoneError as error:
        return error.code
    return ""


def test_an_ordinary_call_is_placed() -> None:
    assert refusal() == ""


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("911", "PHONE-21"),
        ("+19005551234", "PHONE-22"),
        ("+881612345678", "PHONE-23"),
        ("+18765551234", "PHONE-24"),
        ("+14155550100", "PHONE-25"),
        ("+14155550123\u202e", "PHONE-20"),
        (" +14155550123", "PHONE-20"),
        ("+１４１５５５５０１２３", "PHONE-20"),
    ],
)
def test_numbers_that_are_not_called(number: str, code: str) -> None:
    assert refusal(an_order(number=number), own=("+14155550100",)) == code


def test_other_countries_are_the_users_choice() -> None:
    order = an_order(number="+442071838750")
    assert refusal(order) == "PHONE-24"
    assert refusal(order, other_regions=["GB"]) == ""
    assert refusal(order, home_region="GB") == ""


@pytest.mark.parametrize(
    ("begin", "end", "at", "is_refused"),
    [
        ("22:00", "07:00", "21:59", False),
        ("22:00", "07:00", "22:00", True),
        ("22:00", "07:00", "00:00", True),
        ("22:00", "07:00", "06:59", True),
        ("22:00", "07:00", "07:00", False),
        ("12:00", "14:00", "11:59", False),
        ("12:00", "14:00", "12:00", True),
        ("12:00", "14:00", "13:59", True),
        ("12:00", "14:00", "14:00", False),
        ("08:00", "08:00", "08:00", False),
        ("00:00", "00:00", "00:00", False),
        ("00:00", "23:59", "23:58", True),
        ("23:59", "00:00", "23:59", True),
        ("23:59", "00:00", "00:00", False),
    ],
)
def test_quiet_hours(begin: str, end: str, at: str, is_refused: bool) -> None:
    now = datetime.combine(AFTERNOON.date(), time.fromisoformat(at), AFTERNOON.tzinfo)
    code = refusal(now=now, quiet_from=begin, quiet_until=end)
    assert code == ("PHONE-26" if is_refused else "")
    assert refusal(an_order(at_night=True), now=now, quiet_from=begin, quiet_until=end) == ""


@given(
    *[st.integers(0, 1439)] * 3,
)
def test_quiet_hours_are_those_that_pass_from_their_begin_to_their_end(
    begin: int, end: int, at: int
) -> None:
    def clock(minute: int) -> str:
        return f"{minute // 60:02}:{minute % 60:02}"

    settings = CallLimitSettings(quiet_from=clock(begin), quiet_until=clock(end))
    quiet, minute = set(), begin
    while minute != end:
        quiet.add(minute)
        minute = (minute + 1) % 1440
    assert is_quiet(settings, time.fromisoformat(clock(at))) is (at in quiet)


def test_limits_of_the_day() -> None:
    assert refusal(usage=Usage(19, 0, 0)) == ""
    assert refusal(usage=Usage(20, 0, 0)) == "PHONE-27"
    assert refusal(usage=Usage(3, 0, 2)) == ""
    assert refusal(usage=Usage(3, 0, 3)) == "PHONE-27"
    assert refusal(usage=Usage(1, 3599, 0)) == ""
    assert refusal(usage=Usage(1, 3600, 0)) == "PHONE-27"
    assert refusal(daily_calls=0) == "PHONE-27"
    assert refusal(daily_calls_per_number=0) == "PHONE-27"
    assert refusal(daily_minutes=0) == "PHONE-27"


def test_calls_at_once() -> None:
    assert refusal(live=1) == ""
    assert refusal(live=2) == "PHONE-28"
    assert refusal(live=1, max_concurrent_calls=1) == "PHONE-28"


@pytest.mark.parametrize(
    "changes",
    [
        {"hard_limit_s": 3601},
        {"soft_limit_s": 3600, "hard_limit_s": 3599},
        {"soft_limit_s": 0},
        {"soft_limit_s": -1},
        {"own_number": ""},
        {"own_number": "Ann"},
    ],
)
def test_an_order_beyond_the_settings_is_refused(changes: dict[str, Any]) -> None:
    assert refusal(replace(an_order(), **changes)) == "PHONE-29"
