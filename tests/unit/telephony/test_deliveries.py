"""Deliveries: acted on once, answered alike, and taken anew only if they failed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from desktop_voice.core.calls import CarrierName
from desktop_voice.storage.calls import CallStore
from desktop_voice.telephony.carriers.carrier import WebhookReply
from desktop_voice.telephony.deliveries import Deliveries

REPLY = WebhookReply(200, "application/xml", b"<Response/>")
TWILIO = CarrierName.TWILIO


class Work:
    """Counts how often it was done; waits while ``gate`` is cleared."""

    def __init__(self) -> None:
        self.times = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self) -> tuple[WebhookReply, str]:
        self.times += 1
        self.begun.set()
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return REPLY, "call"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[CallStore]:
    store = await CallStore.open(tmp_path / "calls.db")
    yield store
    await store.close()


async def test_repetitions_have_the_same_answer_and_no_effect(
    store: CallStore, tmp_path: Path
) -> None:
    work, deliveries = Work(), Deliveries(store)
    work.gate.clear()
    waiting = [asyncio.create_task(deliveries.once(TWILIO, "k", "", work)) for _ in range(50)]
    await work.begun.wait()
    work.gate.set()
    assert set(await asyncio.gather(*waiting)) == {REPLY}
    assert await deliveries.once(TWILIO, "k", "", work) == REPLY
    await store.close()
    reopened = await CallStore.open(tmp_path / "calls.db")
    assert await Deliveries(reopened).once(TWILIO, "k", "", work) == REPLY
    await reopened.close()
    assert work.times == 1


async def test_keys_and_carriers_are_told_apart(store: CallStore) -> None:
    work, deliveries = Work(), Deliveries(store)
    for carrier in CarrierName:
        for key in ("a", "b", "A"):
            await deliveries.once(carrier, key, "", work)
    assert work.times == 9


async def test_who_leaves_does_not_interrupt_the_work(store: CallStore) -> None:
    work, deliveries = Work(), Deliveries(store)
    work.gate.clear()
    waiting = asyncio.create_task(deliveries.once(TWILIO, "k", "", work))
    await work.begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    work.gate.set()
    assert await deliveries.once(TWILIO, "k", "", work) == REPLY
    assert work.times == 1


async def test_what_failed_is_done_when_it_comes_again(store: CallStore) -> None:
    work, deliveries = Work(), Deliveries(store)
    work.error = KeyError("x")
    failed = await asyncio.gather(
        *(deliveries.once(TWILIO, "k", "", work) for _ in range(5)), return_exceptions=True
    )
    assert {type(one) for one in failed} == {KeyError}
    assert work.times == 1
    work.error = None
    assert await deliveries.once(TWILIO, "k", "", work) == REPLY
    assert work.times == 2


async def test_what_was_given_up_at_the_end_is_done_by_the_next_run(
    store: CallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("desktop_voice.telephony.deliveries._CLOSE_S", 0.01)
    work, deliveries = Work(), Deliveries(store)
    work.gate.clear()
    waiting = asyncio.create_task(deliveries.once(TWILIO, "k", "", work))
    await work.begun.wait()
    await deliveries.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    work.gate.set()
    assert await Deliveries(store).once(TWILIO, "k", "", work) == REPLY
