"""A WebSocket through the edge: bytes both ways as they come, or a set time later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_PIECE_BYTES = 65_536


async def join(one: Ends, other: Ends, delay_s: float = 0.0) -> None:
    """Pass bytes on in both directions until either side ends; then close both.

    Raises:
        ConnectionError: A connection was lost.
    """
    pump = _pump if delay_s == 0 else _later(delay_s)
    tasks = [
        asyncio.create_task(pump(one[0], other[1])),
        asyncio.create_task(pump(other[0], one[1])),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        one[1].close()
        other[1].close()
    for task in done:
        task.result()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(_PIECE_BYTES):
        writer.write(piece)
        await writer.drain()


def _later(
    delay_s: float,
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]:
    """Return a pump that delays and does not thin out: what came 20 ms apart goes 20 ms apart."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def send() -> None:
            while True:
                due_s, piece = await pieces.get()
                await asyncio.sleep(due_s - loop.time())
                if not piece:
                    return
                writer.write(piece)
                await writer.drain()

        sending = asyncio.create_task(send())
        try:
            while not sending.done():
                piece = await reader.read(_PIECE_BYTES)
                pieces.put_nowait((loop.time() + delay_s, piece))
                if not piece:
                    break
            await sending
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    return pump
