from __future__ import annotations

import asyncio

from desktop_voice.rehearsal.bridge import bridge
from tests.unit.rehearsal.lone_call import lone_network


async def test_a_bridge_lets_two_far_ends_press_keys_for_each_other() -> None:
    steps: list[dict[str, object]] = [{"wait_s": 0.1}, {"press": "7"}, {"hang_up": True}]
    async with lone_network() as lone:
        one = lone.call({"kind": "script", "steps": steps})
        other = lone.call({})
        async with asyncio.timeout(10):
            await bridge(one, other)
        assert other.live
    digits = [(r["ref"], r["digits"]) for r in lone.of("far_digits")]
    assert digits == [(other.ref, "7")]
