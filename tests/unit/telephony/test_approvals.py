"""Approvals: one yes, one call, exactly as it was shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from desktop_voice.core.approvals import CallOrder
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import CallMode, CarrierName, PipelineKind
from desktop_voice.core.clock import SystemClock
from desktop_voice.core.errors import PhoneError, StoreError
from desktop_voice.core.events import ApprovalRequested, ApprovalSettled, Event
from desktop_voice.storage.calls import CallStore
from desktop_voice.telephony.approvals import MAX_WAITING, Approvals
from tests.helpers.calls import NOON, an_order
from tests.helpers.virtual_clock import VirtualClock


class Desk:
    """Approvals with a store, a bus and a clock of their own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = VirtualClock(NOON)
        self.bus = EventBus()
        self.events: list[Event] = []
        self.bus.on(Event, self.events.append)

    async def open(self) -> None:
        self.store = await CallStore.open(self.path, self.clock)
        self.approvals = Approvals(self.store, self.bus, self.clock)

    async def close(self) -> None:
        await self.approvals.close()
        await self.store.close()

    async def restart(self) -> None:
        await self.close()
        await self.open()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path / "calls" / "calls.db")
    await desk.open()
    yield desk
    await desk.close()


async def refusal(attempt: Any) -> str:
    with pytest.raises(PhoneError) as caught:
        await attempt
    return caught.value.code


async def test_a_call_is_placed_once_after_a_yes(desk: Desk) -> None:
    order = an_order()
    approval = await desk.approvals.ask(order)
    assert approval.order == order
    assert approval.sha256 == order.sha256
    assert approval.expires_at == NOON + timedelta(seconds=120)
    assert desk.events == [ApprovalRequested(approval)]
    assert await refusal(desk.approvals.consume(approval.id, order)) == "PHONE-32"
    assert await desk.approvals.settle(approval.id, True) == order
    assert desk.events[1:] == [ApprovalSettled(approval.id, "approved")]
    await desk.approvals.consume(approval.id, order)
    assert await refusal(desk.approvals.consume(approval.id, order)) == "PHONE-32"
    assert await refusal(desk.approvals.settle(approval.id, True)) == "PHONE-30"


async def test_a_no_places_nothing(desk: Desk) -> None:
    approval = await desk.approvals.ask(an_order())
    assert await desk.approvals.settle(approval.id, False) is None
    assert desk.events[1:] == [ApprovalSettled(approval.id, "denied")]
    assert await refusal(desk.approvals.settle(approval.id, True)) == "PHONE-30"
    assert await refusal(desk.approvals.consume(approval.id, an_order())) == "PHONE-32"


async def test_of_concurrent_answers_one_counts(desk: Desk) -> None:
    approval = await desk.approvals.ask(an_order())
    answers = await asyncio.gather(
        *[desk.approvals.settle(approval.id, True) for _ in range(50)], return_exceptions=True
    )
    assert [answer for answer in answers if isinstance(answer, CallOrder)] == [an_order()]
    assert sum(isinstance(event, ApprovalSettled) for event in desk.events) == 1


async def test_of_two_hundred_executors_exactly_one_wins(desk: Desk) -> None:
    approval = await desk.approvals.ask(an_order())
    order = await desk.approvals.settle(approval.id, True)
    assert order is not None
    results = await asyncio.gather(
        *[desk.approvals.consume(approval.id, order) for _ in range(200)], return_exceptions=True
    )
    assert results.count(None) == 1
    assert sum(isinstance(result, PhoneError) for result in results) == 199


CHANGES: dict[str, Any] = {
    "number": "+14155550124",
    "own_number": "+14155550101",
    "carrier": CarrierName.PLIVO,
    "mode": CallMode.CONVERSATION,
    "pipeline": PipelineKind.CASCADING,
    "message": "The server is back up. ",
    "disclosure": "",
    "soft_limit_s": 301,
    "hard_limit_s": 3601,
    "origin": "window",
    "at_night": True,
}


@pytest.mark.parametrize("field", [field.name for field in fields(CallOrder)])
async def test_whatever_is_changed_after_the_yes_makes_it_worthless(desk: Desk, field: str) -> None:
    approval = await desk.approvals.ask(an_order())
    await desk.approvals.settle(approval.id, True)
    changed = replace(an_order(), **{field: CHANGES[field]})
    assert changed != an_order()
    assert await refusal(desk.approvals.consume(approval.id, changed)) == "PHONE-32"
    await desk.approvals.consume(approval.id, an_order())


@pytest.mark.parametrize(
    "message", ["The server is back up.\u202e", "The server is back up.\u200b", "Ｔhe server"]
)
async def test_disguised_texts_are_other_texts(desk: Desk, message: str) -> None:
    approval = await desk.approvals.ask(an_order())
    await desk.approvals.settle(approval.id, True)
    disguised = replace(an_order(), message=message)
    assert await refusal(desk.approvals.consume(approval.id, disguised)) == "PHONE-32"


async def test_an_answer_after_two_minutes_is_too_late(desk: Desk) -> None:
    approval = await desk.approvals.ask(an_order())
    desk.clock.advance(120)
    assert await refusal(desk.approvals.settle(approval.id, True)) == "PHONE-31"
    assert desk.events[1:] == [ApprovalSettled(approval.id, "expired")]
    assert await refusal(desk.approvals.consume(approval.id, an_order())) == "PHONE-32"


async def test_setting_the_clock_back_does_not_prolong_it(desk: Desk) -> None:
    approval = await desk.approvals.ask(an_order())
    desk.clock.advance(121)
    desk.clock.set_wall(NOON)
    assert await refusal(desk.approvals.settle(approval.id, True)) == "PHONE-31"


async def test_a_yes_is_not_kept_for_later(desk: Desk) -> None:
    approval = await desk.approvals.ask(an_order())
    await desk.approvals.settle(approval.id, True)
    desk.clock.advance(120)
    assert await refusal(desk.approvals.consume(approval.id, an_order())) == "PHONE-32"


async def test_nobody_answering_is_told(desk: Desk) -> None:
    settled = asyncio.Event()
    desk.bus.on(ApprovalSettled, lambda _: settled.set())
    approvals = Approvals(desk.store, desk.bus, SystemClock(), life_s=0.01)
    approval = await approvals.ask(an_order())
    await asyncio.wait_for(settled.wait(), 10)
    assert desk.events[1:] == [ApprovalSettled(approval.id, "expired")]
    assert await refusal(approvals.settle(approval.id, True)) == "PHONE-30"
    await approvals.close()


async def test_an_answer_that_cannot_be_kept_dials_nothing(desk: Desk) -> None:
    approval = await desk.approvals.ask(an_order())
    await desk.store.close()
    with pytest.raises(StoreError):
        await desk.approvals.settle(approval.id, True)
    assert desk.events[1:] == [ApprovalSettled(approval.id, "denied")]
    with pytest.raises(StoreError):
        await desk.approvals.consume(approval.id, an_order())


async def test_a_restart_makes_everything_void(desk: Desk) -> None:
    asked = await desk.approvals.ask(an_order())
    approved = await desk.approvals.ask(an_order())
    await desk.approvals.settle(approved.id, True)
    await desk.restart()
    assert await refusal(desk.approvals.settle(asked.id, True)) == "PHONE-30"
    assert await refusal(desk.approvals.consume(approved.id, an_order())) == "PHONE-32"
    assert await refusal(desk.approvals.consume(asked.id, an_order())) == "PHONE-32"


async def test_what_was_never_asked_is_not_approved(desk: Desk) -> None:
    for approval_id in ("", "x", "a' OR '1'='1", "\x00"):
        assert await refusal(desk.approvals.settle(approval_id, True)) == "PHONE-30"
        assert await refusal(desk.approvals.consume(approval_id, an_order())) == "PHONE-32"


async def test_only_so_many_questions_wait(desk: Desk) -> None:
    first = await desk.approvals.ask(replace(an_order(), origin="window"))
    for _ in range(MAX_WAITING - 1):
        await desk.approvals.ask(replace(an_order(), origin="window"))
    assert await refusal(desk.approvals.ask(replace(an_order(), origin="window"))) == "PHONE-33"
    await desk.approvals.settle(first.id, False)
    await desk.approvals.ask(replace(an_order(), origin="window"))


async def test_the_audit_tells_who_asked_and_what_was_answered(desk: Desk) -> None:
    approval = await desk.approvals.ask(an_order())
    await desk.approvals.settle(approval.id, False)
    details = [entry.detail for entry in await desk.store.audited()]
    assert [detail.split()[0] for detail in details] == ["denied", "asked"]
    for detail in details:
        assert approval.id in detail
        assert approval.sha256 in detail
        assert "assistant" in detail
        assert an_order().number not in detail
        assert an_order().message not in detail


async def test_the_assistant_asks_the_same_only_once(desk: Desk) -> None:
    order = replace(an_order(), origin="assistant")
    first = await desk.approvals.ask(order)
    assert await desk.approvals.ask(order) == first
    assert desk.events == [ApprovalRequested(first)]
    other = await desk.approvals.ask(replace(order, message="Something else."))
    assert other.id != first.id
