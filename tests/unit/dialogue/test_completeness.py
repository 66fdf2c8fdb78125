"""How finished words sound: a table of utterances as a recogniser writes them."""

import pytest

from desktop_voice.dialogue.completeness import (
    NOTHING,
    OPEN,
    PLAUSIBLE,
    SURE,
    UNSURE,
    completeness,
)


@pytest.mark.parametrize("text", ["", "   ", ".", "...", "?!"])
def test_no_words_are_nothing(text: str) -> None:
    assert completeness(text) == NOTHING


@pytest.mark.parametrize(
    "text",
    [
        "What is the.",
        "Set a timer for",
        "Remind me to",
        "I want to go to the",
        "Turn on the lights and",
        "Because.",
        "Tell me about",
        "What's",
        "It is",
        "I’m",
        "I don't",
        "He said that he",
        "Umm, uh.",
        "And Mister",
        "Turn the lights off,",
        "Well -",
        "So I thought…",
        "So I thought...",
        "The weather is very",
        "How many",
    ],
)
def test_what_must_go_on_is_open(text: str) -> None:
    assert completeness(text) == OPEN


@pytest.mark.parametrize(
    "text",
    [
        "Call five five five",
        "Set a timer for ten",
        "Wake me at 7:30",
        "What is 3.5",
        "Call 555 12",
        "What is seven plus",
        "Tomorrow.",
        "Yes",
        "Where are you from?",
        "Who is that?",
    ],
)
def test_what_may_well_go_on_is_unsure(text: str) -> None:
    assert completeness(text) == UNSURE


@pytest.mark.parametrize(
    "text",
    [
        "What is the weather like today?",
        "How old is the Brooklyn Bridge?",
        "Book a room.",
        "Turn the lights off",
        "We must find a new home in the stars",
        "Drop the two when you add the figures",
        "Qu'est-ce que c'est que ça",
    ],
)
def test_a_whole_sentence_is_plausible(text: str) -> None:
    assert completeness(text) == PLAUSIBLE


def test_words_alone_are_never_sure() -> None:
    assert completeness("What is the weather like today?") < SURE


@pytest.mark.parametrize("text", ["turn on the", "TURN ON THE", "Turn on the.", "  turn on the! "])
def test_case_and_full_stops_say_nothing(text: str) -> None:
    assert completeness(text) == OPEN
