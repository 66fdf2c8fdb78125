"""Liveness: silence on our turn is noticed in time, and no other silence is."""

import pytest

from desktop_voice.dialogue.liveness import Liveness


def silent_at(
    *, last_sound_s: float, owed_from_s: float, until_s: float, owed_to_s: float = 1e9
) -> float | None:
    """Return when the watch speaks up, asked five times a second from 0 on."""
    liveness = Liveness()
    for tenth in range(0, int(until_s * 10), 2):
        now_s = tenth / 10
        is_owed = owed_from_s <= now_s < owed_to_s
        if liveness.update(now_s, is_owed, min(now_s, last_sound_s)) is not None:
            return now_s
    return None


def test_a_caller_who_thinks_may_be_silent_for_ever() -> None:
    assert silent_at(last_sound_s=0, owed_from_s=1e9, until_s=100) is None


@pytest.mark.parametrize("endpointing_s", [0.26, 0.76, 1.2, 1.7])
def test_a_reply_that_never_comes_is_noticed_within_four_seconds(endpointing_s: float) -> None:
    noticed_s = silent_at(last_sound_s=0, owed_from_s=endpointing_s, until_s=10)
    assert noticed_s is not None
    assert 3 <= noticed_s < 3.9


@pytest.mark.parametrize("endpointing_s", [0.26, 0.76, 1.2, 1.6])
def test_a_filler_after_a_second_and_a_half_is_in_time(endpointing_s: float) -> None:
    owed_to_s = endpointing_s + 1.6
    assert (
        silent_at(last_sound_s=0, owed_from_s=endpointing_s, owed_to_s=owed_to_s, until_s=10)
        is None
    )


def test_while_there_is_sound_nothing_is_wrong() -> None:
    assert silent_at(last_sound_s=1e9, owed_from_s=0, until_s=60) is None


def test_it_says_for_how_long() -> None:
    liveness = Liveness()
    assert liveness.update(10.0, True, 10.0) is None
    assert liveness.update(15.0, True, 10.0) == 5.0
    assert liveness.update(15.2, False, 10.0) is None
    assert liveness.update(15.4, True, 10.0) is None
