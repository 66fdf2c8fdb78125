"""Who is to be called."""

import pytest

from desktop_voice.agent.intents.call import read_callee


@pytest.mark.parametrize(
    ("text", "callee"),
    [
        ("Anna", "Anna"),
        ("my brother's wife", "my brother's wife"),
        ("Zoë Müller-Lüdenscheidt", "Zoë Müller-Lüdenscheidt"),
        ("+1 (555) 010-9999", "+1 (555) 010-9999"),
        ("number 5550100", "5550100"),
        ("Anna and tell her I'm late", "Anna"),
        ("Anna to say hello", "Anna"),
        ("Anna on the phone", "Anna"),
        ("five five five zero one zero zero", "five five five zero one zero zero"),
    ],
)
def test_a_name_or_a_number_is_read(text: str, callee: str) -> None:
    assert read_callee(text) == callee


@pytest.mark.parametrize("text", ["", "me", "it a day", "a function in Python", "the shots", "him"])
def test_what_names_nobody_is_not(text: str) -> None:
    assert read_callee(text) is None
