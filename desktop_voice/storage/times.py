"""Times in the database: whole microseconds since 1970, exact and in order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


def to_us(at: datetime) -> int:
    """Return a time that has a time zone as microseconds since 1970."""
    return (at - _EPOCH) // _TICK


def from_us(at_us: int) -> datetime:
    """Return microseconds since 1970 as a time in UTC."""
    return _EPOCH + at_us * _TICK
