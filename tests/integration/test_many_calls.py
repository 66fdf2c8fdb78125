"""Calls one after the other and four at once: nobody hears another one's words, nothing is left."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.many_calls import measure
from tests.helpers.recordings import Recordings


@pytest.mark.timeout(180)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
async def test_every_caller_gets_their_own_answer_and_nothing_is_left(
    recordings: Recordings, tmp_path: Path
) -> None:
    found = await measure(recordings, tmp_path, sequence=6, rounds=1, warm_up=1)
    assert found.wrong == []
    assert len(found.latencies_ms) == 6
    assert len(found.lines) == 4
    assert found.growth_mb < 20
    assert found.tasks[1] <= found.tasks[0]
    assert found.fds[1] <= found.fds[0]
