"""How live calls behave: interruptions, keys, silence, machines, limits, pairing and ends.

Every test is a phone of its own over shared engines and one carrier; callers are recordings.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from desktop_voice.core import events as ev
from desktop_voice.core.calls import Call, CallMode, CarrierName, EndReason
from desktop_voice.core.phone_settings import CallInterruption
from desktop_voice.core.settings import Settings
from desktop_voice.rehearsal.process import RehearsalProcess
from desktop_voice.speech.engine_room import EngineRoom
from desktop_voice.telephony import phrases
from tests.helpers.hearing import share_of_words
from tests.helpers.model_server import ModelServer, model_server
from tests.helpers.phone_lab import FAR_NUMBER, PhoneLab, lab_settings, loaded_room, phone_lab
from tests.helpers.recordings import Recordings, recordings_or_skip

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

QUESTION = "phone/google/audio.wav"
QUESTION_WORDS = "how old is the brooklyn bridge"
INTERRUPTION = "stt/livekit/weather_question.wav"
INTERRUPTION_WORDS = "what is the weather in paris"
SENTENCES = (
    "The weather tomorrow will be sunny and very warm. ",
    "Your package will arrive tomorrow afternoon between two and four. ",
    "Please remember to water the plants in the garden this evening. ",
    "The last train to the city leaves at a quarter past eleven. ",
)
GREETING = "Good morning."
CLEARLY = 0.55
CODE = 40718263
SPOKEN_CODE = "four zero seven one eight two six three"
NUMBERS = [f"+141555501{number}" for number in range(20, 40)]


@pytest.fixture(scope="module")
def room() -> Iterator[EngineRoom]:
    room = asyncio.run(loaded_room(Settings()))
    yield room
    asyncio.run(room.close())


@pytest.fixture(autouse=True)
def long_answers(phones: Phones) -> None:
    phones.model.words = list(SENTENCES)


@pytest.fixture(scope="module")
def recordings() -> Recordings:
    return recordings_or_skip()


class Phones:
    """Makes phones on one carrier's process."""

    def __init__(self, rehearsal: RehearsalProcess, room: EngineRoom, model: ModelServer) -> None:
        self.rehearsal = rehearsal
        self.room = room
        self.model = model

    @asynccontextmanager
    async def phone(
        self, folder: Path, carrier: CarrierName = CarrierName.TWILIO, **changes: Any
    ) -> AsyncIterator[PhoneLab]:
        given = self._changes(changes)
        async with phone_lab(carrier, folder, self.room, rehearsal=self.rehearsal, **given) as lab:
            yield lab
            assert lab.violations() == []

    def settings(self, **changes: Any) -> Settings:
        """Return the settings of a phone with further changes."""
        number = self.rehearsal.card.numbers["twilio"]
        return lab_settings(CarrierName.TWILIO, number, **self._changes(changes))

    def _changes(self, changes: dict[str, Any]) -> dict[str, Any]:
        return {
            "inbound__allow_from": [FAR_NUMBER, *NUMBERS],
            "model__base_url": self.model.base_url,
            "model__model": "small-model",
            "phone__disclosure": False,
            "phone__greeting": GREETING,
            **changes,
        }


LONG_GREETING = (
    "Hello. You have reached the mailbox of somebody who is not available at the moment, because "
    "they are on another line, or away from their telephone, or fast asleep. Your call is very "
    "important to them, and so are you. At the tone, please record your message. When you have "
    "finished recording, you may hang up, or press one for more options."
)
"""Longer than a message takes, with all the silence after it in which a person is hung up on."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def phones(room: EngineRoom) -> AsyncIterator[Phones]:
    async with RehearsalProcess() as rehearsal, model_server() as model:
        yield Phones(rehearsal, room, model)


def over(recording: Path, after_ms: int = 1500) -> dict[str, Any]:
    return {"play": str(recording), "over": True, "after_ms": after_ms}


def heard_on(lab: PhoneLab, call: Call, *, recorded: bool = False) -> str:
    """Return the words that the far end of one call heard, or that a machine there recorded."""
    return " ".join(
        str(report["text"])
        for report in lab.rehearsal.reports
        if report["type"] == "far_heard"
        and report["ref"] == call.carrier_ref
        and (report.get("recorded") or not recorded)
    ).lower()


async def lines_of(lab: PhoneLab, call: Call, role: str) -> list[tuple[str, str]]:
    transcript = await lab.service.actions.transcript(call.id)
    return [(line.text, line.heard) for line in transcript if line.role == role]


def is_on(call: Call) -> Callable[[ev.ConversationEvent], bool]:
    return lambda event: event.line == call.id


def barge_ins(lab: PhoneLab, call: Call) -> list[str]:
    return [event.by for event in lab.of(ev.BargeIn) if event.line == call.id]


async def test_a_caller_who_interrupts_is_answered_and_the_rest_was_not_heard(
    phones: Phones, recordings: Recordings, tmp_path: Path
) -> None:
    question, weather = recordings.path(QUESTION), recordings.path(INTERRUPTION)
    steps = [{"play": str(question)}, over(weather), {"wait_s": 3}, {"hang_up": True}]
    async with phones.phone(tmp_path) as lab:
        call = await lab.ended(await lab.call_in(kind="script", steps=steps))
        report = await lab.carrier_ended(call)
        assert call.reason is EndReason.FAR_END_HUNG_UP
        assert barge_ins(lab, call) == ["speech"]
        assert len(report["cleared_after_ms"]) == 1
        said = [text for text, _ in await lines_of(lab, call, "caller")]
        assert share_of_words(QUESTION_WORDS, said[0]) >= 0.8
        assert share_of_words(INTERRUPTION_WORDS, said[1]) >= 0.8
        (_greeting, cut, *_) = await lines_of(lab, call, "assistant")
        answer = "".join(SENTENCES)
        assert answer.startswith(cut[1])
        assert 0 < len(cut[1].split()) < len(answer.split()) / 2
        # The reply to the interruption begins with the first sentence again; the later ones of
        # the reply that was cut were never played.
        assert share_of_words(SENTENCES[3], heard_on(lab, call)) < 0.5


async def test_what_may_interrupt_does_and_nothing_else(
    phones: Phones, recordings: Recordings, tmp_path: Path
) -> None:
    question, weather = recordings.path(QUESTION), recordings.path(INTERRUPTION)
    key = {"press": "5", "over": True, "after_ms": 1500}
    wanted = {
        CallInterruption.NONE: ([], []),
        CallInterruption.DTMF: ([], ["dtmf"]),
        CallInterruption.SPEECH: (["speech"], []),
        CallInterruption.ANY: (["speech"], ["dtmf"]),
    }
    numbers = iter(NUMBERS)
    async with phones.phone(tmp_path) as lab:
        at_once = asyncio.Semaphore(4)
        one_by_one = asyncio.Lock()

        async def one(allowed: CallInterruption, cut: dict[str, Any]) -> list[str]:
            steps = [{"play": str(question)}, cut, {"wait_s": 1}, {"hang_up": True}]
            async with at_once:
                async with one_by_one:
                    await lab.service.apply(("phone", "interruptible", allowed.value))
                    call = await lab.call_in(
                        next(numbers), kind="script", steps=steps, transcribe=False
                    )
                    await lab.until(ev.ReplyText, is_on(call))
                await lab.ended(call)
                return barge_ins(lab, call)

        ways = [(allowed, cut) for allowed in wanted for cut in (over(weather), key)]
        found = await asyncio.gather(*(one(*way) for way in ways))
        by_way = {allowed: (found[2 * n], found[2 * n + 1]) for n, allowed in enumerate(wanted)}
        assert by_way == wanted


async def test_the_greeting_is_heard_whole_and_what_was_said_over_it_is_answered(
    phones: Phones, recordings: Recordings, tmp_path: Path
) -> None:
    steps = [over(recordings.path(QUESTION), 300)]
    phones.model.words = [SENTENCES[0]]
    greeting = "Hello! The office is open from nine to five. How can I help you today?"
    async with phones.phone(tmp_path, phone__greeting=greeting) as lab:
        call = await lab.ended(await lab.call_in(kind="script", steps=steps, gap_ms=1500))
        assert barge_ins(lab, call) == []
        greeted, answered, *_ = await lines_of(lab, call, "assistant")
        assert greeted[0] == greeted[1]
        assert greeted[0].endswith("How can I help you today?")
        ((said, _),) = await lines_of(lab, call, "caller")
        assert share_of_words(QUESTION_WORDS, said) >= 0.8
        assert answered[0] == SENTENCES[0].strip()


async def test_keys_become_a_turn_and_a_far_end_may_hang_up_in_the_middle_of_a_word(
    phones: Phones, tmp_path: Path
) -> None:
    steps = [{"press": "42#"}]
    phones.model.words = list(SENTENCES[:2])
    async with phones.phone(tmp_path) as lab:
        typing = await lab.call_in(NUMBERS[0], kind="script", steps=steps)
        cutting = await lab.call_in(
            NUMBERS[1], kind="script", steps=[{"press": "7#"}], hang_up_after_ms=6000
        )
        typed, cut = await asyncio.gather(lab.ended(typing), lab.ended(cutting))
        turns = {event.line: event for event in lab.of(ev.UserTurn)}
        assert turns[typed.id].source == "dtmf"
        assert "42" in turns[typed.id].text.replace(" ", "")
        await lab.carrier_ended(typed)
        report = await lab.carrier_ended(cut)
        assert (report["by"], cut.reason) == ("far_end", EndReason.FAR_END_HUNG_UP)
        text, heard = (await lines_of(lab, cut, "assistant"))[-1]
        assert text.startswith(heard[: len(text)])
        assert len(heard) < len(text)


async def test_where_nobody_talks_the_call_ends_by_a_rule(phones: Phones, tmp_path: Path) -> None:
    wanted = {
        "busy": {EndReason.BUSY},
        "no_answer": {EndReason.NO_ANSWER},
        # Twilio calls a refusal "busy".
        "reject": {EndReason.REJECTED, EndReason.BUSY},
    }
    async with phones.phone(tmp_path, limits__ring_timeout_s=5) as lab:
        silent = await lab.call_in(NUMBERS[0])
        await lab.until(ev.ReplyText, is_on(silent))
        machine = await lab.call_out(
            SENTENCES[1], CallMode.NOTIFY, NUMBERS[1], answer="machine", greeting=LONG_GREETING
        )
        for number, answer in zip(NUMBERS[2:], wanted, strict=False):
            call = await lab.call_out("Hello.", CallMode.NOTIFY, number, answer=answer)
            assert (await lab.ended(call)).reason in wanted[answer]
        await lab.service.apply(("limits", "max_duration_s", 10))
        long = await lab.call_in(NUMBERS[5])
        machine, long, silent = await asyncio.gather(*map(lab.ended, (machine, long, silent)))
        for call in (machine, long, silent):
            assert (await lab.carrier_ended(call))["by"] == "app"

        # The answering machine has the whole message behind its beep.
        assert machine.reason is EndReason.MESSAGE_DELIVERED
        recorded = heard_on(lab, machine, recorded=True)
        assert share_of_words(SENTENCES[1], recorded) >= CLEARLY

        # The call that takes too long is ended with a word.
        assert long.reason is EndReason.SOFT_LIMIT
        words = (phrases.LIMIT_REACHED, phrases.LIMIT_REACHED)
        assert (await lines_of(lab, long, "assistant"))[-1] == words

        # The silent caller was asked twice.
        assert silent.reason is EndReason.SILENT_CALLER
        asked = [text for text, _ in await lines_of(lab, silent, "assistant")][1:]
        assert asked == [phrases.STILL_THERE, phrases.STILL_THERE, phrases.GOODBYE_SILENCE]


async def test_hanging_up_from_here_reaches_the_carrier(phones: Phones, tmp_path: Path) -> None:
    async with phones.phone(tmp_path) as lab:
        call = await lab.call_in()
        await lab.until(ev.ReplyText, is_on(call))
        await lab.service.actions.hang_up(call.id)
        call = await lab.ended(call)
        assert (await lab.carrier_ended(call))["by"] == "app"
        assert call.reason is EndReason.WE_HUNG_UP


async def test_who_calls_while_incoming_calls_are_off_is_refused_before_the_answer(
    phones: Phones, tmp_path: Path
) -> None:
    async with phones.phone(tmp_path, inbound__policy="disabled") as lab:
        call = await lab.ended(await lab.call_in())
        report = await lab.carrier_ended(call)
        assert (report["duration_s"], call.reason) == (0, EndReason.INBOUND_DISABLED)
        assert call.answered_at is None


async def test_unknown_callers_pair_by_a_typed_or_spoken_code_and_the_owners_word(
    phones: Phones, recordings: Recordings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "randbelow", lambda _limit: CODE)
    question = {"play": str(recordings.path(QUESTION))}
    typed = [{"press": f"{CODE}#"}, question]
    spoken = [{"say": SPOKEN_CODE}, question]
    refused = [{"press": f"{CODE}#"}, {"wait_s": 60}]
    phones.model.words = [SENTENCES[0]]
    async with phones.phone(tmp_path, inbound__policy="pairing", inbound__allow_from=[]) as lab:
        actions = lab.service.actions
        calls = [
            await lab.call_in(number, kind="script", steps=steps, gap_ms=1200)
            for number, steps in zip(NUMBERS, (typed, spoken, refused), strict=False)
        ]

        async def settle(call: Call, approved: bool) -> Call:
            asked = await lab.until(ev.PairingRequested, lambda e: e.call_id == call.id)
            assert asked.code == str(CODE)
            await lab.until(ev.PairingCodeGiven, lambda e: e.call_id == call.id)
            await actions.settle_pairing(call.id, approved)
            return await lab.ended(call)

        ended = await asyncio.gather(*map(settle, calls, (True, True, False)))
        for call in ended[:2]:
            await lab.carrier_ended(call)
            ((said, _),) = await lines_of(lab, call, "caller")
            assert share_of_words(QUESTION_WORDS, said) >= 0.8
            assert call.reason is EndReason.FAR_END_HUNG_UP
        assert ended[2].reason is EndReason.PAIRING_FAILED
        assert await lines_of(lab, ended[2], "caller") == []
        assert [event.is_paired for event in lab.of(ev.PairingSettled)].count(True) == 2


async def test_closing_the_phone_hangs_up_what_lives(phones: Phones, tmp_path: Path) -> None:
    async with phones.phone(tmp_path) as lab:
        calls = [await lab.call_in(number) for number in NUMBERS[:2]]
        for call in calls:
            await lab.until(ev.ReplyText, is_on(call))
        async with asyncio.timeout(5):
            await lab.service.close()
        for call in calls:
            ended = await lab.ended(call)
            report = await lab.rehearsal.wait_for("call", ref=ended.carrier_ref, state="ended")
            assert (ended.reason, report["by"]) == (EndReason.APP_QUIT, "app")
