"""Durations are read and said as people say them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.agent.intents.durations import read_duration, say_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("ten minutes", 600),
        ("10-minute", 600),
        ("an hour and a half", 5400),
        ("one and a half hours", 5400),
        ("half an hour", 1800),
        ("a quarter of an hour", 900),
        ("three quarters of an hour", 2700),
        ("1 hour and 20 minutes", 4800),
        ("one hour thirty", 5400),
        ("twenty-five minutes and ten seconds", 1510),
        ("90 seconds", 90),
        ("2h", 7200),
        ("ten", 600),
        ("two days", 172_800),
    ],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert read_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "zero minutes", "ten apples", "minutes", "ten minutes tea", "90 days", "and"]
)
def test_what_is_no_duration_is_not(text: str) -> None:
    assert read_duration(text) is None


@given(st.text(alphabet="an hour and a half ten minutes 10:.,-", max_size=40))
def test_no_text_upsets_the_reader(text: str) -> None:
    read_duration(text)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (600, "ten minutes"),
        (60, "one minute"),
        (61, "one minute and one second"),
        (5400, "one hour and thirty minutes"),
        (90_061, "one day and one hour"),
        (0, "no time"),
    ],
)
def test_a_duration_is_said_in_words(seconds: float, said: str) -> None:
    assert say_duration(seconds) == said
