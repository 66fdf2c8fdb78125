"""Resampling: a tone stays that tone, nothing is lost at the end, nothing is added."""

from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.audio.frames import Pcm
from desktop_voice.audio.resample import FirResampler, StreamResampler, resample

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


# --- the short FIR of phone lines and replies ---

PHONE_RATIOS = [(16_000, 8000), (8000, 16_000), (22_050, 8000), (24_000, 8000), (22_050, 16_000)]


def level_db(pcm: Pcm) -> float:
    middle = pcm[400:-400].astype(np.float64)
    return float(20 * np.log10(np.sqrt((middle**2).mean()) / (16000 / np.sqrt(2)) + 1e-9))


@pytest.mark.parametrize(("from_hz", "to_hz"), [*PHONE_RATIOS, (22_050, 24_000), (24_000, 44_100)])
def test_the_fir_keeps_a_tone_in_its_place(from_hz: int, to_hz: int) -> None:
    there = FirResampler(from_hz, to_hz).push(tone(from_hz), last=True)
    assert len(there) == to_hz
    middle = slice(to_hz // 10, -to_hz // 10)
    assert np.abs(there[middle].astype(int) - tone(to_hz)[middle]).max() < 20


@pytest.mark.parametrize(("from_hz", "to_hz"), PHONE_RATIOS)
def test_the_fir_holds_back_less_than_five_milliseconds(from_hz: int, to_hz: int) -> None:
    fir = FirResampler(from_hz, to_hz)
    assert 0 < fir.held_back_samples * 1000 / from_hz < 5
    out = fir.push(tone(from_hz)[: from_hz // 50])
    assert len(out) * 1000 / to_hz > 15


@pytest.mark.parametrize(("from_hz", "to_hz"), PHONE_RATIOS)
def test_the_fir_keeps_the_telephones_band_and_nothing_above(from_hz: int, to_hz: int) -> None:
    for frequency_hz in (300.0, 1000.0, 3000.0, 3400.0):
        kept = FirResampler(from_hz, to_hz).push(tone(from_hz, 1.0, frequency_hz), last=True)
        assert level_db(kept) == pytest.approx(0, abs=0.1)
    for frequency_hz in (to_hz * 0.51, to_hz * 0.6, to_hz * 0.9):
        if to_hz < from_hz and frequency_hz < from_hz / 2:
            gone = FirResampler(from_hz, to_hz).push(tone(from_hz, 1.0, frequency_hz), last=True)
            assert level_db(gone) < -60


@given(
    ratio=st.sampled_from(PHONE_RATIOS),
    cuts=st.lists(st.integers(0, 2000), max_size=12),
    seed=st.integers(0, 9),
)
def test_chunks_of_any_length_give_the_same_stream(
    ratio: tuple[int, int], cuts: list[int], seed: int
) -> None:
    source = np.random.default_rng(seed).integers(-32768, 32768, 2000).astype(np.int16)
    whole = FirResampler(*ratio).push(source, last=True)
    fir = FirResampler(*ratio)
    pieces = [fir.push(piece) for piece in np.split(source, sorted(cuts))]
    pieces.append(fir.push(source[:0], last=True))
    assert np.array_equal(np.concatenate(pieces), whole)
    assert len(whole) == -(-2000 * ratio[1] // ratio[0])


def test_the_fir_passes_the_same_rate_and_clips_what_is_too_loud() -> None:
    pcm = tone(16_000, 0.1)
    assert np.array_equal(FirResampler(16_000, 16_000).push(pcm), pcm)
    square = np.where(tone(16_000) > 0, 32767, -32768).astype(np.int16)
    narrow = FirResampler(16_000, 8000).push(square, last=True)
    assert (
        np.sign(narrow[100:-100:4].astype(int)).tolist()
        == np.sign(resample(square, 16_000, 8000)[100:-100:4].astype(int)).tolist()
    )
