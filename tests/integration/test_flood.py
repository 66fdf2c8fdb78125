"""A flood on the public listener, in short: a live call loses nothing and genuine webhooks pass."""

from __future__ import annotations

import sys

import pytest

from benchmarks.flood import flood


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
async def test_a_live_call_loses_no_frame_in_a_flood() -> None:
    result = await flood(seconds=4.0, bad_per_s=1000, slow=1000)
    assert result.bad_per_s > 100
    assert result.slow_dropped > 500
    assert result.frames_sent > 200
    assert result.frames_lost == 0
    assert result.effects == 0
    assert result.genuine_answered > result.genuine_asked / 2
    assert result.fds_after == result.fds_before
    assert result.rss_growth_mb < 30
