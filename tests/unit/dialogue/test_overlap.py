"""What it means when somebody talks into a reply."""

import pytest

from desktop_voice.dialogue.overlap import Overlap, judge_overlap

REPLY = "The Brooklyn Bridge was opened in eighteen eighty-three, and it is still in use today."


@pytest.mark.parametrize(
    "text",
    [
        "Stop",
        "stop.",
        "STOP!",
        "Stop, stop, stop.",
        "Please stop.",
        "Stop it now.",
        "Okay, stop talking.",
        "Just stop that, please",
        "No, stop!",
        "Hey, stop.",
    ],
)
def test_a_stop_word_alone_or_with_manners_stops(text: str) -> None:
    assert judge_overlap(text, REPLY, ["stop"]) is Overlap.STOP


@pytest.mark.parametrize(
    "text",
    [
        "Don't stop there.",
        "Where does the bus stop?",
        "Stop the kitchen timer",
        "When did they stop building it",
    ],
)
def test_a_stop_word_inside_a_sentence_does_not(text: str) -> None:
    assert judge_overlap(text, REPLY, ["stop"]) is Overlap.INTERRUPTION


def test_every_stop_word_and_phrase_counts() -> None:
    words = ["stop", "be quiet", "genug"]
    assert judge_overlap("Be quiet!", REPLY, words) is Overlap.STOP
    assert judge_overlap("Genug", REPLY, words) is Overlap.STOP
    assert judge_overlap("quiet", REPLY, words) is not Overlap.STOP


@pytest.mark.parametrize("words", [[], [""], ["  "], ["?!"]])
def test_without_a_real_stop_word_nothing_stops(words: list[str]) -> None:
    assert judge_overlap("Stop please", REPLY, words) is Overlap.INTERRUPTION
    assert judge_overlap("please", REPLY, words) is not Overlap.STOP


@pytest.mark.parametrize(
    "text", ["", "...", "Mm-hmm.", "Yeah.", "Oh, wow!", "Okay, cool.", "I see.", "Uh huh", "Got it"]
)
def test_listening_noises_are_no_interruption(text: str) -> None:
    assert judge_overlap(text, REPLY, ["stop"]) is Overlap.BACKCHANNEL


@pytest.mark.parametrize(
    "text",
    [
        "The Brooklyn Bridge was opened in",
        "and it is still in use",
        "opened in eighteen eighty free and it is",
    ],
)
def test_the_replys_own_words_are_echo(text: str) -> None:
    assert judge_overlap(text, REPLY, ["stop"]) is Overlap.ECHO


@pytest.mark.parametrize(
    "text", ["What about the Golden Gate?", "Never mind, what time is it?", "How long is it?"]
)
def test_real_speech_interrupts(text: str) -> None:
    assert judge_overlap(text, REPLY, ["stop"]) is Overlap.INTERRUPTION


def test_nothing_said_yet_cannot_echo() -> None:
    assert judge_overlap("The Brooklyn Bridge", "", ["stop"]) is Overlap.INTERRUPTION
