"""What is spelled in a sentence, and where it begins and ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.core.spelled import spelled_runs


@pytest.mark.parametrize(
    ("text", "likeliest"),
    [
        ("A C one two three four five six", "AC123456"),
        ("a, c, 1, 2, 3, double four, triple five", "ac12344555"),
        ("alpha bravo twelve twenty three zero oh", "ab122300"),
        ("bee cee dee ee eff one nine dash two", "bcdef19-2"),
        ("5f3d 00ab cdef 1234", "5f3d00abcdef1234"),
        ("A-C-1-2-3-4-5-6", "AC123456"),
        ("capital m a 0 1 2 3 4 5", "ma012345"),
    ],
)
def test_it_is_read_as_it_was_said(text: str, likeliest: str) -> None:
    (run,) = spelled_runs(text)
    assert run.readings[0] == likeliest


def test_it_ends_where_the_sentence_goes_on() -> None:
    text = "It is one two three four five six seven eight thanks"
    (run,) = spelled_runs(text)
    assert text[run.start : run.end] == "one two three four five six seven eight"


def test_a_small_word_before_it_may_belong_to_it_or_not() -> None:
    (run,) = spelled_runs("a one two three four five six seven eight")
    assert run.readings == ("a12345678", "12345678")


@pytest.mark.parametrize(
    "text",
    [
        "I see a bee",
        "a one and a two",
        "plus one five five five nine eight seven six five four three",
        "+1 5 5 5 9 8 7 6 5 4 3",
        "Be a dad, see a cafe, add a bed",
        "",
    ],
)
def test_sentences_and_phone_numbers_are_not_spelled(text: str) -> None:
    assert list(spelled_runs(text)) == []


@given(st.text(max_size=400))
def test_what_it_finds_lies_in_the_text_in_order(text: str) -> None:
    position = 0
    for run in spelled_runs(text, at_least=1):
        assert position <= run.start < run.end <= len(text)
        assert all(run.readings)
        position = run.end
