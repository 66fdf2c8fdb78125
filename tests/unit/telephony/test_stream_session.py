"""Calls on media streams: connecting, losing, falling back, speaking, delivering."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from desktop_voice.agent.reply import Do, EndCall
from desktop_voice.agent.reply import Say as Speak
from desktop_voice.audio.vad import VoiceActivityDetector
from desktop_voice.core import events as ev
from desktop_voice.core.calls import Call, CallMode, CallState, EndReason, PipelineKind
from desktop_voice.core.errors import EngineError
from desktop_voice.core.settings import Settings
from desktop_voice.dialogue.cascading import CascadingPipeline
from desktop_voice.telephony import phrases
from desktop_voice.telephony.addresses import read
from desktop_voice.telephony.carriers.carrier import CarrierEventKind as K
from desktop_voice.telephony.carriers.twilio import TwilioCarrier
from desktop_voice.telephony.steps import ConnectStream, Gather, HangUp, Redirect, Say, Step
from tests.helpers.call_lab import BASE, Lab, call_lab, words_of
from tests.helpers.dialogue import ScriptedBrain, sound
from tests.helpers.media_far_end import FarEnd
from tests.helpers.scripted_carrier import refused
from tests.helpers.virtual_loop import virtual

OPENING = "Hello, this is an AI assistant. It is up."


@asynccontextmanager
async def streaming(folder: Path, **options: Any) -> AsyncIterator[Lab]:
    async with call_lab(folder, pipeline=PipelineKind.CASCADING, **options) as lab:
        yield lab


async def ringing(lab: Lab, mode: CallMode = CallMode.CONVERSATION) -> tuple[Call, list[Step]]:
    call = await lab.call_out("It is up.", mode)
    steps = await lab.hook(K.ANSWERED, call_id=call.id)
    return call, steps


class OnAir:
    """A connected telephone."""

    def __init__(self, lab: Lab, step: Step) -> None:
        self.far = FarEnd()
        self._lab = lab
        self._step = step

    async def __aenter__(self) -> FarEnd:
        await self.far.__aenter__()
        self._stream = asyncio.create_task(self._lab.connect(self._step, self.far.socket))
        return self.far

    async def __aexit__(self, *_: object) -> None:
        self.far.hang_up()
        await asyncio.wait_for(self._stream, 30)
        await self.far.__aexit__()


def heard(lab: Lab) -> list[str]:
    return [event.heard for event in lab.events.of(ev.AssistantTurn)]


async def greeted(lab: Lab) -> None:
    await lab.until(lambda: heard(lab) == [OPENING])


def prompts(lab: Lab) -> list[str]:
    return words_of(lab.carrier.performed)


# --- talking ---


@virtual
async def test_the_carrier_is_given_the_users_own_path_for_streams(tmp_path: Path) -> None:
    async with streaming(tmp_path, server={"stream_path": "/media/in"}) as lab:
        _call, (stream, _after) = await ringing(lab)
        assert isinstance(stream, ConnectStream)
        assert stream.url == f"wss{BASE.removeprefix('https')}/media/in/{stream.ticket}"


@virtual
async def test_it_greets_then_talks(tmp_path: Path) -> None:
    async with streaming(tmp_path) as lab:
        call, steps = await ringing(lab)
        stream, after = steps
        assert isinstance(stream, ConnectStream)
        assert isinstance(after, Redirect)
        assert stream.url == f"wss{BASE.removeprefix('https')}/call/stream/{stream.ticket}"
        assert read(stream.status_url).call_id == read(after.url).call_id == call.id
        assert (await lab.manager.call(call.id)).state is CallState.ANSWERED
        async with OnAir(lab, stream) as far:
            await greeted(lab)
            assert (await lab.manager.call(call.id)).state is CallState.TALKING
            assert far.heard_sound_ms == pytest.approx(len(OPENING) * 20, rel=0.1)
            lab.room.stt.said = "what is it"
            await far.say(sound(600))
            await lab.until(lambda: len(heard(lab)) == 2)
            await lab.hook(K.ENDED, end_reason=EndReason.FAR_END_HUNG_UP)
        assert await lab.said(call.id) == [
            ("assistant", OPENING),
            ("caller", "what is it"),
            ("assistant", "You said what is it."),
        ]
        assert lab.reasons == [EndReason.FAR_END_HUNG_UP]


@virtual
async def test_a_ticket_is_good_for_one_socket_and_one_call(tmp_path: Path) -> None:
    async with streaming(tmp_path) as lab:
        call, (stream, _) = await ringing(lab)
        assert isinstance(stream, ConnectStream)
        admission = lab.manager.tickets.redeem(stream.ticket)
        assert admission is not None
        assert admission.call_id == call.id
        expected = lab.manager.expects(admission)
        assert expected is not None
        assert (expected.carrier_ref, expected.account) == ("ref-1", "AC-scripted")
        assert lab.manager.tickets.redeem(stream.ticket) is None
        await lab.hook(K.ENDED)
        assert lab.manager.expects(admission) is None


@virtual
async def test_the_ticket_of_a_call_that_is_over_is_void(tmp_path: Path) -> None:
    async with streaming(tmp_path) as lab:
        _, (stream, _) = await ringing(lab)
        assert isinstance(stream, ConnectStream)
        await lab.hook(K.ENDED)
        assert not lab.manager.tickets.is_good(stream.ticket)


@virtual
async def test_the_reply_may_end_the_call_once_it_was_heard(tmp_path: Path) -> None:
    brain = ScriptedBrain({"good bye": [Speak("See you."), Do(EndCall())]})
    async with streaming(tmp_path, brain=brain) as lab:
        call, (stream, _) = await ringing(lab)
        async with OnAir(lab, stream) as far:
            await greeted(lab)
            lab.room.stt.said = "good bye"
            await far.say(sound(400))
            await lab.until(lambda: bool(lab.carrier.all("hang_up")))
            assert heard(lab)[-1] == "See you."
            await lab.hook(K.ENDED, end_reason=EndReason.WE_HUNG_UP)
        assert (await lab.ended(call.id)).reason is EndReason.WE_HUNG_UP


@virtual
async def test_keys_are_a_turn(tmp_path: Path) -> None:
    async with streaming(tmp_path) as lab:
        _, (stream, _) = await ringing(lab)
        async with OnAir(lab, stream) as far:
            await greeted(lab)
            for digit in "42#":
                far.press(digit)
            turn = await lab.events.next(ev.UserTurn)
            assert turn.source == "dtmf"


@virtual
async def test_a_silent_caller_is_asked_twice_then_hung_up_on(tmp_path: Path) -> None:
    async with streaming(tmp_path) as lab:
        call, (stream, _) = await ringing(lab)
        async with OnAir(lab, stream):
            await lab.until(lambda: bool(lab.carrier.all("hang_up")), 90)
            await lab.hook(K.ENDED, end_reason=EndReason.WE_HUNG_UP)
        assert heard(lab) == [
            OPENING,
            phrases.STILL_THERE,
            phrases.STILL_THERE,
            phrases.GOODBYE_SILENCE,
        ]
        assert (await lab.ended(call.id)).reason is EndReason.SILENT_CALLER


@virtual
async def test_words_of_the_owner_wait_for_the_stream_and_the_greeting(tmp_path: Path) -> None:
    async with streaming(tmp_path) as lab:
        call, (stream, _) = await ringing(lab)
        await lab.manager.speak(call.id, "This is the owner.")
        async with OnAir(lab, stream):
            await lab.until(lambda: len(heard(lab)) == 2)
            await lab.manager.speak(call.id, "One more thing.")
            await lab.until(lambda: len(heard(lab)) == 3)
        assert heard(lab) == [OPENING, "This is the owner.", "One more thing."]


# --- messages ---


@virtual
async def test_a_message_is_delivered_then_it_hangs_up(tmp_path: Path) -> None:
    async with streaming(tmp_path) as lab:
        call, (stream, _) = await ringing(lab, CallMode.NOTIFY)
        await lab.hook(K.MACHINE, machine="human")
        async with OnAir(lab, stream) as far:
            await lab.until(lambda: bool(lab.carrier.all("hang_up")))
            assert far.heard_sound_ms == pytest.approx(len(OPENING) * 20, rel=0.1)
            await lab.hook(K.ENDED, end_reason=EndReason.WE_HUNG_UP)
        assert (await lab.ended(call.id)).reason is EndReason.MESSAGE_DELIVERED
        assert heard(lab) == [OPENING]


@virtual
async def test_a_long_message_is_delivered_once(tmp_path: Path) -> None:
    async with streaming(tmp_path) as lab:
        call = await lab.call_out("word " * 800, CallMode.NOTIFY)
        stream, _ = await lab.hook(K.ANSWERED, call_id=call.id)
        async with OnAir(lab, stream):
            await lab.until(lambda: bool(lab.carrier.all("hang_up")), 200)
            await lab.hook(K.ENDED)
        assert lab.reasons == [EndReason.MESSAGE_DELIVERED]
        assert len(heard(lab)) == 1


@virtual
async def test_a_machine_hears_the_whole_message_after_its_beep(tmp_path: Path) -> None:
    async with streaming(tmp_path) as lab:
        _, (stream, _) = await ringing(lab, CallMode.NOTIFY)
        async with OnAir(lab, stream) as far:
            await asyncio.sleep(0.3)
            await lab.hook(K.MACHINE, machine="beep")
            await lab.until(lambda: bool(lab.carrier.all("hang_up")))
            assert far.heard_sound_ms == pytest.approx(len(OPENING) * 40, rel=0.1)
            await lab.hook(K.ENDED, end_reason=EndReason.WE_HUNG_UP)


@virtual
async def test_nobody_is_listened_to_or_answered_while_a_message_is_delivered(
    tmp_path: Path,
) -> None:
    async with streaming(tmp_path) as lab:
        call, (stream, _) = await ringing(lab, CallMode.NOTIFY)
        async with OnAir(lab, stream) as far:
            lab.room.stt.said = "hello john speaking"
            await far.say(sound(600))
            await lab.until(lambda: heard(lab) == [OPENING])
            await far.say(sound(600))
            for digit in "1#":
                far.press(digit)
            await lab.hook(K.MACHINE, machine="human")
            await lab.until(lambda: bool(lab.carrier.all("hang_up")))
            await lab.hook(K.ENDED, end_reason=EndReason.WE_HUNG_UP)
        assert lab.brain.asked == []
        assert await lab.said(call.id) == [("assistant", OPENING)]


@virtual
async def test_what_the_owner_wants_said_comes_after_the_message_and_before_the_end(
    tmp_path: Path,
) -> None:
    async with streaming(tmp_path) as lab:
        call, (stream, _) = await ringing(lab, CallMode.NOTIFY)
        await lab.manager.speak(call.id, "And mind the gap.")
        await lab.hook(K.MACHINE, machine="human")
        async with OnAir(lab, stream):
            await lab.until(lambda: heard(lab) == [OPENING, "And mind the gap."])
            await lab.manager.speak(call.id, "Bye.")
            await lab.until(lambda: bool(lab.carrier.all("hang_up")))
            await lab.hook(K.ENDED, end_reason=EndReason.WE_HUNG_UP)
        assert heard(lab) == [OPENING, "And mind the gap.", "Bye."]


@virtual
async def test_what_the_owner_wants_said_is_not_lost_on_a_greeting(tmp_path: Path) -> None:
    async with streaming(tmp_path) as lab:
        call, (stream, _) = await ringing(lab, CallMode.NOTIFY)
        await lab.manager.speak(call.id, "And mind the gap.")
        await lab.hook(K.MACHINE, machine="machine")
        async with OnAir(lab, stream):
            await asyncio.sleep(20)
            assert heard(lab) == [OPENING]
            await lab.hook(K.MACHINE, machine="beep")
            await lab.until(lambda: bool(lab.carrier.all("hang_up")))
            await lab.hook(K.ENDED, end_reason=EndReason.WE_HUNG_UP)
        # The message was said anew before it, which is no turn of its own.
        assert heard(lab) == [OPENING, "And mind the gap."]


@virtual
async def test_a_machine_that_is_told_only_after_a_long_greeting_gets_the_message(
    tmp_path: Path,
) -> None:
    async with streaming(tmp_path) as lab:
        lab.carrier.machine_verdict_s = TwilioCarrier.machine_verdict_s
        _, (stream, _) = await ringing(lab, CallMode.NOTIFY)
        async with OnAir(lab, stream) as far:
            await asyncio.sleep(29)
            assert lab.carrier.all("hang_up") == []
            await lab.hook(K.MACHINE, machine="beep")
            await lab.until(lambda: bool(lab.carrier.all("hang_up")))
            assert far.heard_sound_ms == pytest.approx(len(OPENING) * 40, rel=0.1)
            await lab.hook(K.ENDED, end_reason=EndReason.WE_HUNG_UP)


@virtual
async def test_what_is_known_of_the_callee_outlives_the_stream(tmp_path: Path) -> None:
    async with streaming(tmp_path) as lab:
        call, _ = await ringing(lab, CallMode.NOTIFY)
        await lab.hook(K.MACHINE, machine="human")
        await lab.until(lambda: bool(lab.carrier.performed), 4)
        say, poll = lab.carrier.performed
        assert say == Say(OPENING)
        assert isinstance(poll, Redirect)
        steps = await lab.hook(K.CONTINUE, turn=lab.carrier.nonce)
        assert steps == lab.carrier.performed
        assert (await lab.hook(K.CONTINUE))[-1] == HangUp()
        await lab.hook(K.ENDED, end_reason=EndReason.WE_HUNG_UP)
        assert (await lab.ended(call.id)).reason is EndReason.MESSAGE_DELIVERED


@virtual
async def test_a_voice_that_cannot_say_the_message_is_replaced_by_the_carriers(
    tmp_path: Path,
) -> None:
    async with streaming(tmp_path) as lab:
        _, (stream, _) = await ringing(lab, CallMode.NOTIFY)
        lab.room.tts.breaks_on = "H"
        async with OnAir(lab, stream) as far:
            began_s = asyncio.get_running_loop().time()
            await far.say(sound(600))
            await lab.until(lambda: Say(OPENING) in lab.carrier.performed)
            assert asyncio.get_running_loop().time() - began_s <= 5.5
        assert len(lab.errors) == 1, "it is not tried again and again"


# --- failures ---


@pytest.mark.parametrize("takes_documents", [True, False])
@virtual
async def test_a_stream_that_does_not_connect_is_replaced_by_the_carriers_voice(
    tmp_path: Path, takes_documents: bool
) -> None:
    async with streaming(tmp_path, takes_documents=takes_documents) as lab:
        call, _ = await ringing(lab)
        await lab.until(lambda: prompts(lab) != [], 4)
        assert prompts(lab) == [OPENING]
        live = await lab.manager.call(call.id)
        assert (live.state, live.pipeline) == (CallState.TALKING, PipelineKind.GATHER)
        assert "did not connect" in live.detail
        (notice,) = lab.events.of(ev.Notice)
        assert "did not connect" in notice.what
        (gather,) = [step for step in lab.carrier.performed if isinstance(step, Gather)]
        if not takes_documents:
            await lab.hook(K.SPOKEN, turn=lab.carrier.nonce)
        await lab.hook(K.SPEECH, text="hello", turn=gather.turn if takes_documents else "")
        await lab.until(lambda: lab.brain.asked == ["hello"])


@virtual
async def test_who_calls_and_what_the_owner_says_is_not_lost_with_the_stream(
    tmp_path: Path,
) -> None:
    async with streaming(tmp_path) as lab:
        call, _ = await ringing(lab)
        await lab.manager.speak(call.id, "This is the owner.")
        await lab.until(lambda: prompts(lab) != [], 4)
        assert prompts(lab) == [f"{OPENING} This is the owner."]


@virtual
async def test_a_conversation_that_was_begun_goes_on_with_an_apology(tmp_path: Path) -> None:
    async with streaming(tmp_path) as lab:
        _, (stream, _) = await ringing(lab)
        async with OnAir(lab, stream) as far:
            await greeted(lab)
            lab.room.stt.said = "what is it"
            lab.room.tts.breaks_on = "Y"
            await far.say(sound(600))
            await lab.until(lambda: prompts(lab) == [phrases.TROUBLE], 8)


@virtual
async def test_a_socket_that_comes_after_the_fall_back_is_closed(tmp_path: Path) -> None:
    async with streaming(tmp_path) as lab:
        _, (stream, _) = await ringing(lab)
        assert isinstance(stream, ConnectStream)
        admission = lab.manager.tickets.redeem(stream.ticket)
        assert admission is not None
        await lab.until(lambda: prompts(lab) != [], 4)
        far = FarEnd()
        await lab.manager.on_stream(admission, None, far.socket)  # type: ignore[arg-type]
        assert far.is_closed


@virtual
async def test_a_lost_stream_is_opened_twice_more_then_given_up(tmp_path: Path) -> None:
    async with streaming(tmp_path) as lab:
        call, steps = await ringing(lab)
        for _ in range(2):
            air = OnAir(lab, steps[0])
            async with air as far:
                await asyncio.sleep(2)
                far.break_off()
            redirect = steps[-1]
            assert isinstance(redirect, Redirect)
            steps = await lab.hook(K.CONTINUE, turn=read(redirect.url).turn)
            assert isinstance(steps[0], ConnectStream)
        async with OnAir(lab, steps[0]):
            await lab.until(lambda: heard(lab).count(OPENING) == 1)
        await lab.hook(K.CONTINUE)
        await lab.until(lambda: prompts(lab) == [phrases.TROUBLE])
        assert (await lab.manager.call(call.id)).pipeline is PipelineKind.GATHER


@virtual
async def test_a_lost_stream_is_opened_again_by_command(tmp_path: Path) -> None:
    async with streaming(tmp_path, takes_documents=False) as lab:
        call = await lab.call_out("It is up.")
        await lab.hook(K.ANSWERED, call_id=call.id)
        for count in (1, 2, 3):
            await lab.until(lambda: len(lab.carrier.performed) >= count)  # noqa: B023
            step = lab.carrier.performed[-1]
            assert isinstance(step, ConnectStream)
            async with OnAir(lab, step) as far:
                await asyncio.sleep(1)
                far.break_off()
        await lab.until(lambda: prompts(lab) == [phrases.TROUBLE])


@virtual
async def test_engines_that_are_gone_are_replaced_by_the_carriers_voice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with streaming(tmp_path) as lab:
        _, (stream, _) = await ringing(lab)

        async def broken(*_: object) -> None:
            raise EngineError("VAD-01", "The detector does not load.", "Install it.")

        monkeypatch.setattr(lab.room, "new_vad", broken)
        far = FarEnd()
        await lab.connect(stream, far.socket)
        await lab.until(lambda: prompts(lab) == [OPENING], 2)
        assert far.is_closed
        await lab.until(lambda: lab.errors == ["VAD-01"])


@virtual
async def test_a_dead_voice_is_noticed_within_four_seconds(tmp_path: Path) -> None:
    async with streaming(tmp_path) as lab:
        _, (stream, _) = await ringing(lab)
        lab.room.tts.breaks_on = "H"
        async with OnAir(lab, stream):
            began_s = asyncio.get_running_loop().time()
            await lab.until(lambda: prompts(lab) == [OPENING])
            assert asyncio.get_running_loop().time() - began_s <= 4.5


@virtual
@pytest.mark.parametrize("takes_documents", [True, False])
async def test_whatever_breaks_on_a_stream_is_replaced_by_the_carriers_voice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, takes_documents: bool
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("x")

    async with streaming(tmp_path, takes_documents=takes_documents) as lab:
        call = await lab.call_out()
        await lab.hook(K.ANSWERED, call_id=call.id)
        if takes_documents:
            stream: Step = (await lab.hook(K.CONTINUE, call_id=call.id))[0]
        else:
            await lab.until(lambda: bool(lab.carrier.performed))
            stream = lab.carrier.performed[-1]
        monkeypatch.setattr(CascadingPipeline, "announce", broken)
        async with OnAir(lab, stream):
            opening = "Hello, this is an AI assistant. The server is back up."
            await lab.until(lambda: prompts(lab) == [opening], 2)
        assert lab.errors == ["PHONE-00"]


@virtual
async def test_a_stream_whose_call_is_over_before_it_can_talk_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with streaming(tmp_path) as lab:
        _, (stream, _) = await ringing(lab)
        may_load, new_vad = asyncio.Event(), lab.room.new_vad

        async def slow(settings: Settings) -> VoiceActivityDetector:
            await may_load.wait()
            return await new_vad(settings)

        monkeypatch.setattr(lab.room, "new_vad", slow)
        far = FarEnd()
        connected = asyncio.create_task(lab.connect(stream, far.socket))
        await asyncio.sleep(0.1)
        await lab.hook(K.ENDED)
        may_load.set()
        await asyncio.wait_for(connected, 2)
        assert far.is_closed


@virtual
async def test_a_fall_back_that_fails_says_so_and_hangs_up(tmp_path: Path) -> None:
    async with streaming(tmp_path) as lab:
        call, _ = await ringing(lab)
        lab.carrier.fail("perform", refused())
        await lab.until(lambda: bool(lab.carrier.all("hang_up")))
        assert lab.carrier.performed[-2:] == [Say(phrases.GIVING_UP), HangUp()]
        await lab.hook(K.ENDED, end_reason=EndReason.WE_HUNG_UP)
        ended = await lab.ended(call.id)
        assert ended.reason is EndReason.ENGINE_FAILED
        assert ended.detail == "The carrier did not answer."


@virtual
async def test_two_failures_at_once_are_one_fall_back(tmp_path: Path) -> None:
    async with streaming(tmp_path) as lab:
        _, (stream, _) = await ringing(lab)
        lab.room.tts.breaks_on = "H"
        lab.carrier.holding["perform"] = asyncio.Event()
        async with OnAir(lab, stream):
            await lab.until(lambda: bool(lab.carrier.all("perform")))
            await asyncio.sleep(6)
        lab.carrier.holding["perform"].set()
        await asyncio.sleep(2)
        assert prompts(lab) == [OPENING]
        assert Say(phrases.GIVING_UP) not in lab.carrier.performed


@virtual
async def test_without_engines_calls_use_the_carriers_voice(tmp_path: Path) -> None:
    async with streaming(tmp_path) as lab:
        lab.room.engines.stt = None
        call, (greeting, gather) = await ringing(lab)
        assert greeting == Say(OPENING)
        assert isinstance(gather, Gather)
        assert call.pipeline is PipelineKind.GATHER
