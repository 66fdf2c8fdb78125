from __future__ import annotations

import asyncio

from desktop_voice.rehearsal.carrier_voice import CarrierVoice
from desktop_voice.rehearsal.gather import Gathered, GatherRules, gather
from tests.unit.rehearsal.lone_call import lone_network, tone

Steps = list[dict[str, object]]


async def gathered(steps: Steps, rules: GatherRules, prompt_ms: int = 100) -> Gathered:
    """What a gather takes from a far end that follows ``steps``."""
    async with lone_network() as lone:
        plan = {"kind": "script", "steps": steps, "gap_ms": 200, "after": "stay"}
        call = lone.call({**plan, "transcribe": False})
        await call.answered()
        async with asyncio.timeout(20):
            return await gather(call, CarrierVoice(lone.engines), [tone(prompt_ms)], rules)


async def test_words_are_taken_from_the_script() -> None:
    result = await gathered([{"say": "Two tickets to Paris"}], GatherRules(end_silence_ms=400))
    assert result.text == "Two tickets to Paris"
    assert 0 < result.confidence <= 1


async def test_words_do_not_count_where_only_keys_are_asked_for() -> None:
    rules = GatherRules(speech=False, digits=True, silence_s=3, num_digits=1)
    result = await gathered([{"say": "Hello"}, {"wait_s": 0.1}, {"press": "4"}], rules)
    assert result == Gathered(digits="4")


async def test_a_finishing_key_is_not_one_of_the_keys() -> None:
    result = await gathered([{"press": "12#9"}], GatherRules(digits=True))
    assert result == Gathered(digits="12", finished_on="#")


async def test_keys_are_complete_after_a_pause() -> None:
    result = await gathered([{"press": "12"}], GatherRules(digits=True, digit_gap_s=0.5))
    assert result == Gathered(digits="12")


async def test_silence_is_counted_from_the_end_of_the_prompt() -> None:
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    assert await gathered([], GatherRules(silence_s=0.3), prompt_ms=700) == Gathered()
    assert loop.time() - began_s >= 0.9


async def test_a_prompt_that_may_not_be_interrupted_is_played_to_its_end() -> None:
    steps: Steps = [{"press": "5", "over": True}]
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    rules = GatherRules(digits=True, barge_in=False, digit_gap_s=0.2)
    assert (await gathered(steps, rules, prompt_ms=1500)).digits == "5"
    assert loop.time() - began_s >= 1.4


async def test_a_call_that_ends_ends_the_gather() -> None:
    steps: Steps = [{"press": "1"}, {"hang_up": True}]
    assert await gathered(steps, GatherRules(digits=True, silence_s=60)) == Gathered(digits="1")
