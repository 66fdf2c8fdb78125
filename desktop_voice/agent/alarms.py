"""Timers, alarms and reminders: several at once, and none lost by a restart."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

import structlog
from pydantic import TypeAdapter, ValidationError

from desktop_voice.core.clock import Clock
from desktop_voice.storage.atomic import write_atomically

CHECK_EVERY_S = 1.0
LATE_AFTER_S = 60.0
CLOCK_STEP_S = 2.0

_log = structlog.get_logger()


class AlarmKind(StrEnum):
    """What was asked for."""

    TIMER = "timer"
    ALARM = "alarm"
    REMINDER = "reminder"


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that rings once.

    Attributes:
        number: Unique among those pending.
        kind: What was asked for.
        due: For a time of day the local time without a zone, so that seven o'clock stays seven
            o'clock over a journey and the change to summer time; for a duration with its zone.
        duration_s: How long it was set for, or None if it was set for a time of day.
        label: What it is for, such as "pasta"; may be empty.
    """

    number: int
    kind: AlarmKind
    due: datetime
    duration_s: float | None = None
    label: str = ""


_STORED = TypeAdapter(list[Alarm])


class Alarms:
    """All pending timers, alarms and reminders, kept in a JSON file.

    A timer counts real time: if the clock is set back, its due time moves along; a jump forward
    is taken for time the machine slept. An alarm follows the clock on the wall.
    Not thread-safe: everything happens on the loop that runs :meth:`run`.

    Args:
        file: Where they are kept; private, and written whole: a crash leaves the old or the new.
        clock: The time.
        check_every_s: How often the clock is looked at while something is pending.
    """

    def __init__(self, file: Path, clock: Clock, *, check_every_s: float = CHECK_EVERY_S) -> None:
        self._file = file
        self._clock = clock
        self._check_every_s = check_every_s
        self._changed = asyncio.Event()
        self._seen = (clock.monotonic(), clock.now())
        self._pending = self._load()

    def set_timer(
        self, duration_s: float, label: str = "", *, kind: AlarmKind = AlarmKind.TIMER
    ) -> Alarm:
        """Let something ring in ``duration_s`` seconds."""
        due = self._clock.now() + timedelta(seconds=duration_s)
        return self._add(Alarm(self._free_number(), kind, due, duration_s, label))

    def set_alarm(
        self, due: datetime, label: str = "", *, kind: AlarmKind = AlarmKind.ALARM
    ) -> Alarm:
        """Let something ring at ``due``, a local time (its zone, if it has one, is dropped)."""
        return self._add(Alarm(self._free_number(), kind, due.replace(tzinfo=None), label=label))

    def cancel(self, alarms: Sequence[Alarm]) -> None:
        """Forget ``alarms``; those that are gone already do not matter."""
        numbers = {alarm.number for alarm in alarms}
        self._pending = [alarm for alarm in self._pending if alarm.number not in numbers]
        self._save()

    def pending(self) -> list[Alarm]:
        """Return what has not rung yet, the next one first."""
        return sorted(self._pending, key=self._ahead_s)

    def seconds_left(self, alarm: Alarm) -> float:
        """Return how long until ``alarm`` rings; never negative."""
        return max(0.0, self._ahead_s(alarm))

    def is_late(self, alarm: Alarm) -> bool:
        """Return whether ``alarm`` should have rung a minute ago or more."""
        return self._ahead_s(alarm) <= -LATE_AFTER_S

    def ring_due(self, on_due: Callable[[Alarm], None]) -> None:
        """Call ``on_due`` for everything that is due, then forget it.

        In this order: after a crash in between it rings twice rather than never.
        """
        self._follow_clock()
        due = [alarm for alarm in self.pending() if self._ahead_s(alarm) <= 0]
        for alarm in due:
            on_due(alarm)
        if due:
            self.cancel(due)

    async def run(self, on_due: Callable[[Alarm], None]) -> None:
        """Ring until cancelled; ``on_due`` must return at once and must not raise."""
        while True:
            self._changed.clear()
            self.ring_due(on_due)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._check_every_s if self._pending else None):
                    await self._changed.wait()

    def _ahead_s(self, alarm: Alarm) -> float:
        now = self._clock.now()
        if alarm.due.tzinfo is None:
            now = now.replace(tzinfo=None)
        return (alarm.due - now).total_seconds()

    def _follow_clock(self) -> None:
        """Move timers along with a clock that was set back."""
        monotonic, now = self._clock.monotonic(), self._clock.now()
        elapsed = timedelta(seconds=monotonic - self._seen[0])
        step = (now - self._seen[1]) - elapsed
        self._seen = (monotonic, now)
        if step > timedelta(seconds=-CLOCK_STEP_S):
            return
        self._pending = [
            alarm if alarm.duration_s is None else replace(alarm, due=alarm.due + step)
            for alarm in self._pending
        ]
        self._save()

    def _add(self, alarm: Alarm) -> Alarm:
        self._follow_clock()
        self._pending.append(alarm)
        self._save()
        return alarm

    def _free_number(self) -> int:
        taken = {alarm.number for alarm in self._pending}
        return next(number for number in itertools.count(1) if number not in taken)

    def _load(self) -> list[Alarm]:
        try:
            return _STORED.validate_json(self._file.read_bytes())
        except FileNotFoundError:
            return []
        except (ValidationError, OSError) as error:
            _log.warning("alarms_unreadable", reason=type(error).__name__)
            if self._file.is_file():
                with suppress(OSError):
                    self._file.replace(self._file.with_suffix(".broken.json"))
            return []

    def _save(self) -> None:
        self._changed.set()
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(self._file, _STORED.dump_json(self._pending, indent=2))
        except OSError as error:
            _log.warning("alarms_not_saved", reason=type(error).__name__)
