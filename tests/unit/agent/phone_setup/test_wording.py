"""How people steer the set-up, in the words that recognisers write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.agent.phone_setup.wording import (
    Word,
    as_e164,
    read_greeting,
    read_own_number,
    read_word,
    spoken_list,
    spoken_number,
)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Yes.", Word.YES),
        ("Yes, that's right.", Word.YES),
        ("Okay, go ahead.", Word.YES),
        ("No.", Word.NO),
        ("No, that’s wrong!", Word.NO),
        ("Skip it, please.", Word.SKIP),
        ("Go back.", Word.BACK),
        ("Never mind.", Word.CANCEL),
        ("Cancel the phone set-up", Word.CANCEL),
        ("What is still missing?", Word.MISSING),
        ("Try again.", Word.AGAIN),
        ("Rehearse.", Word.REHEARSE),
        ("Where do I find it?", Word.REPEAT),
        ("Yes, and also tell me a joke about it all", None),
        ("Yesterday", None),
        ("No idea what this is", None),
        ("", None),
    ],
)
def test_a_word_steers_only_if_it_stands_alone(text: str, word: Word | None) -> None:
    assert read_word(text) is word


@pytest.mark.parametrize(
    ("text", "rest", "greeting"),
    [
        ("Set a greeting: Hello, how are you?", "", "Hello, how are you?"),
        ("Please set the greeting to Good day.", "Please", "Good day."),
        ("Set a greeting. Hello!", "", "Hello!"),
        ("Use ngrok, and set my greeting: “Hi”", "Use ngrok, and", "Hi"),
        ("Change the greeting to Hi", "", "Hi"),
        ("set a greeting", "", ""),
        ("Use the greeting card", "Use the greeting card", None),
        ("Hello", "Hello", None),
    ],
)
def test_a_greeting_is_read_word_for_word(text: str, rest: str, greeting: str | None) -> None:
    assert read_greeting(text) == (rest, greeting)


@pytest.mark.parametrize(
    ("digits", "region", "number"),
    [
        ("+15559876543", "US", "+15559876543"),
        ("5559876543", "US", "+15559876543"),
        ("15559876543", "US", "+15559876543"),
        ("030901820", "DE", "+4930901820"),
        ("0049309018200", "DE", "+49309018200"),
        ("911", "US", ""),
        ("5551234", "US", ""),
        ("+0123456789", "US", ""),
        ("+1234567890123456", "US", ""),
    ],
)
def test_a_number_is_read_as_the_countrys(digits: str, region: str, number: str) -> None:
    assert as_e164(digits, region) == number


def test_ones_own_number_ends_where_the_sentence_goes_on() -> None:
    assert read_own_number("my number is +1 555 000 1234 and I use ngrok") == "+15550001234"
    assert read_own_number("Which number do you mean?") == ""


def test_numbers_and_lists_are_said_so_that_they_can_be_checked() -> None:
    assert spoken_number("+1555") == "plus 1 5 5 5"
    assert spoken_list(["a", "b", "c"]) == "a, b and c"
    assert spoken_list([]) == ""


@given(st.text(max_size=300))
def test_any_text_is_read_without_an_error(text: str) -> None:
    read_word(text)
    read_greeting(text)
    read_own_number(text)


@pytest.mark.parametrize(
    "unit", ["set ", "number is ", "yes ", "the ", " ", "1 ", "set a greeting "]
)
@pytest.mark.timeout(20)
def test_hostile_lengths_take_no_time_to_speak_of(unit: str) -> None:
    text = unit * (20_000 // len(unit))
    read_word(text)
    read_greeting(text)
    read_own_number(text)
