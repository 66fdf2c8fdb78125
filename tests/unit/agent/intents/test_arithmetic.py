"""Sums are worked out exactly, or it is said why not."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.agent.intents.arithmetic import read_sum


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("five plus five", "10"),
        ("5 + 5", "10"),
        ("12 times 7", "84"),
        ("12x7", "84"),
        ("12 x 7", "84"),
        ("three plus four times two", "11"),
        ("(3 + 4) * 5", "35"),
        ("open bracket three plus four close bracket times five", "35"),
        ("ten divided by four", "5/2"),
        ("seven over two", "7/2"),
        ("20 percent of 50", "10"),
        ("20% of 50", "10"),
        ("100 plus 20 percent", "120"),
        ("100 minus 10 percent", "90"),
        ("15% off 80", "68"),
        ("half of 90", "45"),
        ("two squared", "4"),
        ("two cubed plus one", "9"),
        ("2 to the power of ten", "1024"),
        ("2 ^ -1", "1/2"),
        ("the square root of eighty one", "9"),
        ("the square root of 16 plus 9", "13"),
        ("the cube root of 27", "3"),
        ("minus five plus three", "-2"),
        ("5 - 3", "2"),
        ("0.1 + 0.2", "3/10"),
        ("1,000 times 3", "3000"),
        ("seven times eight equals", "56"),
    ],
)
def test_a_sum_is_worked_out(text: str, value: str) -> None:
    result = read_sum(text)
    assert result is not None
    assert result.value == Fraction(value)


def test_an_endless_root_is_close() -> None:
    result = read_sum("the square root of two")
    assert result is not None
    assert result.value is not None
    assert abs(result.value**2 - 2) < Fraction(1, 10**9)


@pytest.mark.parametrize(
    "text",
    [
        "ten divided by zero",
        "0 to the power of minus 1",
        "the square root of minus 4",
        "2 to the power of 999999999",
        "9 ^ 9 ^ 9 ^ 9 ^ 9 ^ 9",
        "minus 8 to the power of 0.5",
    ],
)
def test_a_sum_without_an_answer_says_why(text: str) -> None:
    result = read_sum(text)
    assert result is not None
    assert result.value is None
    assert result.trouble.endswith(".")


@pytest.mark.parametrize(
    "text",
    ["", "five", "5 percent", "seven minus", "the meaning of life", "9/11", "plus", "( 5", "()"],
)
def test_what_is_no_sum_is_not(text: str) -> None:
    assert read_sum(text) is None


@given(st.text(alphabet="0123456789+-*/^()%. ", max_size=60))
def test_no_typed_sum_upsets_the_reader(text: str) -> None:
    read_sum(text)


@given(st.integers(-1000, 1000), st.integers(-1000, 1000), st.sampled_from("+-*"))
def test_it_agrees_with_arithmetic(left: int, right: int, sign: str) -> None:
    result = read_sum(f"({left}) {sign} ({right})")
    expected = {"+": left + right, "-": left - right, "*": left * right}[sign]
    assert result is not None
    assert result.value == expected
