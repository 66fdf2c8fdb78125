from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from desktop_voice.telephony.carriers.telnyx_clock import CarrierClock
from tests.helpers.virtual_clock import VirtualClock

THEIRS = datetime(2026, 11, 20, 14, 45, tzinfo=UTC)


def clock_off_by(seconds: float) -> tuple[CarrierClock, VirtualClock]:
    """A clock of ours that is so many seconds ahead of the carrier's."""
    ours = VirtualClock(THEIRS + timedelta(seconds=seconds))
    clock = CarrierClock(ours)
    clock.note(seconds)
    return clock, ours


@pytest.mark.parametrize("off_s", [0, 60, -60, 61, -61, 300, -300])
def test_up_to_five_minutes_our_own_clock_counts(off_s: int) -> None:
    clock, ours = clock_off_by(off_s)
    assert clock.now_s() == ours.now().timestamp()
    assert clock.offset_s == off_s
    assert clock.is_off == (abs(off_s) > 60)


@pytest.mark.parametrize("off_s", [301, -301, 3600, -86_400, 800_000_000])
def test_beyond_five_minutes_the_carriers_counts(off_s: int) -> None:
    clock, ours = clock_off_by(off_s)
    assert clock.now_s() == THEIRS.timestamp()
    ours.advance(10)
    assert clock.now_s() == THEIRS.timestamp() + 10
    assert clock.is_off


def test_a_clock_that_was_set_counts_again_with_the_next_reply() -> None:
    clock, ours = clock_off_by(7200)
    ours.set_wall(THEIRS + timedelta(seconds=1))
    clock.note(None)
    assert clock.is_off
    clock.note(1)
    assert not clock.is_off
    assert clock.now_s() == ours.now().timestamp()
