"""Clocks: time as an argument, so that tests can run on a virtual one."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Monotonic seconds for intervals, and local time for people."""

    def monotonic(self) -> float:
        """Seconds since some fixed point; never goes back."""

    def now(self) -> datetime:
        """The local date and time, with its time zone."""


class SystemClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        """Seconds since some fixed point; never goes back."""
        return time.monotonic()

    def now(self) -> datetime:
        """The local date and time, with its time zone."""
        return datetime.now().astimezone()
