"""Quantities are read as people say them."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.agent.intents.units import read_quantity, read_unit, registry


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("5 miles", 5, "mile"),
        ("a pound", 1, "pound"),
        ("half a mile", Fraction(1, 2), "mile"),
        ("two and a half kilometres", Fraction(5, 2), "kilometer"),
        ("20 degrees Celsius", 20, "degC"),
        ("100°F", 100, "degF"),
        ("minus 40 Celsius", -40, "degC"),
        ("60 miles per hour", 60, "mile_per_hour"),
        ("6 foot", 6, "foot"),
        ("five feet six", Fraction(11, 2), "foot"),
        ("two hours thirty minutes", Fraction(5, 2), "hour"),
    ],
)
def test_a_quantity_is_read(text: str, amount: Fraction, unit: str) -> None:
    quantity = read_quantity(text)
    assert quantity is not None
    assert (quantity.amount, quantity.unit.pint_name) == (amount, unit)


@pytest.mark.parametrize(
    "text", ["", "5", "minus 5 miles", "5 bananas", "five miles ten grams", "a"]
)
def test_what_is_no_quantity_is_not(text: str) -> None:
    assert read_quantity(text) is None


@pytest.mark.parametrize(
    "word", ["litre", "litres", "Liters", "feet", "inches", "mph", "gigabytes"]
)
def test_units_have_plurals_and_two_spellings(word: str) -> None:
    unit = read_unit(word)
    assert unit is not None
    assert registry().Quantity(1, unit.pint_name).magnitude == 1


@given(st.text(alphabet="a half 10 miles and feet per hour °F-", max_size=40))
def test_no_text_upsets_the_reader(text: str) -> None:
    read_quantity(text)
