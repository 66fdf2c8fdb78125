"""Resampling: a tone stays that tone, nothing is lost at the end, nothing is added."""

from typing import Literal

import numpy as np
import pytest

from desktop_voice.audio.frames import Pcm
from desktop_voice.audio.resample import StreamResampler, resample

RATES_HZ = [8000, 11_025, 22_050, 24_000, 44_100, 48_000]


def tone(rate_hz: int, seconds: float = 1.0, frequency_hz: float = 1000.0) -> Pcm:
    times = np.arange(int(rate_hz * seconds)) / rate_hz
    return (np.sin(2 * np.pi * frequency_hz * times) * 16000).astype(np.int16)


def loudest_hz(pcm: Pcm, rate_hz: int) -> float:
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm))))
    return float(np.argmax(spectrum) * rate_hz / len(pcm))


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_a_tone_keeps_its_pitch_level_place_and_length(rate_hz: int) -> None:
    there = resample(tone(rate_hz), rate_hz, 16_000)
    assert there.dtype == np.int16
    assert len(there) == pytest.approx(16_000, abs=2)
    middle = slice(2000, 14_000)
    difference = there[middle].astype(np.float64) - tone(16_000)[middle]
    assert np.sqrt((difference**2).mean()) < 0.01 * 16000


@pytest.mark.parametrize("quality", ["QQ", "HQ"])
@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_a_stream_in_frames_gives_the_whole_recording(
    rate_hz: int, quality: Literal["QQ", "HQ"]
) -> None:
    stream = StreamResampler(rate_hz, 16_000, quality)
    source = tone(rate_hz)
    pieces = [stream.push(chunk) for chunk in np.array_split(source, 50)]
    whole = np.concatenate([*pieces, stream.push(source[:0], last=True)])
    assert len(whole) == pytest.approx(16_000, abs=20)
    assert loudest_hz(whole, 16_000) == pytest.approx(1000, abs=2)


def test_speech_goes_out_to_a_faster_device() -> None:
    stream = StreamResampler(22_050, 48_000, "HQ")
    whole = stream.push(tone(22_050), last=True)
    assert len(whole) == pytest.approx(48_000, abs=50)
    assert loudest_hz(whole, 48_000) == pytest.approx(1000, abs=2)


def test_what_is_above_half_the_rate_does_not_fold_back() -> None:
    folded = resample(tone(48_000, frequency_hz=11_000), 48_000, 16_000)
    assert np.abs(folded[500:-500].astype(int)).max() < 160


def test_the_same_rate_and_nothing_pass_unchanged() -> None:
    pcm = tone(16_000, 0.1)
    assert np.array_equal(resample(pcm, 16_000, 16_000), pcm)
    assert len(resample(pcm[:0], 8000, 16_000)) == 0
    same = StreamResampler(16_000, 16_000)
    assert np.array_equal(same.push(pcm), pcm)
    assert len(same.push(pcm[:0], last=True)) == 0
