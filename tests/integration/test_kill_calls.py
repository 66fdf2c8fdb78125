"""Kill -9 in the middle of calls: nothing shown is lost, nobody is dialled again or left alone."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from desktop_voice.core.calls import CallState, EndReason
from desktop_voice.storage.calls import CallStore
from tests.helpers.killed_calls import CARRIERS, KilledCalls, KillPoint, random_points
from tests.helpers.phone_child import ChildPlan
from tests.helpers.proxy import Got, Pass, Sent, proxy

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")

SEED = 33
POINTS = 30
LONG_MS = 60_000
"""Nobody answers for as long as the test takes."""


async def test_a_phone_killed_at_random_points_loses_nothing_and_leaves_no_call(
    tmp_path: Path,
) -> None:
    async with KilledCalls(tmp_path) as killed:
        outcomes = await killed.run(random_points(SEED, POINTS))
    assert [(o.point, o.problems) for o in outcomes if o.problems] == []
    # It would prove nothing if no phone had died in the middle of a call.
    assert sum(o.was_alive for o in outcomes) >= POINTS // 4
    assert sum(o.acknowledged for o in outcomes) >= POINTS // 2
    assert {o.point.role for o in outcomes} == {"calls", "is_called"}


async def stored_end(phone: ChildPlan) -> tuple[CallState, EndReason, str]:
    """Return how the only call of a phone that was closed is stored."""
    store = await CallStore.open(Path(phone.home) / "calls.db")
    try:
        (call,) = await store.history()
        return call.state, call.reason, call.carrier_ref
    finally:
        await store.close()


async def test_an_order_that_the_carrier_took_but_we_never_knew_is_found_and_hung_up(
    tmp_path: Path,
) -> None:
    async def one(killed: KilledCalls, number: int, carrier: str) -> None:
        taken = asyncio.Event()

        async def keep_answer(sent: Sent, send: Pass) -> Got:
            got = await send(sent)
            if sent.method == "POST":
                assert got.status < 300
                taken.set()
                await asyncio.Event().wait()
            return got

        point = KillPoint(number, carrier, "calls", ("call", "planned"), 0.0)
        first = killed.plan(point)
        async with proxy(
            lambda: f"http://127.0.0.1:{killed.rehearsal.card.port}", keep_answer
        ) as o:
            # No webhook arrives, now or later: only the carrier's list tells of the call.
            await killed.rehearsal.fault(carrier, "webhook", "reset", count=1000)
            await killed.begin(point, replace(first, api_base=f"{o}/{carrier}"), ring_ms=LONG_MS)
            await taken.wait()
            await killed.nursery.kill(first)
        second = await killed.restart(first, moves_tunnel=False)
        await killed.settled(second)
        (ref,) = killed.calls_with(point.far)
        await killed.rehearsal.wait_for("call", ref=ref, state="ended")
        assert (await stored_end(first)) == (CallState.ENDED, EndReason.APP_QUIT, "")

    async with KilledCalls(tmp_path) as killed:
        await asyncio.gather(*(one(killed, *each) for each in enumerate(CARRIERS)))


async def test_an_order_that_arrives_after_the_restart_is_waited_for_and_hung_up(
    tmp_path: Path,
) -> None:
    async def one(killed: KilledCalls, number: int, carrier: str) -> None:
        on_its_way, arrives = asyncio.Event(), asyncio.Event()
        looked_for: set[str] = set()

        async def delay(sent: Sent, send: Pass) -> Got:
            if sent.method == "POST" and not on_its_way.is_set():
                on_its_way.set()
                await arrives.wait()
            elif sent.path in looked_for:
                # It was looked for once in vain.
                arrives.set()
            looked_for.add(sent.path)
            return await send(sent)

        point = KillPoint(number, carrier, "calls", ("call", "planned"), 0.0)
        async with proxy(lambda: f"http://127.0.0.1:{killed.rehearsal.card.port}", delay) as origin:
            first = replace(killed.plan(point), api_base=f"{origin}/{carrier}")
            await killed.begin(point, first, ring_ms=LONG_MS)
            await on_its_way.wait()
            await killed.nursery.kill(first)
            second = await killed.restart(first, moves_tunnel=False)
            await killed.settled(second)
        assert arrives.is_set()
        (ref,) = killed.calls_with(point.far)
        await killed.rehearsal.wait_for("call", ref=ref, state="ended")
        assert (await stored_end(first)) == (CallState.ENDED, EndReason.APP_QUIT, "")

    async with KilledCalls(tmp_path) as killed:
        await asyncio.gather(*(one(killed, *each) for each in enumerate(CARRIERS)))


async def test_a_carrier_that_is_out_of_order_at_the_restart_is_asked_until_it_answers(
    tmp_path: Path,
) -> None:
    async def one(killed: KilledCalls, number: int, carrier: str) -> None:
        point = KillPoint(number, carrier, "calls", ("call", "talking"), 0.2)
        first = killed.plan(point)
        await killed.hold_and_kill(point, first)
        # More than one look takes with all its own repetitions.
        await killed.rehearsal.fault(carrier, "rest:any", "500", count=5)
        second = await killed.restart(first)
        await killed.settled(second)
        (ref,) = killed.calls_with(point.far)
        report = await killed.rehearsal.wait_for("call", ref=ref, state="ended")
        assert report["by"] == "app"
        state, reason, stored_ref = await stored_end(first)
        # Its webhooks reach the restarted phone, which has it ended as well.
        assert (state, stored_ref) == (CallState.ENDED, ref)
        assert reason in (EndReason.APP_QUIT, EndReason.FOUND_ENDED)

    async with KilledCalls(tmp_path) as killed:
        await asyncio.gather(*(one(killed, *each) for each in enumerate(CARRIERS)))
