from __future__ import annotations

import asyncio

import pytest

from desktop_voice.rehearsal.call import Cause, State
from tests.unit.rehearsal.lone_call import lone_network, tone


async def test_states_only_go_forward_and_end_once() -> None:
    async with lone_network() as lone:
        call = lone.call({"hang_up_after_ms": 100})
        report = await lone.ended(call)
        call.answer()
        call.end(Cause.FAILED, "network")
    assert lone.side.states == [State.RINGING, State.IN_PROGRESS, State.ENDED]
    assert (report["cause"], report["by"]) == ("completed", "far_end")
    assert [r["state"] for r in lone.of("call")] == ["ringing", "in-progress", "ended"]


@pytest.mark.parametrize(
    ("plan", "cause"),
    [
        ({"answer": "busy"}, "busy"),
        ({"answer": "reject"}, "rejected"),
        ({"answer": "no_answer"}, "no-answer"),
        ({"ring_ms": 500}, "no-answer"),
    ],
)
async def test_a_callee_may_not_take_the_call(plan: dict[str, object], cause: str) -> None:
    async with lone_network() as lone:
        report = await lone.ended(lone.call(plan, ring_timeout_s=0.2))
    assert (report["cause"], report["duration_s"]) == (cause, 0)


async def test_a_call_that_is_given_up_while_it_rings_is_cancelled() -> None:
    async with lone_network() as lone:
        call = lone.call({"ring_ms": 60_000})
        await asyncio.sleep(0)
        call.end(Cause.CANCELLED, "app")
        assert (await lone.ended(call))["cause"] == "cancelled"
    assert State.IN_PROGRESS not in lone.side.states


async def test_the_time_limit_is_the_carriers() -> None:
    async with lone_network() as lone:
        report = await lone.ended(lone.call({}, time_limit_s=0.2))
    assert (report["cause"], report["by"]) == ("time-limit", "network")


async def test_dead_air_is_measured() -> None:
    async with lone_network() as lone:
        call = lone.call({"hang_up_after_ms": 1500, "transcribe": False})
        call.playout.play(tone(500))
        report = await lone.ended(call)
    silence_ms = report["longest_silence_ms"]
    assert isinstance(silence_ms, int)
    assert 800 <= silence_ms <= 1100


async def test_new_instructions_drop_the_old_ones_and_their_sound() -> None:
    done: list[str] = []

    async with lone_network() as lone:
        call = lone.call({"hang_up_after_ms": 300})

        async def program(name: str) -> None:
            call.playout.play(tone(60_000))
            await call.playout.drained()
            done.append(name)

        call.run(program("first"))
        await asyncio.sleep(0)
        call.run(program("second"))
        assert call.playout.queued_ms == 0
        await lone.ended(call)
    assert done == []
