"""An event loop on virtual time: sleeping costs nothing, and a test over minutes is exact."""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from datetime import datetime, timedelta
from typing import Any, ParamSpec, TypeVar, TypeVarTuple

T = TypeVar("T")
P = ParamSpec("P")
Args = TypeVarTuple("Args")


class _SkippingSelector(selectors.SelectSelector):
    """Does not wait: it tells how long it would have."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped_s = 0.0
        self.busy_threads = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout != 0 and self.busy_threads:
            # The time stands still until the thread has done its work.
            return super().select(None)
        if not ready:
            if timeout is None:
                raise RuntimeError("everybody waits, and nothing is going to happen")
            self.skipped_s += max(0.0, timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next timer; for code without sockets.

    It waits for what runs in executors, in no time at all.
    """

    def __init__(self) -> None:
        self._skipping = _SkippingSelector()
        super().__init__(self._skipping)

    def time(self) -> float:
        return 1000.0 + self._skipping.skipped_s

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Args], T], *args: *Args
    ) -> asyncio.Future[T]:
        self._skipping.busy_threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._on_thread_done)
        return future

    def _on_thread_done(self, _future: asyncio.Future[Any]) -> None:
        self._skipping.busy_threads -= 1

    async def shutdown_default_executor(self, *_timeout: Any) -> None:
        self._skipping.busy_threads += 1
        await super().shutdown_default_executor()
        self._skipping.busy_threads -= 1


class LoopClock:
    """The running loop's time as a clock, with a date to it; any thread may ask."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._loop = asyncio.get_running_loop()

    def monotonic(self) -> float:
        """Seconds since some fixed point."""
        return self._loop.time()

    def now(self) -> datetime:
        """The date and time."""
        return self._start + timedelta(seconds=self.monotonic() - 1000.0)


def run_virtual(work: Coroutine[Any, Any, T]) -> T:
    """Run ``work`` on a loop of its own, on virtual time; fail if a task is left behind."""

    async def alone() -> T:
        result = await work
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, left
        return result

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(alone())


def virtual(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Let an asynchronous test run on virtual time."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        run_virtual(test(*args, **kwargs))

    return run
