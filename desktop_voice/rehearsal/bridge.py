"""A bridge: two calls whose far ends hear each other."""

from __future__ import annotations

import asyncio

from desktop_voice.rehearsal.call import Digit, NetworkCall


async def bridge(one: NetworkCall, other: NetworkCall) -> None:
    """Carry sound and keys between the far ends of two calls until either call ends.

    While one of them still rings, nothing of the other is carried to it. Ends neither call.
    """
    ways = [asyncio.create_task(_carry(one, other)), asyncio.create_task(_carry(other, one))]
    ends = [asyncio.create_task(one.ended()), asyncio.create_task(other.ended())]
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (*ways, *ends):
            task.cancel()
        await asyncio.gather(*ways, *ends, return_exceptions=True)


async def _carry(source: NetworkCall, target: NetworkCall) -> None:
    with source.hearing() as ears:
        async for heard in ears:
            if isinstance(heard, Digit):
                target.send_digits(heard.key)
            elif target.answered_s is not None:
                target.playout.play(heard)
