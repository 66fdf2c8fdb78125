"""Work inside of a reply: a word at once, its result, and its end with the reply."""

import asyncio

import pytest

from desktop_voice.agent.phone_setup.work import AT_ONCE, Tell, patiently, told
from desktop_voice.agent.reply import Filler, Say


async def _work() -> str:
    await asyncio.sleep(0)
    return "done"


async def test_slow_work_is_announced_before_its_result() -> None:
    async def reply(tell: Tell) -> None:
        tell(Say(await patiently(tell, _work(), is_slow=True)))

    assert [part async for part in told(reply)] == [Filler(AT_ONCE), Say("done")]


async def test_quick_work_needs_no_word() -> None:
    async def reply(tell: Tell) -> None:
        tell(Say(await patiently(tell, _work())))

    assert [part async for part in told(reply)] == [Say("done")]


async def test_closing_the_reply_cancels_its_work() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def reply(tell: Tell) -> None:
        await patiently(tell, work(), is_slow=True)

    parts = told(reply)
    assert await anext(parts) == Filler(AT_ONCE)
    await asyncio.sleep(0)
    await parts.aclose()
    assert ended.is_set()


async def test_what_goes_wrong_comes_after_what_was_told() -> None:
    async def reply(tell: Tell) -> None:
        tell(Say("So far."))
        raise ValueError("broken")

    parts = told(reply)
    assert await anext(parts) == Say("So far.")
    with pytest.raises(ValueError, match="broken"):
        await anext(parts)
