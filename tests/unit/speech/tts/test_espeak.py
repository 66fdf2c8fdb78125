"""eSpeak NG: every voice speaks, anything can be said, and what is said can be understood."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from benchmarks.wer import word_errors
from desktop_voice.audio.frames import Pcm
from desktop_voice.audio.levels import rms_dbfs
from desktop_voice.audio.resample import resample
from desktop_voice.core.errors import EngineError
from desktop_voice.core.settings import Settings
from desktop_voice.speech.stt.moonshine import MoonshineTiny
from desktop_voice.speech.tts.espeak import ENGINE, ESpeak
from tests.helpers.recordings import join

VOICES = [voice.key for voice in ESpeak().voices()]


@pytest.fixture(scope="module")
def tts() -> ESpeak:
    return ESpeak()


def spoken(tts: ESpeak, text: str, voice: str = "en-us", rate_wpm: int = 170) -> Pcm:
    return np.concatenate(list(tts.synthesise(text, voice=voice, rate_wpm=rate_wpm)))


def seconds(tts: ESpeak, pcm: Pcm) -> float:
    return len(pcm) / tts.sample_rate_hz


@pytest.mark.parametrize("voice", VOICES)
def test_every_voice_that_can_be_chosen_speaks(tts: ESpeak, voice: str) -> None:
    pcm = spoken(tts, "One, two, three.", voice)
    assert pcm.dtype == np.int16
    assert 0.5 < seconds(tts, pcm) < 4
    assert rms_dbfs(pcm) > -30


def test_the_voices_are_different_and_keep_to_themselves(tts: ESpeak) -> None:
    texts = {voice: spoken(tts, "A quick brown fox.", voice) for voice in VOICES}
    again = spoken(tts, "A quick brown fox.", "en-us")
    assert len(again) == pytest.approx(len(texts["en-us"]), rel=0.1)
    assert len({len(pcm) // 50 for pcm in texts.values()}) > len(texts) / 2


def test_the_default_voice_is_one_of_them() -> None:
    assert Settings().speech.voice in VOICES
    assert len(set(VOICES)) == len(VOICES)


@pytest.mark.parametrize("voice", ["nobody", "", "../en", "\ud800"])
def test_an_unknown_voice_is_told_and_the_next_reply_is_spoken(tts: ESpeak, voice: str) -> None:
    with pytest.raises(EngineError) as caught:
        spoken(tts, "Hello.", voice)
    assert caught.value.code == "TTS-04"
    assert "Settings" in caught.value.do
    assert seconds(tts, spoken(tts, "Hello.")) > 0.2


def test_the_rate_changes_how_long_it_takes(tts: ESpeak) -> None:
    text = "The quick brown fox jumps over the lazy dog."
    lengths = [len(spoken(tts, text, rate_wpm=rate)) for rate in (80, 120, 170, 250, 450)]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] > 3 * lengths[-1]


@pytest.mark.parametrize("text", ["", " ", "\n\n", "...", "—", "\0"])
def test_nothing_to_say_is_next_to_nothing_to_hear(tts: ESpeak, text: str) -> None:
    assert sum(map(len, tts.synthesise(text, voice="en-us", rate_wpm=170))) < 0.1 * 22_050


@pytest.mark.parametrize(
    ("text", "voice"),
    [
        ("Grüße aus München: 20 € für Äpfel.", "de"),
        ("Ça va très bien, à bientôt.", "fr"),
        ("naïve café 漢字 😀", "en-us"),
        ("half \ud83d of a pair", "en-us"),
        ("a \0 b", "en-us"),
        ("<speak>tags & entities</speak>", "en-us"),
    ],
)
def test_any_text_can_be_said(tts: ESpeak, text: str, voice: str) -> None:
    assert seconds(tts, spoken(tts, text, voice)) > 0.3


def test_a_long_text_is_said_to_its_end(tts: ESpeak) -> None:
    short = spoken(tts, "This sentence is said many times. ")
    long = spoken(tts, "This sentence is said many times. " * 100)
    assert len(long) > 70 * len(short)
    assert rms_dbfs(long[-len(short) :]) > -30


def test_it_comes_in_short_chunks(tts: ESpeak) -> None:
    chunks = list(tts.synthesise("The quick brown fox.", voice="en-us", rate_wpm=170))
    assert len(chunks) > 5
    assert max(len(chunk) for chunk in chunks) <= 0.1 * tts.sample_rate_hz


def test_two_objects_and_two_threads_do_not_mix_their_words(tts: ESpeak) -> None:
    other = ESpeak()
    alone = {
        ("Hello.", "en-us"): len(spoken(tts, "Hello.", "en-us")),
        ("A much longer sentence than that.", "de"): len(
            spoken(other, "A much longer sentence than that.", "de")
        ),
    }
    jobs = [
        (engine, text, voice)
        for _round in range(10)
        for engine in (tts, other)
        for text, voice in alone
    ]
    with ThreadPoolExecutor(4) as pool:
        lengths = pool.map(lambda job: len(spoken(*job)), jobs)
        for (_engine, text, voice), length in zip(jobs, lengths, strict=True):
            assert length == pytest.approx(alone[text, voice], rel=0.1)
    other.close()
    assert len(spoken(tts, "Hello.")) > 0


def test_another_engine_understands_most_of_what_is_said(tts: ESpeak) -> None:
    stt = MoonshineTiny()
    sentences = [
        "The meeting starts at three in the afternoon.",
        "Your timer is done.",
        "I have sent the message to your brother.",
        "How old is the Brooklyn Bridge?",
        "What is the weather like in London?",
    ]
    errors = words = 0
    for sentence in sentences:
        sound = resample(spoken(tts, sentence), tts.sample_rate_hz, 16_000)
        in_a_room = join([sound], gap_ms=0, before_ms=200, after_ms=200)
        errors += word_errors(sentence, stt.transcribe(in_a_room))
        words += len(sentence.split())
    stt.close()
    assert errors <= 0.35 * words


def test_the_card_names_the_licence_and_the_languages() -> None:
    assert ENGINE.info.licence == "GPL-3.0-or-later"
    assert {"en-US", "en-GB", "de", "fr"} <= set(ENGINE.info.languages)
