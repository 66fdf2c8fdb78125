"""A call that no webhook tells of is noticed, and so is its end."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from desktop_voice.core.calls import EndReason
from desktop_voice.telephony.carriers.carrier import RemoteCall, RemoteState
from desktop_voice.telephony.end_watch import ASK_AFTER_S, TOLD_WITHIN_S, EndWatch
from tests.helpers.scripted_carrier import ScriptedCarrier
from tests.helpers.virtual_loop import virtual

REF = "ref-1"


def whats(carrier: ScriptedCarrier) -> list[str]:
    return [one.what for one in carrier.asked]


@virtual
async def test_a_silent_carrier_is_asked_until_it_says_that_the_call_is_over() -> None:
    carrier, watch = ScriptedCarrier(), EndWatch()
    carrier.remote[REF] = RemoteCall(REF, RemoteState.LIVE)
    over = asyncio.create_task(watch.over(carrier, lambda: REF))
    await asyncio.sleep(ASK_AFTER_S * 2.5)
    assert not over.done()
    assert whats(carrier) == ["fetch", "fetch"]
    carrier.remote[REF] = replace(
        carrier.remote[REF], state=RemoteState.ENDED, end_reason=EndReason.BUSY
    )
    async with asyncio.timeout(ASK_AFTER_S):
        assert (await over).end_reason is EndReason.BUSY


@virtual
async def test_a_carrier_that_speaks_is_not_asked() -> None:
    carrier, watch = ScriptedCarrier(), EndWatch()
    over = asyncio.create_task(watch.over(carrier, lambda: REF))
    for _ in range(10):
        await asyncio.sleep(ASK_AFTER_S - 1)
        watch.heard()
    over.cancel()
    await asyncio.wait({over})
    assert carrier.asked == []


@virtual
async def test_a_call_that_was_not_placed_yet_and_a_refusal_end_nothing() -> None:
    carrier, watch = ScriptedCarrier(), EndWatch()
    refs = [""]
    over = asyncio.create_task(watch.over(carrier, lambda: refs[-1]))
    await asyncio.sleep(ASK_AFTER_S * 1.5)
    assert carrier.asked == []
    carrier.fail("fetch")
    refs.append(REF)
    await asyncio.sleep(ASK_AFTER_S)
    assert not over.done()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(over), ASK_AFTER_S * 0.4)
    assert (await over).state is RemoteState.ENDED


@virtual
async def test_a_word_in_time_counts_and_so_does_one_from_before() -> None:
    watch = EndWatch()
    waiting = asyncio.create_task(watch.is_told(TOLD_WITHIN_S))
    await asyncio.sleep(TOLD_WITHIN_S - 0.1)
    watch.heard()
    assert await waiting
    over = asyncio.create_task(watch.over(ScriptedCarrier(), lambda: REF))
    await asyncio.sleep(ASK_AFTER_S / 2)
    assert await watch.is_told(TOLD_WITHIN_S)
    over.cancel()
    await asyncio.wait({over})


@virtual
async def test_silence_is_told_from_a_word_that_comes_too_late() -> None:
    watch = EndWatch()
    loop = asyncio.get_running_loop()
    loop.call_later(TOLD_WITHIN_S + 0.1, watch.heard)
    assert not await watch.is_told(TOLD_WITHIN_S)
    await asyncio.sleep(0.2)
    assert await watch.is_told(TOLD_WITHIN_S)
