"""Numbers are read and said as people say them."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from num2words import num2words

from desktop_voice.agent.intents.numbers import ends_in_number, read_number, say_number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("twenty-five", 25),
        ("Twenty five", 25),
        ("one hundred and five", 105),
        ("a hundred", 100),
        ("two thousand and one", 2001),
        ("1,234.5", Fraction("1234.5")),
        ("three point one four", Fraction("3.14")),
        ("two and a half", Fraction(5, 2)),
        ("three quarters", Fraction(3, 4)),
        ("half", Fraction(1, 2)),
        ("2.5 million", 2_500_000),
        ("zero", 0),
    ],
)
def test_a_number_is_read(text: str, value: Fraction) -> None:
    assert read_number(text) == value


@pytest.mark.parametrize("text", ["", "five five", "nineteen eighty four", "apples", "five apples"])
def test_what_is_no_number_is_not(text: str) -> None:
    assert read_number(text) is None


@given(st.integers(0, 10**12))
def test_every_number_is_read_as_it_is_said(number: int) -> None:
    assert read_number(num2words(number).replace(",", "")) == number


@given(st.text(max_size=60))
def test_no_text_upsets_the_reader(text: str) -> None:
    read_number(text)
    ends_in_number(text)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (Fraction(84), "eighty-four"),
        (Fraction(5, 2), "two point five"),
        (Fraction(1, 3), "about zero point three three"),
        (Fraction(-2), "minus two"),
        (Fraction(1, 4096), "about zero point zero zero zero two four"),
        (Fraction(10**20), "about one times ten to the power of twenty"),
    ],
)
def test_a_number_is_said_in_words(value: Fraction, said: str) -> None:
    assert say_number(value) == said
