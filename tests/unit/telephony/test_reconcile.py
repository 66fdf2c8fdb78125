"""Tidying up after a former run: live calls are ended, and nothing is ever dialled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import Call, CallState, CarrierName, Direction, EndReason
from desktop_voice.storage.calls import CallStore
from desktop_voice.telephony.carriers.carrier import RemoteCall, RemoteState
from desktop_voice.telephony.reconcile import reconcile
from tests.helpers.calls import a_call
from tests.helpers.dialogue import Events
from tests.helpers.scripted_carrier import ScriptedCarrier, refused
from tests.helpers.virtual_loop import virtual

LIVE, ENDED, UNKNOWN = RemoteState.LIVE, RemoteState.ENDED, RemoteState.UNKNOWN
LIVE_STATES = [state for state in CallState if state.is_live]


def an_old_call(**changes: Any) -> Call:
    return a_call(created_at=datetime.now(UTC) - timedelta(minutes=5), **changes)


@dataclass
class Ruins:
    """What a former run left: its store, and the carriers' view."""

    store: CallStore
    carriers: dict[CarrierName, ScriptedCarrier]
    bus: EventBus = field(default_factory=EventBus)

    def __post_init__(self) -> None:
        self.events = Events(self.bus)

    async def tidy(self, is_ours: Callable[[str], bool] = lambda _id: False) -> None:
        await asyncio.wait_for(
            reconcile(self.store, self.carriers, self.bus, is_ours=is_ours), 24 * 3600
        )

    async def stored(self, call: Call) -> Call:
        stored = await self.store.get(call.id)
        assert stored is not None
        return stored


@asynccontextmanager
async def ruins(folder: Path, *calls: Call) -> AsyncIterator[Ruins]:
    store = await CallStore.open(folder / "calls.db")
    for call in calls:
        await store.plan(call)
    yield Ruins(store, {name: ScriptedCarrier(name) for name in CarrierName})
    await store.close()


@pytest.mark.parametrize("carrier", list(CarrierName))
@pytest.mark.parametrize("state", LIVE_STATES)
@pytest.mark.parametrize(
    ("errors", "remote", "hung_up", "reason"),
    [
        (0, LIVE, 1, EndReason.APP_QUIT),
        (0, ENDED, 0, EndReason.FOUND_ENDED),
        (0, UNKNOWN, 1, EndReason.APP_QUIT),
        (3, LIVE, 1, EndReason.APP_QUIT),
        (3, ENDED, 0, EndReason.FOUND_ENDED),
    ],
)
@virtual
async def test_each_call_that_was_live_ends(
    tmp_path: Path,
    carrier: CarrierName,
    state: CallState,
    errors: int,
    remote: RemoteState,
    hung_up: int,
    reason: EndReason,
) -> None:
    call = an_old_call(carrier=carrier, state=state, carrier_ref="ref-1")
    async with ruins(tmp_path, call) as left:
        there = left.carriers[carrier]
        there.remote["ref-1"] = RemoteCall("ref-1", remote, call.number, call.own_number)
        there.fail("fetch", *[refused()] * errors) if errors else None
        await left.tidy()
        stored = await left.stored(call)
        assert (stored.state, stored.reason) == (CallState.ENDED, reason)
        assert stored.ended_at is not None
        assert [event.call for event in left.events.of(ev.CallChanged)] == [stored]
        assert [one.ref for one in there.all("hang_up")] == ["ref-1"] * hung_up
        assert all(not one.all("place") for one in left.carriers.values())
        assert await left.store.live() == []


@virtual
async def test_hanging_up_that_fails_is_tried_again(tmp_path: Path) -> None:
    call = an_old_call(state=CallState.TALKING, carrier_ref="ref-1")
    async with ruins(tmp_path, call) as left:
        there = left.carriers[CarrierName.TWILIO]
        there.remote["ref-1"] = RemoteCall("ref-1", LIVE)
        there.fail("hang_up", refused(), refused())
        await left.tidy()
        assert there.remote["ref-1"].state is ENDED
        assert len(there.all("hang_up")) == 3


@pytest.mark.parametrize("by", ["id", "numbers"])
@virtual
async def test_an_order_whose_fate_is_unknown_is_looked_for(tmp_path: Path, by: str) -> None:
    call = an_old_call()
    async with ruins(tmp_path, call) as left:
        there = left.carriers[CarrierName.TWILIO]
        found = RemoteCall(
            "lost", LIVE, call.number, call.own_number, call_id=call.id if by == "id" else ""
        )
        stranger = RemoteCall("other", LIVE, "+14155550199", call.own_number)
        there.remote = {"lost": found, "other": stranger}
        there.fail("live_calls")
        await left.tidy()
        assert [one.ref for one in there.all("hang_up")] == ["lost"]
        assert (await left.stored(call)).reason is EndReason.APP_QUIT


@virtual
async def test_an_order_that_never_arrived_just_ends(tmp_path: Path) -> None:
    call = an_old_call()
    async with ruins(tmp_path, call) as left:
        await left.tidy()
        there = left.carriers[CarrierName.TWILIO]
        assert {one.what for one in there.asked} == {"live_calls"}
        assert (await left.stored(call)).reason is EndReason.FOUND_ENDED


@virtual
async def test_calls_of_this_run_are_left_alone(tmp_path: Path) -> None:
    old = an_old_call(state=CallState.TALKING, carrier_ref="old")
    new = an_old_call(state=CallState.TALKING, carrier_ref="new", direction=Direction.INBOUND)
    async with ruins(tmp_path, old, new) as left:
        there = left.carriers[CarrierName.TWILIO]
        there.remote = {ref: RemoteCall(ref, LIVE) for ref in ("old", "new")}
        await left.tidy(lambda call_id: call_id == new.id)
        assert [one.ref for one in there.all("hang_up")] == ["old"]
        assert (await left.stored(new)).state is CallState.TALKING


@virtual
async def test_without_its_carrier_a_call_ends_when_its_limit_has_passed(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    old = a_call(
        created_at=now - timedelta(seconds=3700), state=CallState.TALKING, carrier_ref="old"
    )
    new = a_call(created_at=now, state=CallState.TALKING, carrier_ref="new")
    async with ruins(tmp_path, old, new) as left:
        left.carriers.clear()
        tidying = asyncio.create_task(left.tidy())
        await asyncio.sleep(60)
        assert (await left.stored(old)).reason is EndReason.FOUND_ENDED
        assert (await left.stored(new)).state is CallState.TALKING
        tidying.cancel()
        await asyncio.gather(tidying, return_exceptions=True)


@virtual
async def test_one_carrier_that_is_down_does_not_hold_up_the_others(tmp_path: Path) -> None:
    down = an_old_call(state=CallState.TALKING, carrier_ref="a")
    up = an_old_call(carrier=CarrierName.PLIVO, state=CallState.TALKING, carrier_ref="b")
    async with ruins(tmp_path, down, up) as left:
        left.carriers[CarrierName.TWILIO].fail("fetch", *[refused()] * 1000)
        left.carriers[CarrierName.PLIVO].remote["b"] = RemoteCall("b", LIVE)
        tidying = asyncio.create_task(left.tidy())
        await asyncio.sleep(1)
        assert (await left.stored(up)).reason is EndReason.APP_QUIT
        assert (await left.stored(down)).state is CallState.TALKING
        tidying.cancel()
        await asyncio.gather(tidying, return_exceptions=True)
