"""What tests hear in a recording: the right reply whenever it is there, and no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.clips import spoken
from desktop_voice.agent.brain import NO_MODEL
from desktop_voice.agent.model_reply import APOLOGY
from desktop_voice.audio.frames import Pcm
from tests.helpers.hearing import (
    CLEAR_REPLY,
    MOST_WORDS,
    NEARLY_ALL,
    Listener,
    share_of_words,
    share_played,
)
from tests.helpers.recordings import at_peak, join, quiet, trim, write_wav

SUM = "One hundred and forty-four."
HELP = "I can tell the time, set timers, alarms and reminders, do sums and change the volume."
OTHERS = (NO_MODEL, APOLOGY, SUM, HELP, "I'm Desktop Voice, your assistant.")
VOICE = "en-us"


@pytest.fixture(scope="module")
def listener() -> Listener:
    return Listener()


def reply(text: str) -> Pcm:
    return spoken(text, voice=VOICE, rate_wpm=140)


@pytest.mark.parametrize(
    ("heard", "share"),
    [
        ("Twelve times twelve is 144.", 1.0),
        ("twelve times twelve, it's one hundred forty four", 7 / 8),
        ("is twelve times twelve", 3 / 8),
        ("", 0.0),
    ],
)
def test_words_count_in_order_and_numbers_in_any_spelling(heard: str, share: float) -> None:
    text = "Twelve times twelve is one hundred forty-four."
    assert share_of_words(text, heard) == pytest.approx(share)


@pytest.mark.parametrize("before_ms", [100, 333, 1234, 4321])
@pytest.mark.parametrize("text", [CLEAR_REPLY, SUM])
def test_the_right_reply_is_understood_wherever_it_begins(
    listener: Listener, tmp_path: Path, text: str, before_ms: float
) -> None:
    wav = write_wav(
        tmp_path / "said.wav", join([reply(text)], gap_ms=0, before_ms=before_ms, after_ms=500)
    )
    assert listener.share_heard(wav, text) >= MOST_WORDS


@pytest.mark.parametrize("other", OTHERS)
def test_no_other_reply_passes_for_the_right_one(
    listener: Listener, tmp_path: Path, other: str
) -> None:
    sound = join([reply(other)], gap_ms=0, before_ms=300, after_ms=300)
    wav = write_wav(tmp_path / "said.wav", sound)
    assert listener.share_heard(wav, CLEAR_REPLY) <= MOST_WORDS / 2
    assert share_played(sound, reply(CLEAR_REPLY)) <= NEARLY_ALL / 3


def test_the_very_sound_is_found_at_any_loudness_through_noise() -> None:
    sound = reply(CLEAR_REPLY)
    recording = join([at_peak(sound, 0.2)], gap_ms=0, before_ms=1234, after_ms=900)
    noise = np.random.default_rng(0).normal(0, 100, len(recording)).astype(np.int16)
    assert share_played(recording + noise, sound) >= NEARLY_ALL


def test_a_gap_is_forgiven_but_lost_sound_is_not() -> None:
    sound = reply(CLEAR_REPLY)
    seconds = len(sound) / 16_000
    late = join([trim(sound, 0, 2), trim(sound, 2)], gap_ms=150, before_ms=500)
    assert share_played(late, sound) >= NEARLY_ALL
    cut = join([trim(sound, 0, seconds / 2)], gap_ms=0, before_ms=500, after_ms=500)
    assert share_played(cut, sound) == pytest.approx(0.5, abs=0.1)
    holes = sound.copy()
    for start in range(0, len(holes), 16_000):
        holes[start : start + 4000] = 0
    assert share_played(holes, sound) < NEARLY_ALL


def test_silence_holds_nothing() -> None:
    assert share_played(quiet(8000), reply(CLEAR_REPLY)) == 0
