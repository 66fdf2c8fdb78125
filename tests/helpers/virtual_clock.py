"""A clock that stands still until a test moves it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

FRIDAY_AFTERNOON = datetime(2026, 11, 20, 15, 45, tzinfo=timezone(timedelta(hours=1), "CET"))


class VirtualClock:
    """Time that passes only by :meth:`advance`, and a wall clock that can be set."""

    def __init__(self, now: datetime = FRIDAY_AFTERNOON) -> None:
        self._now = now
        self._monotonic = 1000.0

    def monotonic(self) -> float:
        """Seconds since some fixed point."""
        return self._monotonic

    def now(self) -> datetime:
        """The local date and time."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._monotonic += seconds
        self._now += timedelta(seconds=seconds)

    def set_wall(self, now: datetime) -> None:
        """Set the clock on the wall, without time passing."""
        self._now = now
