"""Bridging: whoever waits for a slow model is not left in silence. Virtual time."""

import asyncio
import itertools
from collections.abc import AsyncGenerator

from desktop_voice.agent.reply import Filler, ReplyPart, Say
from desktop_voice.dialogue.bridging import bridged
from tests.helpers.virtual_loop import run_virtual


class Wire:
    """Remembers when something was heard: whatever is yielded is heard for half a second."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.last_s = self.loop.time() - 0.8
        self.said: list[tuple[float, ReplyPart]] = []

    def silent_s(self) -> float:
        return max(0.0, self.loop.time() - self.last_s)

    async def take(self, parts: AsyncGenerator[ReplyPart, None]) -> None:
        began_s = self.loop.time()
        async for part in bridged(parts, self.silent_s):
            self.said.append((self.loop.time() - began_s, part))
            self.last_s = self.loop.time() + 0.5


async def slow(*parts: tuple[float, ReplyPart]) -> AsyncGenerator[ReplyPart, None]:
    for delay_s, part in parts:
        await asyncio.sleep(delay_s)
        yield part


def heard(*parts: tuple[float, ReplyPart]) -> list[tuple[float, ReplyPart]]:
    async def work() -> list[tuple[float, ReplyPart]]:
        wire = Wire()
        await wire.take(slow(*parts))
        return wire.said

    return run_virtual(work())


def test_a_quick_reply_is_left_alone() -> None:
    parts = [Say("It is"), Say(" noon.")]
    assert [part for _, part in heard((0.3, parts[0]), (0.2, parts[1]))] == parts


def test_nobody_waits_in_silence_for_three_seconds() -> None:
    said = heard((1.5, Filler("One moment.")), (18.5, Say("Sorry.")))
    times = [0.0, *[at for at, _ in said]]
    assert max(b - a for a, b in itertools.pairwise(times)) < 3.3
    assert said[-1] == (20.0, Say("Sorry."))
    assert len({part for _, part in said}) >= 4


def test_a_model_that_stalls_in_the_middle_is_bridged_too() -> None:
    said = heard((0.5, Say("It is ")), (4.0, Say("noon.")))
    assert [type(part) for _, part in said] == [Say, Filler, Say]


def test_no_filler_right_after_a_word() -> None:
    said = heard((0.2, Say("Well, ")), (0.3, Filler("One moment.")), (0.1, Say("noon.")))
    assert [part for _, part in said] == [Say("Well, "), Say("noon.")]


def test_giving_up_closes_the_reply() -> None:
    async def work() -> bool:
        is_closed = False

        async def endless() -> AsyncGenerator[ReplyPart, None]:
            nonlocal is_closed
            try:
                await asyncio.sleep(1e6)
                yield Say("never")
            finally:
                is_closed = True

        parts = bridged(endless(), lambda: 9.0)
        assert isinstance(await anext(parts), Filler)
        await parts.aclose()
        return is_closed

    assert run_virtual(work())
