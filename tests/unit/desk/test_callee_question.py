"""A call to a name waits for the number, one turn long."""

import pytest

from desktop_voice.agent.reply import Call
from desktop_voice.desk.callee_question import CalleeQuestion

WISH = Call("Anna", "The server is back up.")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+1 415 555 0123", "+1 415 555 0123"),
        ("It's +1 415 555 0123.", "+1 415 555 0123"),
        ("Her number is +14155550123", "+14155550123"),
        ("the number is four one five five five five oh one two three", "4155550123"),
    ],
)
def test_the_number_completes_the_call(text: str, number: str) -> None:
    question = CalleeQuestion()
    question.asked_for(WISH)
    assert question.answered_by(text) == Call(number, WISH.message)
    assert question.answered_by(text) is None


@pytest.mark.parametrize("text", ["", "Never mind.", "Anna Smith", "What time is it?", "12"])
def test_anything_else_drops_it(text: str) -> None:
    question = CalleeQuestion()
    question.asked_for(WISH)
    assert question.answered_by(text) is None
    assert question.answered_by("+1 415 555 0123") is None


def test_a_number_alone_calls_nobody() -> None:
    question = CalleeQuestion()
    assert question.answered_by("+1 415 555 0123") is None
    question.asked_for(Call("+1 415 555 0124"))
    assert question.answered_by("+1 415 555 0123") is None
