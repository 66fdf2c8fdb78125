"""microWakeWord over real people: their wake words wake, whatever else they say does not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from desktop_voice.audio.frames import FRAME_SAMPLES, SAMPLE_RATE_HZ, Pcm
from desktop_voice.core.errors import EngineError
from desktop_voice.speech.wake.micro import ENGINE, MicroWakeWordDetector, cutoff
from tests.helpers.recordings import Recordings, join, quiet, recordings_or_skip

PHRASES = tuple(phrase.key for phrase in MicroWakeWordDetector.known_phrases())
SPOKEN = {
    "wake/oww/alexa_test.wav": "alexa",
    "wake/oww/hey_mycroft_test.wav": "hey_mycroft",
    "wake/pymww/alexa/1.wav": "alexa",
    "wake/pymww/alexa/2.wav": "alexa",
    "wake/pymww/hey_jarvis/1.wav": "hey_jarvis",
    "wake/pymww/hey_jarvis/2.wav": "hey_jarvis",
    "wake/pymww/hey_mycroft/1.wav": "hey_mycroft",
    "wake/pymww/hey_mycroft/2.wav": "hey_mycroft",
    "wake/pymww/okay_nabu/1.wav": "okay_nabu",
    "wake/pymww/okay_nabu/2.wav": "okay_nabu",
    "wake/wyoming-oww/alexa.wav": "alexa",
    "wake/wyoming-oww/hey_mycroft.wav": "hey_mycroft",
}
LIST_OF_KEYWORDS = "wake/porcupine/multiple_keywords.wav"
"""A man reads a list of keywords, "Alexa" among them."""


@pytest.fixture(scope="module")
def recordings() -> Recordings:
    return recordings_or_skip()


def heard(detector: MicroWakeWordDetector, pcm: Pcm) -> list[str]:
    """What wakes the detector, frame by frame, in quiet surroundings."""
    stream = join([pcm], gap_ms=0, before_ms=500, after_ms=1000)
    return [
        phrase
        for at in range(0, len(stream) - FRAME_SAMPLES + 1, FRAME_SAMPLES)
        if (phrase := detector.process(stream[at : at + FRAME_SAMPLES]))
    ]


def detector(*phrases: str, sensitivity: float = 0.5) -> MicroWakeWordDetector:
    return MicroWakeWordDetector(phrases or PHRASES, sensitivity)


@pytest.mark.parametrize(("name", "phrase"), SPOKEN.items())
def test_a_spoken_wake_word_wakes_once(recordings: Recordings, name: str, phrase: str) -> None:
    pcm = recordings.load(name)
    assert heard(detector(phrase), pcm) == [phrase]
    assert heard(detector(), pcm) == [phrase]


def test_every_recording_of_a_bundled_wake_word_is_tried(recordings: Recordings) -> None:
    named = [
        name
        for name in recordings.names("wake")
        if any(phrase in name for phrase in PHRASES) and "multiple" not in name
    ]
    assert sorted(SPOKEN) == named


def test_nothing_else_in_six_minutes_of_people_calls_and_noise_wakes(
    recordings: Recordings,
) -> None:
    listening = detector()
    names = recordings.names("wake", "stt", "phone", "aec", "noise", "tts-samples")
    others = [name for name in names if name not in SPOKEN and name != LIST_OF_KEYWORDS]
    assert len(others) > 50
    woken = {}
    for name in others:
        listening.reset()
        if phrases := heard(listening, recordings.load(name)):
            woken[name] = phrases
    assert woken == {}


def test_the_one_wake_word_in_a_list_of_keywords_is_heard(recordings: Recordings) -> None:
    pcm = recordings.load(LIST_OF_KEYWORDS)
    assert heard(detector(), pcm) == ["alexa"]
    assert heard(detector("hey_jarvis", "okay_nabu", "hey_mycroft"), pcm) == []


def test_other_peoples_wake_words_do_not_wake(recordings: Recordings) -> None:
    for name, phrase in SPOKEN.items():
        others = [other for other in PHRASES if other != phrase]
        assert heard(detector(*others), recordings.load(name)) == [], name


@pytest.mark.parametrize("phrase", PHRASES)
def test_more_sensitivity_means_a_lower_cutoff_inside_its_range(phrase: str) -> None:
    cutoffs = [cutoff(phrase, step / 20) for step in range(21)]
    assert cutoffs == sorted(cutoffs, reverse=True)
    assert len(set(cutoffs)) == len(cutoffs)
    assert all(0.5 < value < 1 for value in cutoffs)


def test_the_most_sensitive_detector_hears_at_least_what_the_least_sensitive_does(
    recordings: Recordings,
) -> None:
    def hits(sensitivity: float) -> set[str]:
        return {
            name
            for name, phrase in SPOKEN.items()
            if heard(detector(phrase, sensitivity=sensitivity), recordings.load(name))
        }

    least, usual, most = hits(0.0), hits(0.5), hits(1.0)
    assert least <= usual <= most
    assert most == set(SPOKEN)


def test_one_phrase_counts_once_and_counts_again_after_the_hold_off(
    recordings: Recordings,
) -> None:
    phrase = recordings.load("wake/pymww/hey_jarvis/1.wav")
    listening = detector("hey_jarvis")
    twice = join([phrase, phrase], gap_ms=1500)
    assert heard(listening, twice) == ["hey_jarvis", "hey_jarvis"]


def test_the_length_of_the_chunks_does_not_matter(recordings: Recordings) -> None:
    pcm = join(
        [recordings.load("wake/pymww/hey_jarvis/1.wav")], gap_ms=0, before_ms=500, after_ms=500
    )

    def hits(samples: Sequence[int]) -> list[str]:
        listening, found, at, turn = detector("hey_jarvis"), [], 0, 0
        while at < len(pcm):
            step = samples[turn % len(samples)]
            if phrase := listening.process(pcm[at : at + step]):
                found.append(phrase)
            at, turn = at + step, turn + 1
        return found

    assert hits([160]) == hits([320]) == hits([1, 777, 40, 1600]) == ["hey_jarvis"]


def test_reset_forgets_the_half_of_a_phrase(recordings: Recordings) -> None:
    phrase = recordings.load("wake/pymww/hey_jarvis/1.wav")
    listening = detector("hey_jarvis")
    middle = SAMPLE_RATE_HZ
    listening.process(quiet(500))
    assert listening.process(phrase[:middle]) is None
    listening.reset()
    assert heard(listening, phrase[middle:]) == []
    assert heard(listening, phrase) == ["hey_jarvis"]


def test_reset_ends_the_hold_off(recordings: Recordings) -> None:
    phrase = join([recordings.load("wake/wyoming-oww/alexa.wav")], gap_ms=0, before_ms=500)
    listening = detector("alexa")
    for _ in range(2):
        assert listening.process(phrase[: int(1.9 * SAMPLE_RATE_HZ)]) == "alexa"
        listening.reset()


def test_an_unknown_phrase_is_told_with_those_that_can_be_chosen() -> None:
    with pytest.raises(EngineError) as caught:
        detector("hey_jarvis", "open sesame")
    assert caught.value.code == "WAKE-02"
    assert "open sesame" in caught.value.what
    for phrase in PHRASES:
        assert phrase in caught.value.do


def test_the_phrases_are_shown_as_people_say_them() -> None:
    assert [phrase.words for phrase in detector("hey_jarvis", "alexa").phrases] == [
        "Hey Jarvis",
        "Alexa",
    ]
    assert ENGINE.info.licence == "Apache-2.0"
