"""Timers and alarms ring once, on time, and survive restarts and clock changes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from desktop_voice.agent.alarms import Alarm, AlarmKind, Alarms
from tests.helpers.virtual_clock import FRIDAY_AFTERNOON, VirtualClock


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "alarms.json"


def _rung(alarms: Alarms) -> list[Alarm]:
    rung: list[Alarm] = []
    alarms.ring_due(rung.append)
    return rung


def test_a_timer_rings_once_when_its_time_has_passed(clock: VirtualClock, file: Path) -> None:
    alarms = Alarms(file, clock)
    timer = alarms.set_timer(600, "pasta")
    clock.advance(599)
    assert _rung(alarms) == []
    assert alarms.seconds_left(timer) == 1
    clock.advance(1)
    assert _rung(alarms) == [timer]
    assert _rung(alarms) == []
    assert alarms.pending() == []


def test_several_run_at_once_and_the_next_comes_first(clock: VirtualClock, file: Path) -> None:
    alarms = Alarms(file, clock)
    eggs = alarms.set_timer(300, "eggs")
    tea = alarms.set_timer(120, "tea")
    wake = alarms.set_alarm(datetime(2026, 11, 20, 15, 48), "wake")
    assert alarms.pending() == [tea, wake, eggs]
    clock.advance(200)
    assert _rung(alarms) == [tea, wake]
    assert alarms.pending() == [eggs]


def test_a_restart_loses_none(clock: VirtualClock, file: Path) -> None:
    first = Alarms(file, clock)
    timer = first.set_timer(600, "pasta")
    alarm = first.set_alarm(datetime(2026, 11, 21, 7, 0))
    reminder = first.set_timer(60, "call home", kind=AlarmKind.REMINDER)
    again = Alarms(file, clock)
    assert again.pending() == [reminder, timer, alarm]


def test_what_fell_due_while_nothing_ran_rings_at_once_and_counts_as_late(
    clock: VirtualClock, file: Path
) -> None:
    timer = Alarms(file, clock).set_timer(600)
    clock.advance(3600)
    again = Alarms(file, clock)
    assert again.is_late(timer)
    assert _rung(again) == [timer]
    assert Alarms(file, clock).pending() == []


def test_a_crash_while_ringing_rings_again(clock: VirtualClock, file: Path) -> None:
    alarms = Alarms(file, clock)
    timer = alarms.set_timer(1)
    clock.advance(2)

    def crash(_alarm: Alarm) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        alarms.ring_due(crash)
    assert _rung(Alarms(file, clock)) == [timer]


def test_a_cancelled_timer_stays_silent(clock: VirtualClock, file: Path) -> None:
    alarms = Alarms(file, clock)
    tea = alarms.set_timer(60, "tea")
    eggs = alarms.set_timer(60, "eggs")
    alarms.cancel([tea])
    clock.advance(61)
    assert _rung(alarms) == [eggs]


def test_a_clock_set_back_does_not_lengthen_a_timer(clock: VirtualClock, file: Path) -> None:
    alarms = Alarms(file, clock)
    alarms.set_timer(600)
    clock.set_wall(FRIDAY_AFTERNOON - timedelta(hours=3))
    assert _rung(alarms) == []
    clock.advance(599)
    assert _rung(alarms) == []
    clock.advance(1)
    assert len(_rung(alarms)) == 1


def test_time_asleep_counts_for_a_timer(clock: VirtualClock, file: Path) -> None:
    alarms = Alarms(file, clock)
    timer = alarms.set_timer(600)
    clock.set_wall(FRIDAY_AFTERNOON + timedelta(hours=1))
    assert _rung(alarms) == [timer]


def test_a_change_of_zone_moves_alarms_but_not_timers(clock: VirtualClock, file: Path) -> None:
    alarms = Alarms(file, clock)
    alarm = alarms.set_alarm(datetime(2026, 11, 20, 16, 45))
    timer = alarms.set_timer(7200)
    two_hours_east = timezone(timedelta(hours=3))
    clock.set_wall(FRIDAY_AFTERNOON.astimezone(two_hours_east))
    assert alarms.seconds_left(timer) == 7200
    assert _rung(alarms) == [alarm]


def test_an_unreadable_file_is_set_aside(clock: VirtualClock, file: Path) -> None:
    file.parent.mkdir()
    file.write_text('[{"number": "not')
    alarms = Alarms(file, clock)
    assert alarms.pending() == []
    timer = alarms.set_timer(60)
    assert Alarms(file, clock).pending() == [timer]
    assert file.with_suffix(".broken.json").exists()


def test_a_folder_that_cannot_be_written_leaves_the_timer_running(
    clock: VirtualClock, tmp_path: Path
) -> None:
    (tmp_path / "data").write_text("a file where a folder should be")
    alarms = Alarms(tmp_path / "data" / "alarms.json", clock)
    timer = alarms.set_timer(1)
    clock.advance(1)
    assert _rung(alarms) == [timer]


@contextlib.asynccontextmanager
async def _running(alarms: Alarms) -> AsyncIterator[asyncio.Queue[Alarm]]:
    rung: asyncio.Queue[Alarm] = asyncio.Queue()
    task = asyncio.create_task(alarms.run(rung.put_nowait))
    try:
        yield rung
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_the_task_rings_what_is_set_while_it_runs(clock: VirtualClock, file: Path) -> None:
    alarms = Alarms(file, clock, check_every_s=0.01)
    async with _running(alarms) as rung:
        timer = alarms.set_timer(30)
        clock.advance(31)
        assert await rung.get() == timer
        another = alarms.set_timer(0)
        assert await rung.get() == another
