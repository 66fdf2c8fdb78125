"""Replies told by a coroutine: work that takes its time, with a word now and then, in one reply."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, TypeVar

from desktop_voice.agent.reply import Filler, ReplyPart

T = TypeVar("T")

Tell = Callable[[ReplyPart], None]
"""Takes the next part of a reply; returns at once."""

AT_ONCE = "One moment."
STILL = "I am still working on it."
PATIENCE_S = 0.8
STILL_EVERY_S = 10.0


async def told(
    reply: Callable[[Tell], Coroutine[Any, Any, None]],
) -> AsyncGenerator[ReplyPart, None]:
    """Yield what ``reply`` tells while it runs; closing the iterator cancels it.

    Raises:
        Exception: Whatever ``reply`` raises, after what it told before.
    """
    parts: asyncio.Queue[ReplyPart | None] = asyncio.Queue()
    task = asyncio.ensure_future(reply(parts.put_nowait))
    task.add_done_callback(lambda _task: parts.put_nowait(None))
    try:
        while (part := await parts.get()) is not None:
            yield part
        task.result()
    finally:
        task.cancel()
        await asyncio.wait({task})


async def patiently(tell: Tell, work: Coroutine[Any, Any, T], *, is_slow: bool = False) -> T:
    """Return what ``work`` returns, telling a filler now and then; cancelling cancels it.

    Args:
        tell: Takes the fillers.
        work: What is to be done.
        is_slow: Whether it surely takes longer than a breath, so that this is said at once.

    Raises:
        Exception: Whatever ``work`` raises.
    """
    task = asyncio.ensure_future(work)
    try:
        if not is_slow:
            await asyncio.wait({task}, timeout=PATIENCE_S)
        words = AT_ONCE
        while not task.done():
            tell(Filler(words))
            words = STILL
            await asyncio.wait({task}, timeout=STILL_EVERY_S)
        return task.result()
    finally:
        task.cancel()
        await asyncio.wait({task})
