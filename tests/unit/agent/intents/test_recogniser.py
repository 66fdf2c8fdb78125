"""What counts as a built-in intent, and what is left to the model."""

import pytest

from desktop_voice.agent.intents.handlers import HANDLERS
from desktop_voice.agent.intents.recogniser import Recogniser
from tests.unit.agent.intents.phrases import NEGATIVE, OPEN_ENDED, POSITIVE


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return Recogniser()


@pytest.mark.parametrize(
    ("text", "name"), [(text, name) for name, texts in POSITIVE.items() for text in texts]
)
def test_a_built_in_phrase_is_recognised(recogniser: Recogniser, text: str, name: str) -> None:
    match = recogniser.recognise(text)
    assert match is not None
    assert match.name == name


@pytest.mark.parametrize("text", NEGATIVE)
def test_a_question_for_the_model_is_left_alone(recogniser: Recogniser, text: str) -> None:
    assert recogniser.recognise(text) is None


@pytest.mark.parametrize(("text", "is_open_ended"), OPEN_ENDED.items())
def test_it_tells_whether_more_words_may_follow(
    recogniser: Recogniser, text: str, is_open_ended: bool
) -> None:
    match = recogniser.recognise(text)
    assert match is not None
    assert match.is_open_ended is is_open_ended


def test_every_intent_has_a_handler_and_every_handler_an_intent(recogniser: Recogniser) -> None:
    assert recogniser.intent_names == set(HANDLERS)
    assert recogniser.intent_names == set(POSITIVE)


def test_the_words_of_a_slot_are_read(recogniser: Recogniser) -> None:
    match = recogniser.recognise("Set a timer called Tea for four minutes, please.")
    assert match is not None
    assert dict(match.slots) == {"label": "Tea", "duration": 240.0}


def test_a_long_speech_is_never_a_command(recogniser: Recogniser) -> None:
    assert recogniser.recognise("what time is it " * 100) is None
