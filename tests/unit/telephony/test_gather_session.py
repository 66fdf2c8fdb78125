"""Calls by gather: prompts, turns, keys, silence, slow replies and messages."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from desktop_voice.agent.reply import Do, EndCall
from desktop_voice.agent.reply import Say as Speak
from desktop_voice.core import events as ev
from desktop_voice.core.calls import CallMode, EndReason
from desktop_voice.telephony import phrases
from desktop_voice.telephony.addresses import read
from desktop_voice.telephony.carriers.carrier import CarrierEventKind as K
from desktop_voice.telephony.steps import Gather, HangUp, Pause, Redirect, Say, Step
from tests.helpers.call_lab import BASE, Lab, call_lab, words_of
from tests.helpers.dialogue import ScriptedBrain
from tests.helpers.virtual_loop import virtual

OPENING = "Hello, this is an AI assistant. The server is back up."


def gather_of(steps: list[Step]) -> Gather:
    (gather,) = steps
    assert isinstance(gather, Gather)
    return gather


async def notifying(lab: Lab) -> tuple[str, list[Step]]:
    call = await lab.call_out(mode=CallMode.NOTIFY)
    return call.id, await lab.hook(K.ANSWERED, call_id=call.id)


async def prompted(lab: Lab, text: str) -> None:
    """Let a command carrier finish what it says, and hear ``text``; the reply has begun then."""
    begun = len(lab.carrier.performed)
    await lab.hook(K.SPOKEN, turn=lab.carrier.nonce)
    await lab.hook(K.SPEECH, text=text)
    await lab.until(lambda: len(lab.carrier.performed) > begun)


async def poll(lab: Lab, steps: list[Step]) -> list[Step]:
    """Fetch what the last step redirects to."""
    redirect = steps[-1]
    assert isinstance(redirect, Redirect)
    return await lab.hook(K.CONTINUE, turn=read(redirect.url).turn)


# --- with documents ---


@virtual
async def test_a_conversation_is_kept_as_it_was_heard(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        call, first = await lab.talking()
        assert first.prompt == ""
        assert read(first.result_url).call_id == call.id
        assert read(first.result_url).turn == read(first.silence_url).turn == first.turn
        assert first.result_url.startswith(f"{BASE}/api/voice/webhook/twilio?")
        second = gather_of(await lab.hook(K.SPEECH, text="is it really up", turn=first.turn))
        assert second.prompt == "You said is it really up."
        assert second.turn != first.turn
        await lab.hook(K.ENDED, end_reason=EndReason.FAR_END_HUNG_UP)
        assert await lab.said(call.id) == [
            ("assistant", OPENING),
            ("caller", "is it really up"),
            ("assistant", "You said is it really up."),
        ]
        assert lab.reasons == [EndReason.FAR_END_HUNG_UP]
        turns = [(event.text, event.heard) for event in lab.events.of(ev.AssistantTurn)]
        assert turns[0] == (OPENING, OPENING)


@virtual
async def test_a_result_of_a_former_turn_changes_nothing(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        _, first = await lab.talking()
        second = gather_of(await lab.hook(K.SPEECH, text="one", turn=first.turn))
        for kind in (K.SPEECH, K.DIGITS, K.SILENCE, K.CONTINUE):
            late = await lab.hook(kind, text="late", digits="9", turn=first.turn)
            assert gather_of(late).turn == second.turn
            assert gather_of(late).prompt == ""
        third = gather_of(await lab.hook(K.SPEECH, text="two", turn=second.turn))
        assert third.prompt == "You said two."
        assert lab.brain.asked == ["one", "two"]


@virtual
async def test_a_slow_reply_is_bridged_with_words(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        _, first = await lab.talking()
        lab.brain.gate.clear()
        steps = await lab.hook(K.SPEECH, text="think", turn=first.turn)
        words = []
        for _ in range(4):
            say, redirect = steps
            assert isinstance(say, Say)
            assert isinstance(redirect, Redirect)
            words.append(say.text)
            steps = await poll(lab, steps)
        assert words == ["One moment.", *["I am still thinking."] * 2, "One moment."]
        lab.brain.gate.set()
        assert gather_of(await poll(lab, steps)).prompt == "You said think."
        assert lab.brain.asked == ["think"]


@virtual
async def test_keys_are_a_turn(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        _, first = await lab.talking()
        reply = gather_of(await lab.hook(K.DIGITS, digits="42", turn=first.turn))
        assert reply.prompt == "You said 42."
        assert (await lab.events.next(ev.UserTurn)).source == "dtmf"


@virtual
async def test_a_silent_caller_is_asked_twice_then_told_goodbye(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        call, gather = await lab.talking()
        for _ in range(2):
            gather = gather_of(await lab.hook(K.SILENCE, turn=gather.turn))
            assert gather.prompt == phrases.STILL_THERE
        last = await lab.hook(K.SILENCE, turn=gather.turn)
        assert last == [Say(phrases.GOODBYE_SILENCE), HangUp()]
        await lab.hook(K.ENDED, end_reason=EndReason.WE_HUNG_UP)
        assert (await lab.ended(call.id)).reason is EndReason.SILENT_CALLER
        assert (await lab.said(call.id))[-1] == ("assistant", phrases.GOODBYE_SILENCE)


@virtual
async def test_who_speaks_again_is_patiently_waited_for_again(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        _, gather = await lab.talking()
        for _ in range(2):
            gather = gather_of(await lab.hook(K.SILENCE, turn=gather.turn))
        gather = gather_of(await lab.hook(K.SPEECH, text="sorry", turn=gather.turn))
        for _ in range(2):
            gather = gather_of(await lab.hook(K.SILENCE, turn=gather.turn))
            assert gather.prompt == phrases.STILL_THERE


@virtual
async def test_the_reply_may_end_the_call(tmp_path: Path) -> None:
    brain = ScriptedBrain({"bye": [Speak("See you."), Do(EndCall())], "stop": [Do(EndCall())]})
    for said, last in (("bye", "See you."), ("stop", phrases.GOODBYE)):
        async with call_lab(tmp_path / said, brain=brain) as lab:
            call, gather = await lab.talking()
            steps = await lab.hook(K.SPEECH, text=said, turn=gather.turn)
            assert steps == [Say(last), HangUp()]
            await lab.hook(K.ENDED, end_reason=EndReason.FAR_END_HUNG_UP)
            assert (await lab.ended(call.id)).reason is EndReason.WE_HUNG_UP
            assert (await lab.said(call.id))[-1] == ("assistant", last)


@virtual
async def test_a_broken_brain_is_apologised_for_and_told(tmp_path: Path) -> None:
    async with call_lab(tmp_path, brain=ScriptedBrain({"boom": [RuntimeError("x")]})) as lab:
        _, gather = await lab.talking()
        reply = gather_of(await lab.hook(K.SPEECH, text="boom", turn=gather.turn))
        assert reply.prompt.startswith("Sorry")
        await lab.until(lambda: len(lab.errors) == 1)


@virtual
async def test_words_of_the_owner_come_with_the_reply_that_is_being_made(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        call, gather = await lab.talking()
        lab.brain.gate.clear()
        steps = await lab.hook(K.SPEECH, text="think", turn=gather.turn)
        await lab.manager.speak(call.id, "This is the owner.")
        assert lab.carrier.performed == []
        lab.brain.gate.set()
        reply = gather_of(await poll(lab, steps))
        assert reply.prompt == "This is the owner. You said think."


@virtual
async def test_words_of_the_owner_wait_for_whoever_may_be_speaking(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        call, gather = await lab.talking()
        await asyncio.sleep(60)
        await lab.manager.speak(call.id, "This is the owner.")
        assert lab.carrier.performed == []
        reply = gather_of(await lab.hook(K.SPEECH, text="hello", turn=gather.turn))
        assert reply.prompt == "This is the owner. You said hello."
        assert (await lab.said(call.id))[1] == ("caller", "hello")


@virtual
async def test_words_of_the_owner_fill_the_silence_of_the_far_end(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        call, gather = await lab.talking()
        for _ in range(2 * 3):
            await lab.manager.speak(call.id, "One")
            await lab.manager.speak(call.id, "moment.")
            gather = gather_of(await lab.hook(K.SILENCE, turn=gather.turn))
            assert gather.prompt == "One moment."
        gather = gather_of(await lab.hook(K.SILENCE, turn=gather.turn))
        assert gather.prompt == phrases.STILL_THERE


@virtual
async def test_words_of_the_owner_are_not_lost_when_the_reply_ends_the_call(
    tmp_path: Path,
) -> None:
    brain = ScriptedBrain({"bye": [Speak("See you."), Do(EndCall())]})
    async with call_lab(tmp_path, brain=brain) as lab:
        call, gather = await lab.talking()
        await lab.manager.speak(call.id, "I will write to you.")
        steps = await lab.hook(K.SPEECH, text="bye", turn=gather.turn)
        assert steps == [Say("I will write to you. See you."), HangUp()]


# --- with commands ---


@virtual
async def test_with_commands_the_owner_is_heard_once_the_far_end_is_silent(tmp_path: Path) -> None:
    async with call_lab(tmp_path, takes_documents=False) as lab:
        call = await lab.call_out()
        await lab.hook(K.ANSWERED, call_id=call.id)
        await lab.until(lambda: len(lab.carrier.performed) == 1)
        # Our own prompt is not over; then somebody speaks; then types.
        for happening in (None, K.SPEECH, K.DIGITS):
            if happening is K.SPEECH:
                await lab.hook(K.SPOKEN, turn=lab.carrier.nonce)
                await asyncio.sleep(2)
                await lab.hook(K.SPEECH, text="hello I", is_final=False)
            if happening is K.DIGITS:
                await asyncio.sleep(1)
                await lab.hook(K.DIGITS, digits="4")
            await lab.manager.speak(call.id, f"Word {happening}.")
            assert len(lab.carrier.performed) == 1
        await lab.until(lambda: len(lab.carrier.performed) == 2)
        reply = gather_of(lab.carrier.performed[1:])
        assert reply.prompt == "Word None. Word speech. Word digits. You said 4."
        await lab.hook(K.SPOKEN, turn=lab.carrier.nonce)
        await asyncio.sleep(2)
        await lab.manager.speak(call.id, "This is the owner.")
        await lab.until(lambda: len(lab.carrier.performed) == 3, 0.5)
        assert gather_of(lab.carrier.performed[2:]).prompt == "This is the owner."


@virtual
async def test_commands_hold_the_same_conversation(tmp_path: Path) -> None:
    async with call_lab(tmp_path, takes_documents=False) as lab:
        call = await lab.call_out()
        await lab.hook(K.ANSWERED, call_id=call.id)
        await lab.until(lambda: len(lab.carrier.performed) == 1)
        assert gather_of(lab.carrier.performed).prompt == OPENING
        await lab.hook(K.SPOKEN, turn=lab.carrier.nonce)
        await lab.hook(K.SPEECH, text="is it", is_final=False)
        await lab.hook(K.SPEECH, text="is it up")
        await lab.until(lambda: len(lab.carrier.performed) == 2)
        assert gather_of(lab.carrier.performed[1:]).prompt == "You said is it up."
        assert lab.brain.asked == ["is it up"]


@virtual
async def test_speech_cuts_the_carriers_voice_while_it_speaks(tmp_path: Path) -> None:
    for interruptible, cuts in (("any", 1), ("speech", 1), ("dtmf", 0), ("none", 0)):
        folder, phone = tmp_path / interruptible, {"interruptible": interruptible}
        async with call_lab(folder, takes_documents=False, phone=phone) as lab:
            call = await lab.call_out()
            await lab.hook(K.ANSWERED, call_id=call.id)
            await lab.until(lambda: len(lab.carrier.performed) == 1)
            await lab.hook(K.SPEECH, text="is", is_final=False)
            assert lab.carrier.all("stop_speaking") == []
            await prompted(lab, "is it up")
            await lab.hook(K.SPEECH, text="is", is_final=False)
            assert len(lab.carrier.all("stop_speaking")) == cuts
            await lab.hook(K.SPOKEN, turn=lab.carrier.nonce)
            await lab.hook(K.SPEECH, text="is it", is_final=False)
            assert len(lab.carrier.all("stop_speaking")) == cuts


@virtual
async def test_a_key_cuts_the_carriers_voice_where_it_may(tmp_path: Path) -> None:
    for interruptible, cuts in (("any", 1), ("speech", 0), ("dtmf", 1), ("none", 0)):
        folder, phone = tmp_path / interruptible, {"interruptible": interruptible}
        async with call_lab(folder, takes_documents=False, phone=phone) as lab:
            call = await lab.call_out()
            await lab.hook(K.ANSWERED, call_id=call.id)
            await lab.until(lambda: len(lab.carrier.performed) == 1)
            await lab.hook(K.DIGITS, digits="#")
            assert lab.carrier.all("stop_speaking") == []
            await prompted(lab, "is it up")
            await lab.hook(K.DIGITS, digits="4")
            assert len(lab.carrier.all("stop_speaking")) == cuts
            await asyncio.sleep(3)
            # What may not cut the prompt does not get lost, either.
            assert lab.brain.asked == (["is it up", "4"] if cuts else ["is it up"])
            await lab.hook(K.SPOKEN, turn=lab.carrier.nonce)
            assert lab.brain.asked == ["is it up", "4"]


@virtual
async def test_nothing_cuts_the_first_words_and_what_is_said_over_them_is_answered(
    tmp_path: Path,
) -> None:
    async with call_lab(tmp_path, takes_documents=False) as lab:
        call = await lab.call_out()
        await lab.hook(K.ANSWERED, call_id=call.id)
        await lab.until(lambda: len(lab.carrier.performed) == 1)
        for text in ("hello", "who is this"):
            await lab.hook(K.SPEECH, text=text, is_final=False)
            await lab.hook(K.SPEECH, text=text)
        await lab.hook(K.DIGITS, digits="1#")
        assert (lab.brain.asked, lab.carrier.all("stop_speaking")) == ([], [])
        assert len(lab.carrier.performed) == 1
        await lab.hook(K.SPOKEN, turn=lab.carrier.nonce)
        await lab.until(lambda: len(lab.carrier.performed) == 2)
        assert lab.brain.asked == ["hello who is this 1"]
        assert (await lab.said(call.id))[0] == ("assistant", OPENING)


@virtual
async def test_what_is_said_over_first_words_whose_end_is_not_told_is_answered(
    tmp_path: Path,
) -> None:
    async with call_lab(tmp_path, takes_documents=False) as lab:
        call = await lab.call_out()
        await lab.hook(K.ANSWERED, call_id=call.id)
        await lab.until(lambda: len(lab.carrier.performed) == 1)
        await lab.hook(K.SPEECH, text="hello")
        await lab.until(lambda: lab.brain.asked == ["hello"])


@virtual
async def test_words_that_may_not_cut_a_prompt_are_ignored_until_its_end(tmp_path: Path) -> None:
    for interruptible in ("dtmf", "none"):
        folder, phone = tmp_path / interruptible, {"interruptible": interruptible}
        async with call_lab(folder, takes_documents=False, phone=phone) as lab:
            call = await lab.call_out()
            await lab.hook(K.ANSWERED, call_id=call.id)
            await lab.until(lambda: len(lab.carrier.performed) == 1)
            await prompted(lab, "one")
            await lab.hook(K.SPEECH, text="stop")
            assert len(lab.carrier.performed) == 2
            await lab.hook(K.SPOKEN, turn=lab.carrier.nonce)
            await lab.hook(K.SPEECH, text="two")
            assert lab.brain.asked == ["one", "two"]


@virtual
async def test_a_document_lets_words_cut_only_what_they_may_cut(tmp_path: Path) -> None:
    for interruptible, is_cut in (
        ("any", True),
        ("speech", True),
        ("dtmf", False),
        ("none", False),
    ):
        folder, phone = tmp_path / interruptible, {"interruptible": interruptible}
        async with call_lab(folder, phone=phone) as lab:
            call = await lab.call_out()
            opening, first = await lab.hook(K.ANSWERED, call_id=call.id)
            assert opening == Say(OPENING)
            assert isinstance(first, Gather)
            assert first.prompt == ""
            *before, second = await lab.hook(K.SPEECH, text="one", turn=first.turn)
            assert isinstance(second, Gather)
            assert second.prompt == ("You said one." if is_cut else "")
            assert before == ([] if is_cut else [Say("You said one.")])
            # Who says nothing is asked in the same way.
            assert words_of(await lab.hook(K.SILENCE, turn=second.turn)) == [phrases.STILL_THERE]


@virtual
async def test_the_end_of_what_was_cut_is_not_taken_for_that_of_the_present_prompt(
    tmp_path: Path,
) -> None:
    async with call_lab(tmp_path, takes_documents=False) as lab:
        call = await lab.call_out()
        await lab.hook(K.ANSWERED, call_id=call.id)
        await lab.until(lambda: len(lab.carrier.performed) == 1)
        await prompted(lab, "one")
        cut = lab.carrier.nonce
        await lab.hook(K.SPEECH, text="two")
        await lab.until(lambda: len(lab.carrier.performed) == 3)
        await lab.hook(K.SPOKEN, turn=cut)
        assert (await lab.said(call.id))[-1] == ("caller", "two")
        await lab.hook(K.SPOKEN, turn=lab.carrier.nonce)
        assert (await lab.said(call.id))[-1] == ("assistant", "You said two.")


@virtual
async def test_single_keys_are_collected(tmp_path: Path) -> None:
    async with call_lab(tmp_path, takes_documents=False) as lab:
        call = await lab.call_out()
        await lab.hook(K.ANSWERED, call_id=call.id)
        await lab.until(lambda: len(lab.carrier.performed) == 1)
        await lab.hook(K.SPOKEN, turn=lab.carrier.nonce)
        for digit in "42#":
            await lab.hook(K.DIGITS, digits=digit)
        assert lab.brain.asked == ["42"]
        for digit in "17":
            await lab.hook(K.DIGITS, digits=digit)
            await asyncio.sleep(1.5)
        assert lab.brain.asked == ["42"]
        await lab.until(lambda: lab.brain.asked == ["42", "17"], 1)
        await lab.hook(K.DIGITS, digits="#")
        assert lab.brain.asked == ["42", "17"]


@virtual
async def test_silence_after_the_prompt_is_noticed_without_documents(tmp_path: Path) -> None:
    async with call_lab(tmp_path, takes_documents=False) as lab:
        call = await lab.call_out()
        await lab.hook(K.ANSWERED, call_id=call.id)
        prompts: list[object] = []
        while len(prompts) < 3:
            await lab.until(lambda: len(lab.carrier.performed) > len(prompts))
            step = lab.carrier.performed[-1]
            prompts.append(step.prompt if isinstance(step, Gather) else step)
            await lab.hook(K.SPOKEN, turn=lab.carrier.nonce)
        assert prompts == [OPENING, phrases.STILL_THERE, phrases.STILL_THERE]
        await lab.until(lambda: Say(phrases.GOODBYE_SILENCE) in lab.carrier.performed)
        await lab.hook(K.SPOKEN, turn=lab.carrier.nonce)
        await lab.until(lambda: bool(lab.carrier.all("hang_up")))
        await lab.hook(K.ENDED, end_reason=EndReason.WE_HUNG_UP)
        assert (await lab.ended(call.id)).reason is EndReason.SILENT_CALLER


# --- notify ---


@virtual
async def test_a_person_is_told_and_hung_up_on_after_a_pause(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        call_id, steps = await notifying(lab)
        assert steps[0] == Say(OPENING)
        await lab.hook(K.MACHINE, machine="human")
        assert await poll(lab, steps) == [Pause(3), HangUp()]
        await lab.hook(K.ENDED, end_reason=EndReason.FAR_END_HUNG_UP)
        assert (await lab.ended(call_id)).reason is EndReason.MESSAGE_DELIVERED
        assert await lab.said(call_id) == [("assistant", OPENING)]
        assert lab.brain.asked == []


@virtual
async def test_a_machine_is_told_again_after_its_beep(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        call_id, steps = await notifying(lab)
        await lab.hook(K.MACHINE, machine="machine")
        steps = await poll(lab, steps)
        for _ in range(5):
            assert steps[0] == Pause(1)
            await asyncio.sleep(1)
            steps = await poll(lab, steps)
        await lab.hook(K.MACHINE, machine="beep")
        steps = await poll(lab, steps)
        assert steps[0] == Say(OPENING)
        assert await poll(lab, steps) == [Pause(3), HangUp()]
        assert await lab.said(call_id) == [("assistant", OPENING)]


@virtual
async def test_without_a_verdict_the_message_counts_after_a_while(tmp_path: Path) -> None:
    async with call_lab(tmp_path, limits={"notify_hangup_delay_s": 0}) as lab:
        _, steps = await notifying(lab)
        waited = 0
        while steps[-1] != HangUp():
            steps = await poll(lab, steps)
            await asyncio.sleep(1)
            waited += 1
            assert waited < 20
        assert steps == [HangUp()]
        assert 8 <= waited <= 11


@virtual
async def test_the_owners_words_do_not_make_a_cut_message_count(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        call_id, _ = await notifying(lab)
        await lab.hook(K.MACHINE, machine="human")
        await lab.manager.speak(call_id, "Wait.")
        assert lab.carrier.performed[:2] == [Say("Wait."), Say(OPENING)]
        steps = await poll(lab, lab.carrier.performed)
        assert steps == [Pause(3), HangUp()]
        lab.carrier.asked.clear()
        await lab.manager.speak(call_id, "That is all.")
        assert Say(OPENING) not in lab.carrier.performed
        assert await poll(lab, lab.carrier.performed) == [Pause(3), HangUp()]


@virtual
async def test_what_the_far_end_says_to_a_message_is_not_answered(tmp_path: Path) -> None:
    async with call_lab(tmp_path, takes_documents=False) as lab:
        call = await lab.call_out(mode=CallMode.NOTIFY)
        await lab.hook(K.ANSWERED, call_id=call.id)
        await lab.until(lambda: bool(lab.carrier.performed))
        fields: dict[str, Any] = {"text": "delete all files"}
        await lab.hook(K.SPEECH, **fields)
        await lab.hook(K.DIGITS, digits="1#")
        assert lab.brain.asked == []
        await lab.hook(K.MACHINE, machine="human")
        await lab.hook(K.SPOKEN, turn=lab.carrier.nonce)
        await lab.until(lambda: bool(lab.carrier.all("hang_up")))
        await lab.hook(K.ENDED, end_reason=EndReason.WE_HUNG_UP)
        assert (await lab.ended(call.id)).reason is EndReason.MESSAGE_DELIVERED
