"""Playback progress: lets others wait until a position was played, on any line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Progress:
    """Positions and who waits for them; used on one event loop."""

    def __init__(self) -> None:
        self._position = 0
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    async def reached(self, position: int) -> None:
        """Return when ``position`` was reached, or :meth:`release` was called."""
        if position <= self._position:
            return
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((position, future))
        await future

    def advance(self, position: int) -> None:
        """Note how far playing has come."""
        self._position = position
        self._wake(lambda wanted: wanted <= position)

    def release(self) -> None:
        """Let everybody go: what they wait for was dropped."""
        self._wake(lambda _wanted: True)

    def _wake(self, due: Callable[[int], bool]) -> None:
        waiting, self._waiting = self._waiting, []
        for wanted, future in waiting:
            if future.done():
                continue
            if due(wanted):
                future.set_result(None)
            else:
                self._waiting.append((wanted, future))
