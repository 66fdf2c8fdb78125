"""Levels: what a meter shows, and what a volume slider does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.audio.frames import silence
from desktop_voice.audio.levels import FLOOR_DBFS, rms_dbfs, scaled


def test_silence_and_nothing_are_at_the_floor() -> None:
    assert rms_dbfs(silence(20)) == FLOOR_DBFS
    assert rms_dbfs(silence(0)) == FLOOR_DBFS


def test_a_full_square_wave_is_at_zero_and_a_full_sine_three_below() -> None:
    square = np.tile(np.array([-32768, 32767], dtype=np.int16), 160)
    sine = (np.sin(2 * np.pi * np.arange(320) / 32) * 32767).astype(np.int16)
    assert rms_dbfs(square) == pytest.approx(0, abs=0.01)
    assert rms_dbfs(sine) == pytest.approx(-3.01, abs=0.01)


def test_half_the_volume_is_six_decibels_less() -> None:
    noise = np.random.default_rng(1).normal(0, 3000, 16000).astype(np.int16)
    assert rms_dbfs(noise) - rms_dbfs(scaled(noise, 0.5)) == pytest.approx(6.02, abs=0.02)


def test_too_loud_is_clipped_and_never_wraps_around() -> None:
    pcm = np.array([30000, -30000, 100], dtype=np.int16)
    assert scaled(pcm, 2.0).tolist() == [32767, -32768, 200]


def test_a_gain_of_zero_is_silence() -> None:
    assert not scaled(np.array([32767, -32768], dtype=np.int16), 0.0).any()


@given(st.lists(st.integers(-32768, 32767), max_size=400), st.floats(0, 10))
def test_levels_stay_in_their_range(samples: list[int], gain: float) -> None:
    louder = scaled(np.array(samples, dtype=np.int16), gain)
    assert louder.dtype == np.int16
    assert FLOOR_DBFS <= rms_dbfs(louder) <= 0
