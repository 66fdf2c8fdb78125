"""The mailbox: brings the results of futures into the main thread."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

import structlog
from PySide6.QtCore import QObject, Qt, Signal

from desktop_voice.core.errors import DesktopVoiceError

_log = structlog.get_logger()

T = TypeVar("T")


class Mailbox(QObject):
    """Waits for futures on behalf of ``owner``; with the owner gone, results are dropped.

    Main thread only.
    """

    _arrived = Signal(object)

    def __init__(self, owner: QObject) -> None:
        super().__init__(owner)
        # Queued: a result never comes in while the caller is still asking.
        self._arrived.connect(self._open, Qt.ConnectionType.QueuedConnection)

    def expect(
        self,
        future: Future[T],
        use: Callable[[T], None],
        fail: Callable[[DesktopVoiceError], None],
    ) -> None:
        """Call ``use`` with the future's result, or ``fail`` with its error, in the main thread.

        A cancelled future calls neither.
        """

        def deliver() -> None:
            if future.cancelled():
                return
            error = future.exception()
            if error is None:
                use(future.result())
            elif isinstance(error, DesktopVoiceError):
                fail(error)
            else:
                _log.error("an answer failed", exc_info=error)
                fail(_unexpected(error))

        def hand_over(_future: Future[T]) -> None:
            # The owner may be gone by the time the answer comes.
            with contextlib.suppress(RuntimeError):
                self._arrived.emit(deliver)

        future.add_done_callback(hand_over)

    def _open(self, deliver: Callable[[], None]) -> None:
        deliver()


def _unexpected(error: BaseException) -> DesktopVoiceError:
    return DesktopVoiceError(
        "DESK-01",
        f"Something unexpected failed ({type(error).__name__}).",
        "Try again; if it happens again, see the log.",
        retryable=True,
    )
