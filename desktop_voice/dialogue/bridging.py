"""Bridging: a word now and then while a reply is being thought about, so that nobody hangs up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from itertools import cycle

from desktop_voice.agent.reply import Filler, ReplyPart

AFTER_S = 2.6
"""How long nobody may be heard; the liveness watch is less patient than a second more."""
_CHECK_S = 0.1
_JUST_SPOKEN_S = 1.5
_FILLERS = ("One moment, please.", "I am still working on it.", "Thank you for waiting.")


async def bridged(
    parts: AsyncGenerator[ReplyPart, None], silent_s: Callable[[], float]
) -> AsyncGenerator[ReplyPart, None]:
    """Yield ``parts``, and a filler whenever nobody was heard for ``AFTER_S`` meanwhile.

    A filler of the reply's own is dropped right after another sound. Closing it closes ``parts``.

    Args:
        parts: The reply.
        silent_s: For how long nobody has been heard.
    """
    fillers = cycle(_FILLERS)
    coming: asyncio.Task[ReplyPart | None] | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(_next(parts))
            await asyncio.wait({coming}, timeout=_CHECK_S)
            if coming.done():
                part, coming = coming.result(), None
                if part is None:
                    return
                if not isinstance(part, Filler) or silent_s() >= _JUST_SPOKEN_S:
                    yield part
            elif silent_s() >= AFTER_S:
                yield Filler(next(fillers))
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.wait({coming})
        await parts.aclose()


async def _next(parts: AsyncGenerator[ReplyPart, None]) -> ReplyPart | None:
    return await anext(parts, None)
