"""A live call: how long it may last, how it ends, and what happens when something fails."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from desktop_voice.core import events as ev
from desktop_voice.core.calls import Call, CallMode, CallState, EndReason, PipelineKind
from desktop_voice.telephony import phrases
from desktop_voice.telephony.carriers.carrier import CarrierEventKind as K
from desktop_voice.telephony.steps import Gather, HangUp, Redirect, Say
from tests.helpers.call_lab import Lab, call_lab, words_of
from tests.helpers.scripted_carrier import refused
from tests.helpers.virtual_loop import virtual

SHORT = {"max_duration_s": 100, "max_call_duration_s": 200}


async def over(lab: Lab, call: Call, told: EndReason = EndReason.WE_HUNG_UP) -> Call:
    """Let the carrier end the call as asked for; return it as it is stored."""
    await lab.until(lambda: bool(lab.carrier.all("hang_up")), 400)
    await lab.hook(K.ENDED, end_reason=told)
    return await lab.ended(call.id)


def prompts(lab: Lab) -> list[str]:
    return words_of(lab.carrier.performed)


async def prompt_after_silence(lab: Lab, gather: Gather) -> Gather:
    (following,) = await lab.hook(K.SILENCE, turn=gather.turn)
    assert isinstance(following, Gather)
    return following


# --- limits ---


@virtual
async def test_the_limit_is_announced_then_the_call_ends_politely(tmp_path: Path) -> None:
    async with call_lab(tmp_path, limits=SHORT) as lab:
        call, gather = await lab.talking()
        await asyncio.sleep(69)
        assert lab.events.of(ev.CallLimitNear) == []
        await asyncio.sleep(2)
        assert lab.events.of(ev.CallLimitNear) == [ev.CallLimitNear(call.id, 30)]
        # Nobody is cut off by the warning, but by the last words.
        assert prompts(lab) == []
        assert (await prompt_after_silence(lab, gather)).prompt == phrases.LIMIT_NEAR
        await asyncio.sleep(30)
        assert prompts(lab) == [phrases.LIMIT_REACHED]
        assert lab.carrier.all("hang_up") == []
        assert (await over(lab, call)).reason is EndReason.SOFT_LIMIT


@virtual
async def test_an_extension_moves_the_end_but_not_past_the_last(tmp_path: Path) -> None:
    async with call_lab(tmp_path, limits=SHORT) as lab:
        call, gather = await lab.talking()
        assert await lab.manager.extend(call.id, 40) == 40
        # Whoever shows the call knows when it ends now.
        assert lab.events.of(ev.CallChanged)[-1].call.soft_limit_s == 140
        stored = await lab.store.get(call.id)
        assert stored is not None
        assert stored.soft_limit_s == 140
        await asyncio.sleep(105)
        gather = await prompt_after_silence(lab, gather)
        assert gather.prompt == phrases.STILL_THERE
        await asyncio.sleep(6)
        gather = await prompt_after_silence(lab, gather)
        assert gather.prompt == phrases.LIMIT_NEAR
        assert await lab.manager.extend(call.id, 300) == 60
        assert await lab.manager.extend(call.id, 300) == 0
        assert await lab.manager.extend(call.id, -50) == 0
        await asyncio.sleep(65)
        assert (await prompt_after_silence(lab, gather)).prompt == phrases.LIMIT_NEAR
        assert len(lab.events.of(ev.CallLimitNear)) == 2
        ended = await over(lab, call)
        assert ended.reason is EndReason.HARD_LIMIT
        assert ended.answered_at is not None
        assert 199 < lab.carrier.all("hang_up")[0].at_s - 1000 < 215


@virtual
async def test_a_short_call_ends_without_a_warning(tmp_path: Path) -> None:
    async with call_lab(tmp_path, limits={"max_duration_s": 20}) as lab:
        call, _ = await lab.talking()
        await asyncio.sleep(21)
        assert prompts(lab) == [phrases.LIMIT_REACHED]
        assert lab.events.of(ev.CallLimitNear) == []
        assert (await over(lab, call)).reason is EndReason.SOFT_LIMIT


@virtual
async def test_an_answered_call_without_a_conversation_is_limited_too(tmp_path: Path) -> None:
    async with call_lab(tmp_path, limits=SHORT) as lab:
        call = await lab.call_out()
        await lab.hook(K.ANSWERED, call_id=call.id, wants_steps=False)
        assert (await over(lab, call)).reason is EndReason.SOFT_LIMIT


@virtual
async def test_a_limit_that_cannot_be_announced_holds(tmp_path: Path) -> None:
    async with call_lab(tmp_path, limits=SHORT) as lab:
        call, _ = await lab.talking()
        lab.carrier.fail("perform", *[refused()] * 9)
        assert (await over(lab, call)).reason is EndReason.SOFT_LIMIT


@pytest.mark.parametrize("told", [EndReason.CANCELLED, EndReason.WE_HUNG_UP, EndReason.UNKNOWN])
@virtual
async def test_a_call_that_nobody_answers_is_given_up(tmp_path: Path, told: EndReason) -> None:
    async with call_lab(tmp_path, limits={"ring_timeout_s": 20}) as lab:
        call = await lab.call_out()
        assert lab.carrier.all("place")[0].detail.ring_timeout_s == 20
        await lab.hook(K.RINGING, call_id=call.id)
        await asyncio.sleep(20)
        assert lab.carrier.all("hang_up") == []
        assert (await over(lab, call, told)).reason is EndReason.NO_ANSWER
        assert 34.9 < lab.carrier.all("hang_up")[0].at_s - 1000 < 36


# --- ends ---


@pytest.mark.parametrize(
    ("told", "stored"),
    [
        (EndReason.BUSY, EndReason.BUSY),
        (EndReason.NO_ANSWER, EndReason.NO_ANSWER),
        (EndReason.FAILED, EndReason.FAILED),
        (EndReason.NONE, EndReason.UNKNOWN),
    ],
)
@virtual
async def test_what_the_carrier_says_of_the_end_is_stored(
    tmp_path: Path, told: EndReason, stored: EndReason
) -> None:
    async with call_lab(tmp_path) as lab:
        call = await lab.call_out()
        await lab.hook(K.ENDED, call_id=call.id, end_reason=told)
        ended = await lab.ended(call.id)
        assert (ended.state, ended.reason) == (CallState.ENDED, stored)
        assert ended.ended_at is not None
        assert lab.reasons == [stored]


@virtual
async def test_a_caller_who_gives_up_before_the_answer_cancelled(tmp_path: Path) -> None:
    async with call_lab(tmp_path, takes_documents=False, inbound={"policy": "open"}) as lab:
        await lab.incoming()
        await lab.hook(K.ENDED, "in-1", end_reason=EndReason.FAR_END_HUNG_UP)
        assert lab.reasons == [EndReason.CANCELLED]


@virtual
async def test_hanging_up_is_tried_until_it_is_done_and_complained_of_once(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        call, _ = await lab.talking()
        lab.carrier.fail("hang_up", *[refused()] * 4, KeyError("x"))
        lab.carrier.fail("fetch", refused())
        await lab.manager.hang_up(call.id)
        assert (await lab.manager.call(call.id)).state is not CallState.ENDED
        ended = await lab.ended(call.id, 120)
        assert ended.reason is EndReason.WE_HUNG_UP
        assert len(lab.carrier.all("hang_up")) >= 6
        assert lab.errors == ["CARRIER-06"]
        first, second = lab.carrier.all("hang_up")[:2]
        assert second.at_s - first.at_s < 1


@virtual
async def test_a_call_that_cannot_be_hung_up_counts_until_the_carriers_own_limit(
    tmp_path: Path,
) -> None:
    async with call_lab(tmp_path, limits=SHORT) as lab:
        call, _ = await lab.talking()
        lab.carrier.fail("hang_up", *[refused()] * 99)
        await lab.manager.hang_up(call.id)
        await asyncio.sleep(180)
        assert lab.manager.is_live(call.id)
        assert (await lab.ended(call.id, 60)).reason is EndReason.WE_HUNG_UP


@virtual
async def test_hanging_up_twice_is_hanging_up(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        call, _ = await lab.talking()
        await asyncio.gather(*(lab.manager.hang_up(call.id) for _ in range(5)))
        assert (await over(lab, call)).reason is EndReason.WE_HUNG_UP
        assert len(lab.carrier.all("hang_up")) == 1


@virtual
async def test_who_comes_for_steps_while_it_ends_is_told_to_hang_up(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        call, gather = await lab.talking()
        await lab.manager.hang_up(call.id)
        for kind in (K.SPEECH, K.CONTINUE, K.SILENCE, K.ANSWERED):
            assert await lab.hook(kind, text="wait", turn=gather.turn) == [HangUp()]
        await lab.manager.speak(call.id, "Too late.")
        assert lab.carrier.performed == []
        assert lab.brain.asked == []


@virtual
async def test_the_reply_that_is_being_made_does_not_delay_the_end(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        call, gather = await lab.talking()
        lab.brain.gate.clear()
        await lab.hook(K.SPEECH, text="think", turn=gather.turn)
        await lab.hook(K.ENDED, end_reason=EndReason.FAR_END_HUNG_UP)
        assert not lab.manager.is_live(call.id)
        assert lab.brain.given_up == 1
        assert (await lab.said(call.id))[-1] == ("caller", "think")


# --- the carrier does not tell ---


@virtual
async def test_a_call_of_which_a_command_carrier_tells_nothing_is_hung_up_in_words(
    tmp_path: Path,
) -> None:
    async with call_lab(tmp_path, takes_documents=False) as lab:
        call = await lab.call_out()
        began_s = asyncio.get_running_loop().time()
        await lab.until(lambda: bool(lab.carrier.all("hang_up")))
        assert lab.carrier.all("hang_up")[0].at_s - began_s < 3.1
        ended = await lab.ended(call.id)
        assert ended.reason is EndReason.FAILED
        assert ended.detail == "The carrier does not tell this app what happens on the call."
        assert lab.errors == ["PHONE-07"]


@virtual
async def test_whoever_picks_up_is_greeted_though_a_command_carrier_does_not_tell(
    tmp_path: Path,
) -> None:
    async with call_lab(tmp_path, takes_documents=False) as lab:
        call = await lab.call_out()
        await lab.hook(K.RINGING, call_id=call.id)
        await asyncio.sleep(9)
        assert lab.carrier.performed == []
        lab.carrier.is_taking = True
        async with asyncio.timeout(2.1):
            await lab.until(lambda: bool(lab.carrier.performed))
        answered = await lab.manager.call(call.id)
        assert answered.state is CallState.TALKING
        assert answered.answered_at is not None
        greeting = list(lab.carrier.performed)
        # The news may only have been late: nothing is said twice.
        await lab.hook(K.ANSWERED, call_id=call.id)
        await asyncio.sleep(1)
        assert lab.carrier.performed == greeting
        asked = len(lab.carrier.all("takes_commands"))
        await asyncio.sleep(10)
        assert len(lab.carrier.all("takes_commands")) == asked


@virtual
async def test_nobody_is_greeted_on_a_call_of_which_nothing_is_told(tmp_path: Path) -> None:
    async with call_lab(tmp_path, takes_documents=False) as lab:
        call = await lab.call_out()
        await asyncio.sleep(0.5)
        lab.carrier.is_taking = True
        assert (await lab.ended(call.id)).reason is EndReason.FAILED
        assert lab.carrier.performed == []


@virtual
async def test_a_carrier_whose_answered_calls_ask_for_documents_is_not_asked(
    tmp_path: Path,
) -> None:
    async with call_lab(tmp_path) as lab:
        call = await lab.call_out()
        await lab.hook(K.RINGING, call_id=call.id)
        await asyncio.sleep(10)
        assert lab.carrier.all("takes_commands") == []


@pytest.mark.parametrize("kind", [K.RINGING, K.ANSWERED, K.OTHER])
@virtual
async def test_a_carrier_that_is_only_slow_to_tell_keeps_its_call(tmp_path: Path, kind: K) -> None:
    async with call_lab(tmp_path, takes_documents=False) as lab:
        call = await lab.call_out()
        await asyncio.sleep(2.9)
        await lab.hook(kind, call_id=call.id)
        await asyncio.sleep(5)
        assert lab.carrier.all("hang_up") == []
        assert lab.errors == []


@virtual
async def test_what_is_told_before_the_order_is_confirmed_counts(tmp_path: Path) -> None:
    async with call_lab(tmp_path, takes_documents=False) as lab:
        lab.carrier.holding["place"] = asyncio.Event()
        call = await lab.call_out()
        await lab.hook(K.RINGING, call_id=call.id)
        await asyncio.sleep(10)
        lab.carrier.holding["place"].set()
        await asyncio.sleep(10)
        assert lab.carrier.all("hang_up") == []
        assert lab.manager.is_live(call.id)


@virtual
async def test_a_carrier_that_comes_for_documents_may_come_late(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        call = await lab.call_out()
        await asyncio.sleep(10)
        *_, gather = await lab.hook(K.ANSWERED, call_id=call.id)
        assert isinstance(gather, Gather)


@virtual
async def test_a_caller_is_greeted_although_nothing_tells_that_they_were_answered(
    tmp_path: Path,
) -> None:
    async with call_lab(tmp_path, takes_documents=False, inbound={"policy": "open"}) as lab:
        await lab.incoming()
        await lab.until(lambda: bool(prompts(lab)), 2.1)
        (call,) = await lab.manager.live_calls()
        assert call.answered_at is not None
        await lab.hook(K.ANSWERED, "in-1")
        await asyncio.sleep(1)
        assert len(prompts(lab)) == 1


# --- something fails ---


@virtual
async def test_a_step_that_the_carrier_refuses_is_tried_anew_then_given_up(tmp_path: Path) -> None:
    async with call_lab(tmp_path, takes_documents=False) as lab:
        call = await lab.call_out()
        lab.carrier.fail("perform", refused(), refused())
        await lab.hook(K.ANSWERED, call_id=call.id)
        ended = await over(lab, call)
        assert ended.reason is EndReason.ENGINE_FAILED
        assert lab.carrier.performed[2] == Say(phrases.GIVING_UP)
        assert prompts(lab)[1] == prompts(lab)[0], "nobody has heard who calls, and why"


@virtual
async def test_one_refused_step_is_survived(tmp_path: Path) -> None:
    async with call_lab(tmp_path, takes_documents=False) as lab:
        call = await lab.call_out()
        lab.carrier.fail("perform", refused())
        await lab.hook(K.ANSWERED, call_id=call.id)
        await lab.until(lambda: len(prompts(lab)) == 2)
        await lab.hook(K.SPOKEN, turn=lab.carrier.nonce)
        await lab.hook(K.SPEECH, text="what was that")
        await lab.until(lambda: len(prompts(lab)) == 3)
        assert prompts(lab)[1:] == [prompts(lab)[0], "You said what was that."]
        (notice,) = lab.events.of(ev.Notice)
        assert notice.what.endswith("voice: The carrier did not answer.")


@virtual
async def test_a_broken_session_ends_the_call(tmp_path: Path, monkeypatch: Any) -> None:
    async with call_lab(tmp_path, pipeline=PipelineKind.CASCADING) as lab:
        call = await lab.call_out()

        def broken(*_: object, **__: object) -> None:
            raise KeyError("x")

        steps = await lab.hook(K.ANSWERED, call_id=call.id)
        assert isinstance(steps[-1], Redirect)
        monkeypatch.setattr("desktop_voice.telephony.session_maker.GatherSession", broken)
        ended = await over(lab, call)
        assert ended.reason is EndReason.ENGINE_FAILED
        assert ended.detail == "Something failed (KeyError)."


@virtual
async def test_a_store_that_fails_does_not_end_the_call(tmp_path: Path, monkeypatch: Any) -> None:
    async with call_lab(tmp_path) as lab:
        call = await lab.call_out(mode=CallMode.CONVERSATION)

        async def broken(_: Call) -> bool:
            raise refused("STORE-05")

        monkeypatch.setattr(lab.store, "update", broken)
        *_, gather = await lab.hook(K.ANSWERED, call_id=call.id)
        assert isinstance(gather, Gather)
        (reply,) = await lab.hook(K.SPEECH, text="hello", turn=gather.turn)
        assert isinstance(reply, Gather)
        assert "STORE-05" in lab.errors
        monkeypatch.undo()
        await lab.hook(K.ENDED, end_reason=EndReason.FAR_END_HUNG_UP)
        assert (await lab.ended(call.id)).reason is EndReason.FAR_END_HUNG_UP


@virtual
async def test_a_listener_that_breaks_keeps_nobody_on_the_line(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:

        def broken(_: ev.Event) -> None:
            raise RuntimeError("a window is gone")

        lab.bus.on(ev.CallChanged, broken)
        call = await lab.call_out(mode=CallMode.CONVERSATION)
        await lab.hook(K.ANSWERED, call_id=call.id)
        await lab.manager.hang_up(call.id)
        await lab.until(lambda: bool(lab.carrier.all("hang_up")))
        await lab.hook(K.ENDED, end_reason=EndReason.WE_HUNG_UP)
        assert (await lab.ended(call.id)).reason is EndReason.WE_HUNG_UP


@virtual
async def test_a_call_whose_end_cannot_be_stored_takes_up_no_line(
    tmp_path: Path, monkeypatch: Any
) -> None:
    async with call_lab(tmp_path) as lab:
        call, _ = await lab.talking()

        async def broken(_: Call) -> bool:
            raise KeyError("x")

        monkeypatch.setattr(lab.store, "update", broken)
        await lab.hook(K.ENDED, end_reason=EndReason.FAR_END_HUNG_UP)
        assert not lab.manager.is_live(call.id)
        assert lab.errors == ["PHONE-00"]
        assert lab.reasons == [EndReason.FAR_END_HUNG_UP]
