"""How calls ended that the assistant was asked for, told where they were asked for."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Literal

import pytest

from desktop_voice.core import events as ev
from desktop_voice.core.approvals import Approval
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import Call, CallState, EndReason
from desktop_voice.desk.asked_calls import MAX_REMEMBERED, AskedCalls, outcome
from tests.helpers.calls import NOON, a_call, an_order

UNANSWERED = "The call to +1 415-555-0123 is over. Nobody answered."


class Asked:
    """Calls beside a conversation."""

    def __init__(self) -> None:
        self.bus = EventBus()
        self.told: list[str] = []
        self.calls = AskedCalls(self.bus, self.told.append)

    def ask(self, approval_id: str, origin: Literal["window", "assistant"] = "assistant") -> None:
        order = an_order(origin=origin)
        approval = Approval(approval_id, order, order.sha256, NOON)
        self.bus.publish(ev.ApprovalRequested(approval))

    def end(self, approval_id: str) -> Call:
        call = a_call(
            approval_id=approval_id,
            state=CallState.ENDED,
            reason=EndReason.NO_ANSWER,
            ended_at=NOON,
        )
        self.bus.publish(ev.CallChanged(call))
        return call


@pytest.fixture
def asked() -> Iterator[Asked]:
    asked = Asked()
    yield asked
    asked.calls.close()
    asked.ask("late")
    told = list(asked.told)
    asked.end("late")
    assert asked.told == told


def test_the_end_of_an_asked_call_is_told_once(asked: Asked) -> None:
    asked.ask("one")
    asked.bus.publish(ev.ApprovalSettled("one", "approved"))
    asked.bus.publish(ev.CallChanged(a_call(approval_id="one", state=CallState.TALKING)))
    assert (asked.told, asked.calls.instructions) == ([], "")
    call = asked.end("one")
    asked.bus.publish(ev.CallChanged(call))
    assert asked.told == [UNANSWERED]
    assert f"{call.id}: {UNANSWERED}" in asked.calls.instructions


def test_other_calls_are_not_told_of(asked: Asked) -> None:
    asked.ask("window", "window")
    asked.end("window")
    asked.end("")
    asked.ask("denied")
    asked.bus.publish(ev.ApprovalSettled("denied", "denied"))
    asked.end("denied")
    assert (asked.told, asked.calls.instructions) == ([], "")


def test_only_the_last_calls_are_remembered(asked: Asked) -> None:
    ids = []
    for n in range(MAX_REMEMBERED + 1):
        asked.ask(str(n))
        ids.append(asked.end(str(n)).id)
    assert ids[0] not in asked.calls.instructions
    assert all(call_id in asked.calls.instructions for call_id in ids[1:])


def test_it_says_who_how_and_how_long() -> None:
    call = a_call(
        state=CallState.ENDED,
        reason=EndReason.FAR_END_HUNG_UP,
        answered_at=NOON,
        ended_at=NOON + timedelta(seconds=125),
    )
    assert outcome(call) == (
        "The call to +1 415-555-0123 is over. The other side hung up. "
        "It lasted two minutes and five seconds."
    )
