"""The machine's clock never goes back and knows its time zone."""

from __future__ import annotations

from desktop_voice.core.clock import SystemClock


def test_intervals_never_go_back() -> None:
    clock = SystemClock()
    readings = [clock.monotonic() for _ in range(100)]
    assert readings == sorted(readings)


def test_the_local_time_has_a_time_zone() -> None:
    assert SystemClock().now().utcoffset() is not None
