"""Who is to be called, and what they are to be told."""

import pytest

from desktop_voice.agent.intents.call import (
    MAX_MESSAGE_CHARS,
    read_callee,
    split_message,
    split_topic,
)


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
        ("Anna and have a chat with her", "Anna"),
        ("+14155550123 and talk to them", "+14155550123"),
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


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("call Anna", ""),
        ("call Anna and talk to her", ""),
        ("call Anna and have a conversation", ""),
        (
            "call +15559876543 and have a conversation about their order",
            "I am calling about your order.",
        ),
        (
            "call +1 415 555 0123 and have a conversation with them about their order, please.",
            "I am calling about your order.",
        ),
        ("call Anna and talk to her about the party", "I am calling about the party."),
        ("call Anna, and speak with her about lunch", "I am calling about lunch."),
        ("call Anna to chat about her birthday", "I am calling about her birthday."),
        ("call Anna and discuss the contract with her", "I am calling about the contract."),
        (
            "call Anna and talk to her about lunch and ask her when",
            "I am calling about lunch and ask her when.",
        ),
        ("call Anna and tell her to talk to them about lunch", ""),
        ("call Anna and talk to her boss about lunch", ""),
        ("call Anna and say let's have a talk about lunch", ""),
    ],
)
def test_the_topic_is_what_a_conversation_begins_with(text: str, words: str) -> None:
    assert split_topic(text)[1] == words


def test_a_topic_has_an_end() -> None:
    words = split_topic("call Anna and talk about " + "it " * 1000)[1]
    assert len(words) == MAX_MESSAGE_CHARS
