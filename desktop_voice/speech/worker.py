"""Engine workers: one thread for each engine instance, so that none is used from two."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
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


class DaemonWorker:
    """As :class:`EngineWorker`, for calls that may never return: the app ends nevertheless."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``function`` in the worker. Cancelling drops the result, not the running call."""
        future: Future[T] = Future()

        def call() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = function(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - it belongs to who asked
                future.set_exception(error)
            else:
                future.set_result(result)

        self._calls.put(call)
        return await asyncio.wrap_future(future)

    def shut_down(self) -> None:
        """Take no more calls; those that wait are still run."""
        self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
