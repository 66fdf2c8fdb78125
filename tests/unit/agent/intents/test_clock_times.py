"""Times of day are read and said as people say them."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.agent.intents.clock_times import read_clock_time, say_day, say_time

NOW = datetime(2026, 11, 20, 15, 45)


@pytest.mark.parametrize(
    ("text", "day", "hour", "minute"),
    [
        ("7", 20, 19, 0),
        ("three", 21, 3, 0),
        ("7:30", 20, 19, 30),
        ("seven thirty", 20, 19, 30),
        ("7 a.m.", 21, 7, 0),
        ("7 A.M.", 21, 7, 0),
        ("7pm", 20, 19, 0),
        ("half past six", 20, 18, 30),
        ("quarter to eight", 20, 19, 45),
        ("ten minutes past nine", 20, 21, 10),
        ("quarter to one", 21, 0, 45),
        ("six in the morning", 21, 6, 0),
        ("nine at night", 20, 21, 0),
        ("tonight at 8", 20, 20, 0),
        ("tomorrow at 7", 21, 7, 0),
        ("tomorrow morning at seven", 21, 7, 0),
        ("monday at 8", 23, 8, 0),
        ("noon", 21, 12, 0),
        ("midnight", 21, 0, 0),
        ("12 am", 21, 0, 0),
        ("12 pm", 21, 12, 0),
        ("18:30", 20, 18, 30),
        ("seven oh five", 20, 19, 5),
        ("friday at 9 am", 27, 9, 0),
        ("today at 9 am", 21, 9, 0),
    ],
)
def test_the_next_such_time_is_found(text: str, day: int, hour: int, minute: int) -> None:
    spoken = read_clock_time(text)
    assert spoken is not None
    due = spoken.after(NOW, in_the_morning=False)
    assert due == datetime(2026, 11, day, hour, minute)


def test_waking_is_meant_before_noon() -> None:
    spoken = read_clock_time("seven")
    assert spoken is not None
    assert spoken.after(NOW, in_the_morning=True) == datetime(2026, 11, 21, 7, 0)


@pytest.mark.parametrize(
    "text", ["", "the moon", "25:00", "7:75", "18 pm", "8 every day", "half past", "tomorrow", "am"]
)
def test_what_is_no_time_is_not(text: str) -> None:
    assert read_clock_time(text) is None


@given(st.text(alphabet="half past ten to 7:30 am pm noon in the monday .", max_size=40))
def test_whatever_is_read_has_a_next_time(text: str) -> None:
    spoken = read_clock_time(text)
    if spoken is not None:
        assert spoken.after(NOW, in_the_morning=False) > NOW
        assert spoken.after(NOW, in_the_morning=True) > NOW


@pytest.mark.parametrize(
    ("hour", "minute", "said"),
    [
        (15, 45, "three forty-five p.m."),
        (7, 0, "seven a.m."),
        (0, 5, "twelve oh five a.m."),
        (12, 0, "noon"),
        (0, 0, "midnight"),
    ],
)
def test_a_time_is_said_in_words(hour: int, minute: int, said: str) -> None:
    assert say_time(datetime(2026, 11, 20, hour, minute)) == said


def test_a_day_is_said_in_words() -> None:
    days = [say_day(datetime(2026, 11, day, 8), NOW) for day in (20, 21, 23)]
    assert days == ["today", "tomorrow", "on Monday"]
