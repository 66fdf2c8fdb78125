"""Reconciling: what a former run left live is ended, and nothing else is touched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import Call, CallState, CarrierName, Direction, EndReason
from desktop_voice.core.errors import StoreError
from desktop_voice.storage.calls import CallStore
from desktop_voice.telephony.carriers.carrier import RemoteCall, RemoteState
from desktop_voice.telephony.reconcile import reconcile
from tests.helpers.calls import a_call
from tests.helpers.dialogue import Events
from tests.helpers.scripted_carrier import MY_NUMBER, ScriptedCarrier, refused
from tests.helpers.virtual_loop import virtual

FAR = "+14155550123"


@dataclass
class Former:
    """What a former run left, and the carrier that knows more."""

    store: CallStore
    carrier: ScriptedCarrier
    bus: EventBus
    ours: set[str]

    async def left(self, age_s: float = 60.0, **fields: Any) -> Call:
        """Store a live call that was planned so long ago."""
        created_at = datetime.now(UTC) - timedelta(seconds=age_s)
        call = a_call(number=FAR, own_number=MY_NUMBER, created_at=created_at, **fields)
        await self.store.plan(call)
        return call

    def goes_on(
        self,
        ref: str,
        to_number: str = FAR,
        call_id: str = "",
        state: RemoteState = RemoteState.LIVE,
    ) -> None:
        """Let the carrier have a live call."""
        self.carrier.remote[ref] = RemoteCall(ref, state, to_number, MY_NUMBER, call_id=call_id)

    async def reconcile(self) -> None:
        """Tidy up."""
        carriers = {self.carrier.name: self.carrier}
        await reconcile(self.store, carriers, self.bus, is_ours=self.ours.__contains__)

    async def end_of(self, call: Call) -> tuple[CallState, EndReason]:
        """Return how a call is stored."""
        stored = await self.store.get(call.id)
        assert stored is not None
        return stored.state, stored.reason

    @property
    def hung_up(self) -> list[str]:
        """The calls that the carrier was asked to end."""
        return [one.ref for one in self.carrier.all("hang_up")]


@asynccontextmanager
async def former(folder: Path) -> AsyncIterator[Former]:
    store = await CallStore.open(folder / "calls.db")
    try:
        yield Former(store, ScriptedCarrier(), EventBus(), set())
    finally:
        await store.close()


@virtual
async def test_a_call_that_goes_on_is_hung_up_and_told(tmp_path: Path) -> None:
    async with former(tmp_path) as run:
        events = Events(run.bus)
        call = await run.left(carrier_ref="ref-1", state=CallState.TALKING)
        over = await run.left(carrier_ref="ref-2", state=CallState.TALKING)
        run.goes_on("ref-1")
        await run.reconcile()
        assert run.hung_up == ["ref-1"]
        assert await run.end_of(call) == (CallState.ENDED, EndReason.APP_QUIT)
        assert await run.end_of(over) == (CallState.ENDED, EndReason.FOUND_ENDED)
        told = {event.call.id: event.call.state for event in events.of(ev.CallChanged)}
        assert told == {call.id: CallState.ENDED, over.id: CallState.ENDED}
        assert run.carrier.all("place") == []


@virtual
@pytest.mark.parametrize("knows_our_id", [True, False])
async def test_an_order_whose_answer_was_lost_is_found(tmp_path: Path, knows_our_id: bool) -> None:
    async with former(tmp_path) as run:
        call = await run.left()
        run.goes_on("ref-1", call_id=call.id if knows_our_id else "")
        run.goes_on("another", to_number="+14155550199")
        run.goes_on("of another app", call_id="0" * 32)
        await run.reconcile()
        assert run.hung_up == ["ref-1"]
        assert await run.end_of(call) == (CallState.ENDED, EndReason.APP_QUIT)


@virtual
async def test_an_order_on_its_way_is_waited_for(tmp_path: Path) -> None:
    async with former(tmp_path) as run:
        call = await run.left(age_s=0.0)
        tidying = asyncio.create_task(run.reconcile())
        await asyncio.sleep(3)
        assert (await run.end_of(call))[0] is CallState.PLANNED
        run.goes_on("ref-1")
        await tidying
        assert run.hung_up == ["ref-1"]
        assert await run.end_of(call) == (CallState.ENDED, EndReason.APP_QUIT)


@virtual
async def test_an_order_that_never_arrived_ends_when_it_is_old(tmp_path: Path) -> None:
    async with former(tmp_path) as run:
        never = await run.left(age_s=11.0)
        future = await run.left(age_s=-3600.0)
        await run.reconcile()
        assert await run.end_of(never) == (CallState.ENDED, EndReason.FOUND_ENDED)
        assert await run.end_of(future) == (CallState.ENDED, EndReason.FOUND_ENDED)
        assert run.hung_up == []


@virtual
async def test_a_number_that_is_called_again_is_not_cut_off(tmp_path: Path) -> None:
    async with former(tmp_path) as run:
        lost = await run.left()
        again = await run.left(age_s=0.0, state=CallState.TALKING)
        run.ours.add(again.id)
        run.goes_on("the new one")
        tidying = asyncio.create_task(run.reconcile())
        await asyncio.sleep(30)
        assert run.hung_up == []
        assert (await run.end_of(lost))[0] is CallState.PLANNED
        run.carrier.remote.clear()
        await run.store.update(replace(again, state=CallState.ENDED))
        await tidying
        assert run.hung_up == []
        assert await run.end_of(lost) == (CallState.ENDED, EndReason.FOUND_ENDED)


@virtual
async def test_a_carrier_that_does_not_answer_is_asked_again(tmp_path: Path) -> None:
    async with former(tmp_path) as run:
        call = await run.left(carrier_ref="ref-1", state=CallState.RINGING)
        run.goes_on("ref-1")
        run.carrier.fail("fetch", refused(), KeyError("x"))
        run.carrier.fail("hang_up", refused())
        await run.reconcile()
        assert run.hung_up == ["ref-1", "ref-1"]
        assert await run.end_of(call) == (CallState.ENDED, EndReason.APP_QUIT)


@virtual
async def test_without_its_carrier_a_call_ends_when_it_cannot_go_on_any_more(
    tmp_path: Path,
) -> None:
    async with former(tmp_path) as run:
        old = await run.left(age_s=3601.0, carrier=CarrierName.PLIVO, carrier_ref="old")
        young = await run.left(age_s=600.0, carrier=CarrierName.PLIVO, carrier_ref="young")
        # No carrier is told how long a call may last that comes in.
        inbound = await run.left(
            age_s=3601.0, carrier=CarrierName.PLIVO, carrier_ref="in", direction=Direction.INBOUND
        )
        tidying = asyncio.create_task(run.reconcile())
        await asyncio.sleep(60)
        assert (await run.end_of(inbound))[0] is CallState.PLANNED
        assert await run.end_of(old) == (CallState.ENDED, EndReason.FOUND_ENDED)
        assert (await run.end_of(young))[0] is CallState.PLANNED
        assert run.carrier.asked == []
        tidying.cancel()
        await asyncio.gather(tidying, return_exceptions=True)


@pytest.mark.parametrize("carrier", list(CarrierName))
@pytest.mark.parametrize("state", [state for state in CallState if state.is_live])
@pytest.mark.parametrize("errors", [0, 3])
@pytest.mark.parametrize("remote", list(RemoteState))
@virtual
async def test_every_carrier_state_and_answer_leads_to_one_end(
    tmp_path: Path, carrier: CarrierName, state: CallState, errors: int, remote: RemoteState
) -> None:
    async with former(tmp_path) as run:
        events = Events(run.bus)
        run.carrier.name = carrier
        call = await run.left(carrier=carrier, carrier_ref="ref-1", state=state)
        run.goes_on("ref-1", state=remote)
        run.carrier.failing["fetch"] = [refused()] * errors
        await run.reconcile()
        was_over = remote is RemoteState.ENDED
        reason = EndReason.FOUND_ENDED if was_over else EndReason.APP_QUIT
        assert await run.end_of(call) == (CallState.ENDED, reason)
        assert run.hung_up == ([] if was_over else ["ref-1"])
        assert run.carrier.all("place") == []
        assert len(events.of(ev.CallChanged)) == 1
        assert await run.store.live() == []


@virtual
async def test_calls_of_this_run_are_left_alone(tmp_path: Path) -> None:
    async with former(tmp_path) as run:
        old = await run.left(carrier_ref="old", state=CallState.TALKING)
        new = await run.left(carrier_ref="new", state=CallState.TALKING)
        run.ours.add(new.id)
        run.goes_on("old", to_number="+14155550199")
        run.goes_on("new")
        await run.reconcile()
        assert run.hung_up == ["old"]
        assert await run.end_of(old) == (CallState.ENDED, EndReason.APP_QUIT)
        assert (await run.end_of(new))[0] is CallState.TALKING


@virtual
async def test_an_end_that_cannot_be_stored_is_tried_again_in_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with former(tmp_path) as run:
        events = Events(run.bus)
        call = await run.left(carrier_ref="ref-1", state=CallState.TALKING)
        update, tries = run.store.update, list[float]()

        async def broken(ended: Call) -> bool:
            tries.append(asyncio.get_running_loop().time())
            if len(tries) < 3:
                raise StoreError("STORE-05", "The disk takes no more.", "Make room.")
            return await update(ended)

        monkeypatch.setattr(run.store, "update", broken)
        await run.reconcile()
        assert tries[1] - tries[0] >= 1
        assert len(events.of(ev.CallChanged)) == 1
        assert await run.end_of(call) == (CallState.ENDED, EndReason.FOUND_ENDED)
