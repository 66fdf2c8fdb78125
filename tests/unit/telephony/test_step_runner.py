"""The step runner: a document carried out command by command."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from desktop_voice.core.calls import CarrierName
from desktop_voice.telephony.addresses import at, call_webhook
from desktop_voice.telephony.carriers.carrier import CarrierEvent, CarrierEventKind
from desktop_voice.telephony.step_runner import StepRunner
from desktop_voice.telephony.steps import (
    ConnectStream,
    Gather,
    HangUp,
    Pause,
    Redirect,
    Say,
    Step,
)
from tests.helpers.scripted_carrier import refused
from tests.helpers.virtual_loop import virtual

URL = call_webhook("https://phone.example.com", CarrierName.TELNYX, "call")
GATHER = Gather("Yes?", "turn-1", at(URL, "gather", "turn-1"), at(URL, "silence", "turn-1"))


class Stage:
    """What the carrier and the session would have."""

    def __init__(self) -> None:
        self.done: list[Step] = []
        self.nonces: list[str] = []
        self.events: list[CarrierEvent] = []
        self.failures: list[str] = []
        self.error: Exception | None = None
        self.rest: dict[Step, Sequence[Step]] = {}
        self.runner = StepRunner(
            lambda: "ref-1",
            self.perform,
            self.deliver,
            lambda error: self.failures.append(error.code),
        )

    async def perform(self, step: Step, turn: str) -> Sequence[Step]:
        self.done.append(step)
        self.nonces.append(turn)
        if self.error is not None:
            raise self.error
        return self.rest.get(step, ())

    async def deliver(self, event: CarrierEvent) -> None:
        self.events.append(event)

    async def spoken(self) -> None:
        """The carrier ends its speech."""
        await asyncio.sleep(1)
        self.runner.spoken(self.nonces[-1])
        await asyncio.sleep(0.01)


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    one = Stage()
    yield one
    one.runner.stop()
    await asyncio.sleep(0.01)


@virtual
async def test_each_step_waits_for_the_speech_before_it() -> None:
    async with stage() as one:
        steps: list[Step] = [Say("One."), Say("Two."), Pause(2), HangUp()]
        one.runner.run(steps)
        await asyncio.sleep(0.01)
        assert one.done == [Say("One.")]
        assert one.runner.is_speaking
        one.runner.spoken("somebody else's")
        await asyncio.sleep(0.01)
        assert one.done == [Say("One.")]
        await one.spoken()
        assert one.done == [Say("One."), Say("Two.")]
        await one.spoken()
        assert not one.runner.is_speaking
        await asyncio.sleep(1.9)
        assert HangUp() not in one.done
        await asyncio.sleep(0.2)
        assert one.done == [Say("One."), Say("Two."), HangUp()]


@virtual
async def test_the_end_of_speech_that_is_never_told_is_not_waited_for_for_ever() -> None:
    async with stage() as one:
        one.runner.run([Say("A short word."), HangUp()])
        await asyncio.sleep(10)
        assert one.done[-1] == HangUp()


@virtual
async def test_a_gather_that_hears_nothing_tells_of_silence_once() -> None:
    async with stage() as one:
        one.runner.run([GATHER])
        await asyncio.sleep(0.01)
        await one.spoken()
        await asyncio.sleep(4)
        one.runner.stirred()
        await asyncio.sleep(3)
        assert one.events == []
        await asyncio.sleep(20)
        (event,) = one.events
        assert (event.kind, event.turn) == (CarrierEventKind.SILENCE, "turn-1")


@virtual
async def test_a_prompt_whose_end_is_not_told_is_followed_by_silence_at_once() -> None:
    async with stage() as one:
        one.runner.run([GATHER])
        await asyncio.sleep(4)
        (event,) = one.events
        assert (event.kind, event.turn) == (CarrierEventKind.SILENCE, "turn-1")
        assert one.failures == []


@virtual
async def test_a_carrier_that_tells_nothing_twice_in_a_row_has_failed() -> None:
    async with stage() as one:
        one.runner.run([GATHER])
        await asyncio.sleep(4)
        one.runner.run([GATHER])
        await asyncio.sleep(4)
        assert len(one.events) == 1
        assert one.failures == ["PHONE-07"]


@virtual
@pytest.mark.parametrize("sign", ["spoken", "stirred"])
async def test_any_sign_of_the_carrier_makes_up_for_what_was_not_told(sign: str) -> None:
    async with stage() as one:
        one.runner.run([GATHER])
        await asyncio.sleep(4)
        if sign == "spoken":
            one.runner.spoken("some former speech")
        else:
            one.runner.stirred()
        one.runner.run([GATHER])
        await asyncio.sleep(4)
        assert len(one.events) == 2
        assert one.failures == []


@virtual
async def test_words_that_break_off_are_waited_for_less_long() -> None:
    async with stage() as one:
        one.runner.run([GATHER])
        await asyncio.sleep(0.01)
        await one.spoken()
        one.runner.stirred()
        await asyncio.sleep(3.6)
        assert [event.kind for event in one.events] == [CarrierEventKind.SILENCE]


@virtual
async def test_a_redirect_asks_the_session_itself() -> None:
    async with stage() as one:
        one.runner.run([Pause(1), Redirect(at(URL, "poll", "turn-7"))])
        await asyncio.sleep(1.1)
        (event,) = one.events
        assert (event.kind, event.turn) == (CarrierEventKind.CONTINUE, "turn-7")
        assert event.carrier_ref == "ref-1"


@virtual
async def test_nothing_runs_beside_a_stream() -> None:
    async with stage() as one:
        stream = ConnectStream("wss://phone.example.com/call/stream/t", "t", URL)
        one.runner.run([stream, Redirect(URL)])
        await asyncio.sleep(60)
        assert one.done == [stream]
        assert one.events == []


@virtual
async def test_new_steps_take_the_place_of_the_old() -> None:
    async with stage() as one:
        one.runner.run([Say("One."), Say("never said")])
        await asyncio.sleep(0.01)
        old = one.nonces[-1]
        one.runner.run([Say("Two."), HangUp()])
        await asyncio.sleep(0.01)
        one.runner.spoken(old)
        await asyncio.sleep(0.01)
        assert one.done == [Say("One."), Say("Two.")]
        await one.spoken()
        assert one.done == [Say("One."), Say("Two."), HangUp()]


@virtual
async def test_what_the_carrier_leaves_over_is_done_first() -> None:
    async with stage() as one:
        one.rest = {Say("One."): [Say("More.")]}
        one.runner.run([Say("One."), HangUp()])
        await asyncio.sleep(0.01)
        await one.spoken()
        await one.spoken()
        assert one.done == [Say("One."), Say("More."), HangUp()]


@virtual
async def test_a_refused_step_is_told_once_and_ends_the_steps() -> None:
    async with stage() as one:
        one.error = refused("CARRIER-07")
        one.runner.run([Say("One."), HangUp()])
        await asyncio.sleep(30)
        assert one.failures == ["CARRIER-07"]
        assert one.done == [Say("One.")]
        assert not one.runner.is_speaking


@virtual
async def test_a_step_that_breaks_is_told_too() -> None:
    async with stage() as one:
        one.error = KeyError("x")
        one.runner.run([Say("One."), HangUp()])
        await asyncio.sleep(30)
        assert one.failures == ["PHONE-00"]
