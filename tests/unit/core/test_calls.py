"""Calls: every pair of state and trigger is decided, and nothing follows the end."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.core.calls import (
    CALL_TRANSITIONS,
    LATE,
    CallState,
    CallTrigger,
    EndReason,
    ImpossibleCallTransitionError,
    new_call_id,
    next_call_state,
)

_PROGRESS = list(CallState)


@pytest.mark.parametrize(
    ("state", "trigger"), list(itertools.product(CallState, CallTrigger)), ids=str
)
def test_a_pair_is_progress_or_late_or_impossible_but_never_two_of_them(
    state: CallState, trigger: CallTrigger
) -> None:
    moves, is_late = (state, trigger) in CALL_TRANSITIONS, (state, trigger) in LATE
    assert not (moves and is_late)
    if moves:
        follows = next_call_state(state, trigger)
        assert _PROGRESS.index(follows) > _PROGRESS.index(state)
    elif is_late:
        assert next_call_state(state, trigger) is state
    else:
        with pytest.raises(ImpossibleCallTransitionError):
            next_call_state(state, trigger)


@given(st.lists(st.sampled_from(CallTrigger), max_size=40))
def test_a_call_never_goes_back_whatever_comes_in_whatever_order(
    triggers: list[CallTrigger],
) -> None:
    state = CallState.PLANNED
    for trigger in triggers:
        try:
            follows = next_call_state(state, trigger)
        except ImpossibleCallTransitionError:
            continue
        assert _PROGRESS.index(follows) >= _PROGRESS.index(state)
        state = follows
    assert next_call_state(state, CallTrigger.ENDED) is CallState.ENDED


def test_an_ended_call_stays_ended_under_every_trigger() -> None:
    for trigger in CallTrigger:
        assert next_call_state(CallState.ENDED, trigger) is CallState.ENDED


def test_every_reason_can_be_read_by_people() -> None:
    for reason in EndReason:
        assert reason is EndReason.NONE or reason.text.endswith(".")


def test_ids_are_unique_and_sort_by_time() -> None:
    ids = [new_call_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert [call_id[:12] for call_id in ids] == sorted(call_id[:12] for call_id in ids)
