"""An answer that nobody tells is found by asking, and by nothing less than a change."""

from __future__ import annotations

import asyncio

from desktop_voice.telephony.answer_watch import ASK_EVERY_S, AnswerWatch
from tests.helpers.scripted_carrier import ScriptedCarrier, refused
from tests.helpers.virtual_loop import virtual

REF = "ref-1"


@virtual
async def test_an_answer_is_found_soon_after_it() -> None:
    carrier, watch = ScriptedCarrier(), AnswerWatch()
    found = asyncio.create_task(watch.found(carrier, REF))
    await asyncio.sleep(ASK_EVERY_S * 5.5)
    assert not found.done()
    carrier.is_taking = True
    async with asyncio.timeout(ASK_EVERY_S):
        assert await found
    assert {one.ref for one in carrier.asked} == {REF}
    assert len(carrier.asked) == 7


@virtual
async def test_an_answer_that_is_told_ends_the_asking() -> None:
    carrier, watch = ScriptedCarrier(), AnswerWatch()
    found = asyncio.create_task(watch.found(carrier, REF))
    await asyncio.sleep(ASK_EVERY_S / 2)
    watch.heard()
    async with asyncio.timeout(0.1):
        assert not await found
    assert await watch.is_told(0)
    assert len(carrier.asked) == 1


@virtual
async def test_an_answer_that_is_told_while_the_carrier_is_asked_is_not_found_again() -> None:
    carrier, watch = ScriptedCarrier(), AnswerWatch()
    found = asyncio.create_task(watch.found(carrier, REF))
    await asyncio.sleep(ASK_EVERY_S / 2)
    carrier.holding["takes_commands"] = gate = asyncio.Event()
    await asyncio.sleep(ASK_EVERY_S)
    carrier.is_taking = True
    watch.heard()
    gate.set()
    assert not await found


@virtual
async def test_a_carrier_that_takes_commands_from_the_start_says_nothing_by_it() -> None:
    carrier, watch = ScriptedCarrier(is_taking=True), AnswerWatch()
    found = asyncio.create_task(watch.found(carrier, REF))
    await asyncio.sleep(ASK_EVERY_S * 20)
    assert not found.done()
    watch.heard()
    assert not await found


@virtual
async def test_a_refusal_that_says_something_else_says_nothing() -> None:
    carrier, watch = ScriptedCarrier(is_taking=True), AnswerWatch()
    carrier.fail("takes_commands", *[refused()] * 5)
    found = asyncio.create_task(watch.found(carrier, REF))
    await asyncio.sleep(ASK_EVERY_S * 8.5)
    assert not found.done()
    carrier.is_taking = False
    await asyncio.sleep(ASK_EVERY_S)
    carrier.fail("takes_commands")
    carrier.is_taking = True
    await asyncio.sleep(ASK_EVERY_S)
    assert not found.done()
    async with asyncio.timeout(ASK_EVERY_S):
        assert await found
