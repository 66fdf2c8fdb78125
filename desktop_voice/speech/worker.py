"""Engine workers: one thread for each engine instance, so that none is used from two."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_END = object()


class EngineWorker:
    """A single thread that runs an engine's blocking calls in order."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"engine-{name}")

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``function`` in the worker. Cancelling drops the result, not the running call."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: function(*args, **kwargs))

    async def stream(self, start: Callable[[], Iterator[T]]) -> AsyncGenerator[T, None]:
        """Iterate in the worker over what ``start`` returns, a step at a time."""

        def step(iterator: Iterator[T]) -> T | object:
            return next(iterator, _END)

        iterator = await self.run(start)
        try:
            while (item := await self.run(step, iterator)) is not _END:
                yield item  # type: ignore[misc]
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                # After a shut-down there is no worker to close it in: the collector does.
                with suppress(RuntimeError):
                    self._executor.submit(close)

    def shut_down(self) -> None:
        """Take no more calls; a call that runs is let finish in the background."""
        self._executor.shutdown(wait=False, cancel_futures=True)
