"""Telnyx's clock: how far ours is off it, as its API replies tell.

A signed webhook lives for five minutes, so a wrong clock here would refuse every one of them.
"""

from __future__ import annotations

import structlog

from desktop_voice.core.clock import Clock

_WARN_S = 60.0
_CORRECT_S = 300.0
_log = structlog.get_logger()


class CarrierClock:
    """The time by which signatures are judged; used on the media loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_s = 0.0

    @property
    def offset_s(self) -> float:
        """How many seconds we are ahead of the carrier; within a second."""
        return self._offset_s

    @property
    def is_off(self) -> bool:
        """Whether our clock is so wrong that people should set it."""
        return abs(self._offset_s) > _WARN_S

    def note(self, offset_s: float | None) -> None:
        """Take what a reply tells of our clock; None changes nothing."""
        if offset_s is None:
            return
        was_off = self.is_off
        self._offset_s = offset_s
        if self.is_off and not was_off:
            _log.warning("clock_is_off", offset_s=round(self._offset_s))

    def now_s(self) -> float:
        """Seconds since 1970: ours, or the carrier's if ours is more than five minutes off."""
        now_s = self._clock.now().timestamp()
        return now_s - self._offset_s if abs(self._offset_s) > _CORRECT_S else now_s
