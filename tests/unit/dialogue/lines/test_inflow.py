"""The inflow: what comes late, in bursts, twice as long or never, as frames on time."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.audio.frames import FRAME_SAMPLES, Frame, Pcm
from desktop_voice.dialogue.lines.inflow import Inflow


def packet(level: int = 8000, ms: int = 20) -> Pcm:
    return np.full(8 * ms, level, dtype=np.int16)


def all_frames(inflow: Inflow, now_s: float) -> list[Frame]:
    frames = []
    while (frame := inflow.take(now_s)) is not None:
        frames.append(frame)
    return frames


def is_loud(frame: Frame) -> bool:
    return bool(np.abs(frame.pcm.astype(int)).max() > 4000)


def test_a_packet_is_handed_on_at_once() -> None:
    inflow = Inflow(8000, 100.0)
    inflow.add(packet())
    inflow.add(packet())
    (first,) = all_frames(inflow, 100.04)
    assert len(first.pcm) == FRAME_SAMPLES
    assert first.time_s == 100.02
    assert inflow.wait_s(100.04) > 0


def test_packets_of_any_length_are_cut_into_frames() -> None:
    inflow = Inflow(8000, 100.0)
    inflow.add(packet(ms=150))
    assert len(all_frames(inflow, 100.15)) == 7


def test_jitter_within_sixty_milliseconds_adds_and_loses_nothing() -> None:
    inflow = Inflow(8000, 100.0)
    frames: list[Frame] = []
    for index in range(0, 100, 3):
        now_s = 100 + (index + 3) * 0.02
        frames += all_frames(inflow, now_s - 0.021)
        for _ in range(3):
            inflow.add(packet())
        frames += all_frames(inflow, now_s)
    assert all(is_loud(frame) for frame in frames)


def test_lost_packets_are_silence_in_their_place() -> None:
    inflow = Inflow(8000, 100.0)
    frames: list[Frame] = []
    for index in range(50):
        if index in (20, 21):
            continue
        inflow.add(packet(), index * 20)
        frames += all_frames(inflow, 100 + (index + 1) * 0.02)
    loud = [is_loud(frame) for frame in frames]
    assert len(frames) == 49
    assert sum(loud) in (47, 48)
    assert not all(loud[19:23])
    assert all(loud[:19])
    assert all(loud[23:])


def test_silence_that_was_given_already_is_not_given_again() -> None:
    inflow = Inflow(8000, 100.0)
    inflow.add(packet(), 0)
    first = all_frames(inflow, 100.02)
    during = all_frames(inflow, 100.22)
    inflow.add(packet(), 200)
    after = all_frames(inflow, 100.24)
    assert 10 <= len(first) + len(during) + len(after) <= 12


def test_a_clock_that_jumps_makes_no_silence() -> None:
    inflow = Inflow(8000, 100.0)
    inflow.add(packet(), 0)
    inflow.add(packet(), 1_705_312_200_000)
    inflow.add(packet(), 5)
    assert len(all_frames(inflow, 100.0)) == 2


@given(
    st.lists(
        st.tuples(st.floats(0, 0.5), st.integers(0, 400), st.one_of(st.none(), st.integers(0, 99))),
        max_size=40,
    )
)
def test_time_only_goes_forward_whatever_comes(
    packets: list[tuple[float, int, int | None]],
) -> None:
    inflow = Inflow(8000, 100.0)
    now_s, last_s = 100.0, 100.0
    for delay_s, ms, stamp in packets:
        now_s += delay_s
        inflow.add(packet(ms=ms), None if stamp is None else stamp * 20)
        for frame in all_frames(inflow, now_s):
            assert len(frame.pcm) == FRAME_SAMPLES
            assert frame.time_s > last_s
            last_s = frame.time_s
        assert last_s >= now_s - 0.081
        assert last_s <= now_s + 0.1 + len(packets) * 0.021
