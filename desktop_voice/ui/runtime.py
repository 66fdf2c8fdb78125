"""The event loop: the one module that touches qasync."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from typing import Any

import qasync
from PySide6.QtWidgets import QApplication


def run(app: QApplication, main: Coroutine[Any, Any, int]) -> int:
    """Run ``main`` on Qt's event loop and return its result; main thread only.

    Ctrl+C, SIGTERM and ``QApplication.quit`` cancel ``main``, so that it can clean up in its
    ``finally`` blocks; the result is then 0 unless ``main`` returns another. Tasks that are left
    over are cancelled before the loop is closed.
    """
    loop: asyncio.AbstractEventLoop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    try:
        task = loop.create_task(main)
        with contextlib.suppress(NotImplementedError, ValueError):
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, task.cancel)
        task.add_done_callback(lambda _task: loop.stop())
        loop.run_forever()
        if not task.done():
            _cancel(loop, {task})
        _cancel(loop, asyncio.all_tasks(loop))
        loop.run_until_complete(loop.shutdown_asyncgens())
        return 0 if task.cancelled() else task.result()
    finally:
        loop.close()
        asyncio.set_event_loop(None)


def _cancel(loop: asyncio.AbstractEventLoop, tasks: set[asyncio.Task[Any]]) -> None:
    if not tasks:
        return
    for task in tasks:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
