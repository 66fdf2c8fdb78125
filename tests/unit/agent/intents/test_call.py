"""Who is to be called, and what they are to be told."""

import pytest

from desktop_voice.agent.intents.call import MAX_MESSAGE_CHARS, read_callee, split_message


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
        ("five five five zero one zero zero", "5550100"),
        ("plus one four one five five five five zero one two three", "+14155550123"),
        ("number five five five zero one zero zero", "5550100"),
        ("seven eleven", "seven eleven"),
    ],
)
def test_a_name_or_a_number_is_read(text: str, callee: str) -> None:
    assert read_callee(text) == callee


@pytest.mark.parametrize("text", ["", "me", "it a day", "a function in Python", "the shots", "him"])
def test_what_names_nobody_is_not(text: str) -> None:
    assert read_callee(text) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("call Anna", ""),
        ("call Anna and tell", ""),
        ("call Anna and tell her", ""),
        ("call +1 415 555 0123 and tell them the server is back up", "the server is back up"),
        ("call Anna and tell her that dinner is ready again, please.", "dinner is ready again"),
        ("call Anna, and say hello", "hello"),
        ("call Anna to say “hello”", "hello"),
        ("call Anna and let her know that I'm late", "I'm late"),
        ("call Anna and inform her about the meeting", "the meeting"),
        ("call Anna and ask her to wait", "Please wait"),
        ("call Anna and ask her not to wait", "Please do not wait"),
        ("call Anna and tell her to call me to say when", "Please call me to say when"),
        ("call Anna and ask her if she is home", "I was asked to ask if she is home"),
        ("call Anna and remind her to eat", "Please remember to eat"),
        ("call Anna and remind her about lunch", "This is a reminder about lunch"),
        ("call Anna and wish her a happy birthday", "I wish you a happy birthday"),
        ("call Anna and invite her to lunch", "You are invited to lunch"),
    ],
)
def test_the_message_is_what_they_are_to_hear(text: str, message: str) -> None:
    assert split_message(text)[1] == message


def test_a_message_has_an_end() -> None:
    assert len(split_message("call Anna and say " + "yes " * 1000)[1]) == MAX_MESSAGE_CHARS
