"""The media thread: one plain asyncio loop beside the window's, for sound, turns and servers."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any

import structlog

_log = structlog.get_logger()


_THREAD_TURN_S = 0.001


def use_short_turns() -> None:
    """Let Python's threads take turns every millisecond instead of every five.

    With the default, frames to a carrier left up to 94 ms late (p99 46 ms) beside a window that
    repaints; with this they stay below 10 ms at p99 (``benchmarks/phone_pacing.py``). It holds for
    the whole process.
    """
    sys.setswitchinterval(_THREAD_TURN_S)


class MediaThread:
    """Runs coroutines in a thread of its own; its methods belong to the main thread."""

    def __init__(self) -> None:
        use_short_turns()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="media", daemon=True)
        self._thread.start()

    def submit(self, coroutine: Coroutine[Any, Any, None]) -> Future[None]:
        """Start ``coroutine`` on the media loop; may be called from any thread."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def stop(self, close: Callable[[], Coroutine[Any, Any, None]], timeout_s: float) -> None:
        """Run ``close`` there, cancel what is left, end the thread; waits up to ``timeout_s``."""
        closing = self.submit(close())
        try:
            closing.result(timeout_s)
        except TimeoutError:
            _log.warning("closing took too long", timeout_s=timeout_s)
        except Exception:  # noqa: BLE001 - the app ends all the same
            _log.exception("closing failed")
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout_s)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()
