"""Frames: cutting a stream of any chunks loses and reorders nothing."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.audio.frames import (
    FRAME_MS,
    FRAME_SAMPLES,
    SAMPLE_RATE_HZ,
    Framer,
    duration_ms,
    silence,
)


@given(
    chunk_lengths=st.lists(st.integers(0, 900), max_size=30),
    frame_samples=st.integers(1, 512),
)
def test_chunks_of_any_length_become_frames_of_one_length_in_order(
    chunk_lengths: list[int], frame_samples: int
) -> None:
    stream = np.arange(sum(chunk_lengths), dtype=np.int32).astype(np.int16)
    framer = Framer(frame_samples)
    frames = []
    for chunk in np.split(stream, np.cumsum(chunk_lengths))[: len(chunk_lengths)]:
        frames.extend(framer.push(chunk))
    assert [len(frame) for frame in frames] == [frame_samples] * (len(stream) // frame_samples)
    if frames:
        joined = np.concatenate(frames)
        assert np.array_equal(joined, stream[: len(joined)])


def test_what_waits_for_a_whole_frame_outlives_the_buffer_it_came_in() -> None:
    framer = Framer(4)
    buffer = np.array([1, 2, 3], dtype=np.int16)
    assert framer.push(buffer) == []
    buffer[:] = 9
    assert framer.push(np.array([4], dtype=np.int16))[0].tolist() == [1, 2, 3, 4]


def test_clear_forgets_what_waits() -> None:
    framer = Framer(4)
    framer.push(np.array([1, 2, 3], dtype=np.int16))
    framer.clear()
    assert framer.push(np.array([5, 6, 7, 8], dtype=np.int16))[0].tolist() == [5, 6, 7, 8]


def test_silence_and_duration_agree() -> None:
    assert duration_ms(len(silence(FRAME_MS))) == FRAME_MS
    assert len(silence(FRAME_MS)) == FRAME_SAMPLES
    assert duration_ms(len(silence(1000, 8000)), 8000) == 1000
    assert silence(1000).dtype == np.int16
    assert len(silence(1000)) == SAMPLE_RATE_HZ
    assert not silence(1000).any()
