"""The pacer: when frames are due, and what marks and time say of what was played."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.dialogue.lines.pacer import FRAME_S, LEAD_S, Pacer

RATE_HZ = 8000
FRAME = 160


def sent_in_real_time(pacer: Pacer, frames: int, now_s: float) -> tuple[float, list[str]]:
    """Send as soon as it is due; return the time after the last frame, and the marks."""
    marks = []
    for _ in range(frames):
        now_s = max(now_s, pacer.due_s(FRAME))
        pacer.frame_sent(FRAME, now_s)
        name = pacer.next_mark(now_s, is_end=False)
        if name is not None:
            marks.append(name)
    return now_s, marks


def test_the_lead_goes_out_at_once_and_then_a_frame_every_twenty_milliseconds() -> None:
    pacer = Pacer(RATE_HZ)
    now_s, _ = sent_in_real_time(pacer, 7, 100.0)
    assert now_s == 100.0
    assert pacer.queued_s(now_s) == pytest.approx(LEAD_S)
    assert pacer.due_s(FRAME) == pytest.approx(100.0 + FRAME_S)
    now_s, _ = sent_in_real_time(pacer, 100, now_s)
    assert now_s == pytest.approx(100.0 + 100 * FRAME_S)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_however_late_the_sender_is_no_burst_exceeds_the_lead(delays_s: list[float]) -> None:
    pacer = Pacer(RATE_HZ)
    now_s = 100.0
    for delay_s in delays_s:
        now_s += delay_s
        while pacer.due_s(FRAME) <= now_s:
            pacer.frame_sent(FRAME, now_s)
        assert LEAD_S - FRAME_S <= pacer.queued_s(now_s) + 1e-9 <= LEAD_S + 1e-6


def test_less_than_a_frame_waits_for_the_rest_until_the_last_moment() -> None:
    pacer = Pacer(RATE_HZ)
    sent_in_real_time(pacer, 7, 100.0)
    assert pacer.due_s(FRAME - 1) > pacer.due_s(FRAME)
    assert pacer.due_s(FRAME - 1) < 100.0 + LEAD_S


def test_the_first_frame_and_every_two_tenths_of_a_second_have_a_mark() -> None:
    pacer = Pacer(RATE_HZ)
    _, marks = sent_in_real_time(pacer, 50, 100.0)
    assert marks == ["0.160", "0.1760", "0.3360", "0.4960", "0.6560"]


def test_the_end_has_a_mark_once() -> None:
    pacer = Pacer(RATE_HZ)
    now_s, _ = sent_in_real_time(pacer, 3, 100.0)
    assert not pacer.is_marked_to_end
    assert pacer.next_mark(now_s - 0.03, is_end=True) is None
    assert pacer.next_mark(pacer.end_mark_due_s, is_end=True) == "0.480"
    assert pacer.is_marked_to_end
    assert pacer.next_mark(pacer.end_mark_due_s, is_end=True) is None


def test_marks_say_what_was_played_and_time_goes_on_between_them() -> None:
    pacer = Pacer(RATE_HZ)
    sent_in_real_time(pacer, 50, 100.0)
    assert pacer.played(100.5) == 0
    pacer.mark_came("0.160", 100.6)
    assert pacer.played(100.6) == 160
    assert pacer.played(100.7) == 160 + 800
    assert pacer.played(100.95) == 1760
    pacer.mark_came("0.3360", 101.0)
    assert pacer.played(101.0) == 3360


def test_a_mark_of_an_older_epoch_says_nothing() -> None:
    pacer = Pacer(RATE_HZ)
    sent_in_real_time(pacer, 50, 100.0)
    pacer.clear(100.1)
    sent_in_real_time(pacer, 50, 100.2)
    pacer.mark_came("0.3360", 100.3)
    assert pacer.played(100.3) == 0
    pacer.mark_came("1.160", 100.4)
    assert pacer.played(100.4) == 160


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["send", "mark", "wait", "clear", "noise"]), st.floats(0, 2)),
        max_size=60,
    )
)
def test_playing_never_goes_back_nor_beyond_what_was_sent(steps: list[tuple[str, float]]) -> None:
    pacer = Pacer(RATE_HZ)
    now_s, marks, before = 100.0, list[str](), 0
    for what, amount in steps:
        match what:
            case "send":
                now_s, new = sent_in_real_time(pacer, int(amount * 20), now_s)
                marks += new
            case "mark" if marks:
                pacer.mark_came(marks.pop(0), now_s)
            case "noise":
                pacer.mark_came(f"0.{int(amount * 1e6)}", now_s)
            case "clear":
                pacer.clear(now_s)
            case _:
                now_s += amount
        played = pacer.played(now_s)
        assert before <= played <= pacer.sent
        before = played


def test_where_marks_are_lost_time_tells_and_one_mark_makes_them_count_again() -> None:
    pacer = Pacer(RATE_HZ)
    now_s, marks = sent_in_real_time(pacer, 100, 100.0)
    assert pacer.played(now_s + 1.2) > 8000
    assert pacer.played(now_s + 5) == pacer.sent
    now_s, marks = sent_in_real_time(pacer, 50, 200.0)
    assert pacer.played(200.5) == pytest.approx(16_000 + 4000, abs=FRAME)
    pacer.mark_came(marks[-1], 200.6)
    assert pacer.played(200.6) == 16_000 + 6560


def test_a_hole_in_the_middle_of_a_reply_is_an_underrun() -> None:
    pacer = Pacer(RATE_HZ)
    now_s, _ = sent_in_real_time(pacer, 10, 100.0)
    assert pacer.underruns == 0
    sent_in_real_time(pacer, 1, now_s + 0.3)
    assert pacer.underruns == 1
    sent_in_real_time(pacer, 1, now_s + 10)
    assert pacer.underruns == 1


def test_a_clear_is_needless_once_all_is_played() -> None:
    pacer = Pacer(RATE_HZ)
    assert pacer.is_all_known_played
    now_s, _ = sent_in_real_time(pacer, 3, 100.0)
    assert not pacer.is_all_known_played
    name = pacer.next_mark(pacer.end_mark_due_s, is_end=True)
    assert name is not None
    pacer.mark_came(name, now_s + 0.2)
    assert pacer.is_all_known_played
