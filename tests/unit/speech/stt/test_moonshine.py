"""Moonshine over real people: the right words, for any length of sound and from any thread."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from benchmarks.wer import word_errors, words_of
from desktop_voice.audio.frames import SAMPLE_RATE_HZ, silence
from desktop_voice.core.errors import EngineError
from desktop_voice.speech.stt.moonshine import MoonshineTiny, split_at_quiet
from tests.helpers.recordings import Recordings, at_peak, join, quiet, recordings_or_skip

JFK = (
    "and so my fellow americans ask not what your country can do for you "
    "ask what you can do for your country"
)
LONGEST_SAMPLES = 15 * SAMPLE_RATE_HZ


@pytest.fixture(scope="module")
def stt() -> Iterator[MoonshineTiny]:
    engine = MoonshineTiny()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def recordings() -> Recordings:
    return recordings_or_skip()


def test_people_are_understood(stt: MoonshineTiny, recordings: Recordings) -> None:
    said = {
        "stt/jfk.wav": JFK,
        "stt/deepspeech/new-home-in-the-stars-16k.wav": "we must find a new home in the stars",
        "stt/livekit/weather_question.wav": "what is the weather in paris",
        "stt/speechbrain/spk1_snt5.wav": "sunday is the best part of the week",
        "stt/dialogflow/today.wav": "today",
        "phone/google/audio.wav": "how old is the brooklyn bridge",
    }
    errors = sum(
        word_errors(words, stt.transcribe(recordings.load(name))) for name, words in said.items()
    )
    assert errors <= 3


def test_a_quiet_speaker_is_understood_as_well(stt: MoonshineTiny, recordings: Recordings) -> None:
    assert word_errors(JFK, stt.transcribe(at_peak(recordings.load("stt/jfk.wav"), 0.02))) <= 3


@pytest.mark.parametrize("samples", [0, 1, 160, 1599])
def test_nothing_and_next_to_nothing_hold_no_words(stt: MoonshineTiny, samples: int) -> None:
    assert stt.transcribe(np.ones(samples, dtype=np.int16)) == ""


def test_the_shortest_sound_it_takes_does_no_harm(stt: MoonshineTiny) -> None:
    assert len(stt.transcribe(quiet(100)).split()) <= 2


def test_40_seconds_do_not_fall_into_repetition(stt: MoonshineTiny, recordings: Recordings) -> None:
    speech = join([recordings.load("stt/jfk.wav")] * 4, gap_ms=300)
    assert len(speech) > 40 * SAMPLE_RATE_HZ
    reference = " ".join([JFK] * 4)
    assert word_errors(reference, stt.transcribe(speech)) <= 0.1 * len(words_of(reference))


def test_one_minute_of_many_people_is_understood(
    stt: MoonshineTiny, recordings: Recordings
) -> None:
    clips = [
        clip
        for clip in recordings.transcripts()
        if clip.reference and not clip.name.startswith("stt/speechbrain/spk2")
    ]
    speech = join([recordings.load(clip.name) for clip in clips], gap_ms=600)
    assert len(speech) > 40 * SAMPLE_RATE_HZ
    reference = " ".join(clip.reference for clip in clips)
    assert word_errors(reference, stt.transcribe(speech)) <= 0.15 * len(words_of(reference))


def test_two_threads_at_once_get_the_words_they_asked_for(
    stt: MoonshineTiny, recordings: Recordings
) -> None:
    names = ["stt/livekit/weather_question.wav", "stt/speechbrain/spk1_snt5.wav"]
    clips = [recordings.load(name) for name in names]
    alone = [stt.transcribe(clip) for clip in clips]
    assert alone[0] != alone[1]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(stt.transcribe, clips * 6)) == alone * 6


def test_two_engines_live_side_by_side(stt: MoonshineTiny, recordings: Recordings) -> None:
    clip = recordings.load("stt/livekit/weather_question.wav")
    other = MoonshineTiny()
    assert other.transcribe(clip) == stt.transcribe(clip)
    other.close()
    assert "weather" in stt.transcribe(clip)


def test_an_installation_without_weights_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moonshine_voice.utils.get_model_path", lambda _name: tmp_path)
    with pytest.raises(EngineError) as caught:
        MoonshineTiny()
    assert caught.value.code == "STT-02"
    assert "set-up" in caught.value.do


def test_long_sound_is_cut_where_it_is_quiet_and_nothing_is_lost() -> None:
    loud = np.full(38 * SAMPLE_RATE_HZ, 5000, dtype=np.int16)
    pauses_s = [(12.0, 12.4), (24.0, 24.3)]
    for start_s, end_s in pauses_s:
        loud[int(start_s * SAMPLE_RATE_HZ) : int(end_s * SAMPLE_RATE_HZ)] = 0
    pieces = split_at_quiet(loud)
    assert np.array_equal(np.concatenate(pieces), loud)
    assert all(len(piece) <= LONGEST_SAMPLES for piece in pieces)
    cuts_s = np.cumsum([len(piece) for piece in pieces])[:-1] / SAMPLE_RATE_HZ
    for (start_s, end_s), cut_s in zip(pauses_s, cuts_s, strict=False):
        assert start_s <= cut_s <= end_s


@pytest.mark.parametrize("samples", [0, 1, LONGEST_SAMPLES, LONGEST_SAMPLES + 1, 10**6])
def test_every_length_is_cut_into_pieces_that_fit(samples: int) -> None:
    pieces = split_at_quiet(silence(0) if not samples else np.ones(samples, dtype=np.int16))
    assert sum(len(piece) for piece in pieces) == samples
    assert all(len(piece) <= LONGEST_SAMPLES for piece in pieces)
