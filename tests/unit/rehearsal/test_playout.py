from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.audio.frames import FRAME_SAMPLES, Pcm
from desktop_voice.rehearsal.playout import Playout

steps = st.lists(
    st.integers(1, 1000) | st.sampled_from(["mark", "draw", "clear"]), min_size=1, max_size=40
)


def samples(first: int, count: int) -> Pcm:
    return (np.arange(first, first + count) % 30_000 + 1).astype(np.int16)


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=10))
def test_sound_comes_out_once_and_in_order(lengths: list[int]) -> None:
    playout = Playout()
    whole = samples(0, sum(lengths))
    for start, count in zip(np.cumsum([0, *lengths]), lengths, strict=False):
        playout.play(whole[start : start + count])
    drawn = []
    while (frame := playout.draw()) is not None:
        assert len(frame) == FRAME_SAMPLES
        drawn.append(frame)
    played = np.concatenate(drawn)
    assert np.array_equal(played[: len(whole)], whole)
    assert not played[len(whole) :].any()


@given(steps)
def test_a_mark_is_told_once_when_its_sound_is_over_or_cleared(script: list[int | str]) -> None:
    playout = Playout()
    queued = drawn = 0
    due: dict[int, int] = {}
    told: list[int] = []
    for index, step in enumerate(script):
        if isinstance(step, int):
            playout.play(samples(queued, step))
            queued += step
        elif step == "mark":
            due[index] = queued
            playout.mark(lambda index=index: told.append(index))  # type: ignore[misc]
        elif step == "draw":
            before = drawn
            drawn = min(queued, drawn + FRAME_SAMPLES)
            playout.draw()
            assert all(due[mark] <= before for mark in told)
        else:
            playout.clear()
            drawn = queued
            assert told == list(due)
    while playout.draw() is not None:
        pass
    assert told == list(due)


def test_a_gap_inside_speech_is_counted_and_a_pause_between_replies_is_not() -> None:
    playout = Playout()
    playout.play(samples(0, FRAME_SAMPLES))
    assert playout.draw() is not None
    assert playout.draw() is None
    playout.play(samples(0, FRAME_SAMPLES))
    assert playout.underruns == 1
    playout.clear()
    playout.play(samples(0, FRAME_SAMPLES))
    assert playout.underruns == 1
