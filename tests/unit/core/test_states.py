"""The desk's states: all of use, none a trap, and nothing outside the table."""

from __future__ import annotations

import itertools

import pytest

from desktop_voice.core.states import (
    TRANSITIONS,
    AssistantState,
    ImpossibleTransitionError,
    Trigger,
    next_state,
)


def reachable_from(start: AssistantState, *, without: frozenset[Trigger]) -> set[AssistantState]:
    reached, fresh = {start}, {start}
    while fresh:
        fresh = {
            after
            for (before, trigger), after in TRANSITIONS.items()
            if before in fresh and trigger not in without
        } - reached
        reached |= fresh
    return reached


def test_every_state_can_be_reached_from_off() -> None:
    assert reachable_from(AssistantState.OFF, without=frozenset()) == set(AssistantState)


@pytest.mark.parametrize("state", AssistantState)
def test_no_state_is_a_dead_end(state: AssistantState) -> None:
    without = frozenset({Trigger.SHUT_DOWN, Trigger.FAILED})
    assert AssistantState.ARMED in reachable_from(state, without=without)


@pytest.mark.parametrize("state", AssistantState)
def test_the_app_can_be_closed_in_every_state(state: AssistantState) -> None:
    assert next_state(state, Trigger.SHUT_DOWN) is AssistantState.OFF


@pytest.mark.parametrize("state", [s for s in AssistantState if s is not AssistantState.OFF])
def test_a_failure_is_shown_in_every_state_that_runs(state: AssistantState) -> None:
    assert next_state(state, Trigger.FAILED) is AssistantState.FAULT


@pytest.mark.parametrize("trigger", Trigger)
def test_every_trigger_means_something_somewhere(trigger: Trigger) -> None:
    assert any(known is trigger for _, known in TRANSITIONS)


def test_a_pair_outside_the_table_is_refused() -> None:
    unknown = set(itertools.product(AssistantState, Trigger)) - set(TRANSITIONS)
    assert (AssistantState.OFF, Trigger.WAKE_HEARD) in unknown
    for state, trigger in unknown:
        with pytest.raises(ImpossibleTransitionError) as caught:
            next_state(state, trigger)
        assert (caught.value.state, caught.value.trigger) == (state, trigger)
        assert str(caught.value) == f"{trigger} cannot happen while {state}"


def test_a_conversation_goes_round() -> None:
    state = AssistantState.OFF
    seen = []
    for trigger in (
        Trigger.STARTED,
        Trigger.WAKE_HEARD,
        Trigger.TURN_ENDED,
        Trigger.REPLY_STARTED,
        Trigger.REPLY_ENDED,
        Trigger.SPEECH_STARTED,
        Trigger.TURN_ENDED,
        Trigger.STOPPED,
    ):
        state = next_state(state, trigger)
        seen.append(str(state))
    assert seen == [
        "armed",
        "listening",
        "thinking",
        "speaking",
        "follow_up",
        "listening",
        "thinking",
        "armed",
    ]
