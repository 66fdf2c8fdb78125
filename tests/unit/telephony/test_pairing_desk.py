"""The pairing desk: who waits is known, the first answer holds, and a yes can be taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest

from desktop_voice.core import events as ev
from desktop_voice.core.calls import EndReason
from desktop_voice.core.errors import PhoneError, StoreError
from desktop_voice.telephony import phrases
from desktop_voice.telephony.carriers.carrier import CarrierEventKind as K
from desktop_voice.telephony.steps import Gather, HangUp, Say, Step
from tests.helpers.call_lab import FAR, Lab, call_lab
from tests.helpers.virtual_loop import virtual

PAIRING = {"policy": "pairing"}


async def typed(lab: Lab, steps: list[Step], code: str, ref: str = "in-1") -> list[Step]:
    (gather,) = steps
    assert isinstance(gather, Gather)
    return await lab.hook(K.DIGITS, ref, turn=gather.turn, digits=code)


async def refusal(answer: Awaitable[Any]) -> str:
    with pytest.raises(PhoneError) as caught:
        await answer
    return caught.value.code


@virtual
async def test_who_waits_is_known_until_it_is_settled(tmp_path: Path) -> None:
    async with call_lab(tmp_path, inbound=PAIRING) as lab:
        desk = lab.manager.callers
        assert desk.waiting() == []
        steps = await lab.incoming()
        (asked,) = desk.waiting()
        (event,) = lab.events.of(ev.PairingRequested)
        assert (asked.call_id, asked.number, asked.code) == (event.call_id, FAR, event.code)
        assert not asked.is_code_given
        assert event.code not in repr(asked)
        await typed(lab, steps, asked.code)
        assert [one.is_code_given for one in desk.waiting()] == [True]
        await desk.settle(asked.call_id, True)
        assert desk.waiting() == []
        (paired,) = await desk.paired()
        assert (paired.number, paired.label) == (FAR, "")


@virtual
async def test_who_failed_or_hung_up_waits_no_more(tmp_path: Path) -> None:
    async with call_lab(tmp_path, inbound=PAIRING) as lab:
        desk = lab.manager.callers
        steps = await lab.incoming()
        (asked,) = desk.waiting()
        wrong = f"{(int(asked.code) + 1) % 10**8:08}"
        for _ in range(3):
            steps = await typed(lab, steps, wrong)
        assert steps == [Say(phrases.NO_MORE_TRIES), HangUp()]
        assert desk.waiting() == []
        await lab.incoming("in-2", "+14155550124")
        assert len(desk.waiting()) == 1
        await lab.hook(K.ENDED, "in-2")
        assert desk.waiting() == []


@virtual
async def test_a_caller_is_sent_away_before_the_code_as_well(tmp_path: Path) -> None:
    async with call_lab(tmp_path, inbound=PAIRING) as lab:
        await lab.incoming()
        (asked,) = lab.manager.callers.waiting()
        await lab.manager.callers.settle(asked.call_id, False)
        assert lab.manager.callers.waiting() == []
        await lab.until(lambda: bool(lab.carrier.all("hang_up")))
        await lab.hook(K.ENDED, "in-1")
        assert lab.reasons == [EndReason.PAIRING_FAILED]
        assert lab.events.of(ev.PairingSettled) == [ev.PairingSettled(asked.call_id, FAR, False)]
        assert not await lab.store.is_paired(FAR)


@virtual
async def test_of_two_answers_at_the_same_moment_the_first_holds(tmp_path: Path) -> None:
    async with call_lab(tmp_path, inbound=PAIRING) as lab:
        desk = lab.manager.callers
        steps = await lab.incoming()
        (asked,) = desk.waiting()
        await typed(lab, steps, asked.code)
        answers = await asyncio.gather(
            desk.settle(asked.call_id, True),
            desk.settle(asked.call_id, False),
            return_exceptions=True,
        )
        assert answers[0] is None
        assert isinstance(answers[1], PhoneError)
        assert [event.is_paired for event in lab.events.of(ev.PairingSettled)] == [True]


@virtual
async def test_who_cannot_be_kept_is_not_let_in_and_still_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with call_lab(tmp_path, inbound=PAIRING) as lab:
        desk = lab.manager.callers
        steps = await lab.incoming()
        (asked,) = desk.waiting()
        await typed(lab, steps, asked.code)

        async def full(*_of: object) -> None:
            raise StoreError("STORE-04", "The disk is full.", "Make room.")

        with monkeypatch.context() as patch:
            patch.setattr(lab.store, "pair", full)
            with pytest.raises(StoreError):
                await desk.settle(asked.call_id, True)
        assert lab.events.of(ev.PairingSettled) == []
        assert len(desk.waiting()) == 1
        await desk.settle(asked.call_id, True)
        assert await lab.store.is_paired(FAR)


@virtual
async def test_who_is_removed_is_asked_for_a_code_again(tmp_path: Path) -> None:
    async with call_lab(tmp_path, inbound=PAIRING) as lab:
        desk = lab.manager.callers
        await lab.store.pair(FAR)
        await lab.incoming()
        assert desk.waiting() == []
        await lab.hook(K.ENDED, "in-1")
        await desk.remove(FAR)
        assert lab.events.of(ev.CallerRemoved) == [ev.CallerRemoved(FAR)]
        assert await desk.paired() == []
        assert await refusal(desk.remove(FAR)) == "PHONE-16"
        assert len(lab.events.of(ev.CallerRemoved)) == 1
        await lab.incoming("in-2")
        assert [one.number for one in desk.waiting()] == [FAR]


@virtual
async def test_only_who_waits_can_be_answered(tmp_path: Path) -> None:
    async with call_lab(tmp_path, inbound={"policy": "open"}) as lab:
        await lab.incoming()
        (call,) = await lab.manager.live_calls()
        for let_in in (True, False):
            assert await refusal(lab.manager.callers.settle(call.id, let_in)) == "PHONE-13"
        assert await refusal(lab.manager.callers.settle("none", True)) == "PHONE-10"
        assert not await lab.store.is_paired(FAR)
        assert lab.manager.is_live(call.id)
