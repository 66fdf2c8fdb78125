"""Telephone numbers as they are said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.agent.intents.spoken_digits import read_spoken_digits

_WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("plus one four one five five five five oh one two three", "+14155550123"),
        ("plus 1 415 555 0123", "+14155550123"),
        ("plus one four fifteen five five five zero one twenty three", "+14155550123"),
        ("zero two zero, seven nine four six, zero nine five eight", "02079460958"),
        ("plus four four twenty seven nine four six oh nine five eight", "+44279460958"),
        ("eight hundred five five five twelve twelve", "8005551212"),
        ("double five five triple one oh", "5551110"),
        ("Number five five five zero one zero zero", "5550100"),
        ("four one five dash five five five dash oh one two three", "4155550123"),
        ("four-one-five five-five-five oh-one-two-three", "4155550123"),
        ("thirty forty fifty one ninety", "30405190"),
        ("nine one one", "911"),
    ],
)
def test_a_number_is_read(text: str, digits: str) -> None:
    assert read_spoken_digits(text) == digits


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plus",
        "number",
        "seven eleven",
        "one two",
        "eight hundred",
        "one eight hundred flowers",
        "one four one five and a half",
        "double",
        "triple twelve",
        "five hundred and one two three four five",
        "one plus one",
        "４１５５５５０１２３",
    ],
)
def test_what_is_no_number_is_left(text: str) -> None:
    assert read_spoken_digits(text) is None


@given(st.text(alphabet="0123456789", min_size=3, max_size=15), st.booleans())
def test_digits_said_one_by_one_are_those_digits(digits: str, has_plus: bool) -> None:
    said = " ".join(_WORDS[int(digit)] for digit in digits)
    prefix, plus = ("plus ", "+") if has_plus else ("", "")
    assert read_spoken_digits(prefix + said) == plus + digits


@given(st.text(max_size=60))
def test_whatever_is_said_is_digits_or_nothing(text: str) -> None:
    digits = read_spoken_digits(text)
    assert digits is None or digits.removeprefix("+").isascii()
