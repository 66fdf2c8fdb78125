"""A window that repaints on the main thread while something runs on the media thread."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from PySide6.QtCore import QTimer
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QRadialGradient
from PySide6.QtWidgets import QApplication, QMainWindow, QWidget

from desktop_voice.system.media_thread import MediaThread

_EVERY_MS = 33
_RINGS = 20


class _Painting(QWidget):
    """More Python in a paint event than the app's orb has."""

    def __init__(self) -> None:
        super().__init__()
        self.painted = 0

    def paintEvent(self, _event: QPaintEvent) -> None:
        self.painted += 1
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        centre = self.rect().center()
        for ring in range(_RINGS, 0, -1):
            gradient = QRadialGradient(centre, ring * 4)
            gradient.setColorAt(0, QColor.fromHsv((self.painted + ring) % 360, 200, 200))
            gradient.setColorAt(1, QColor.fromHsv((self.painted + ring * 3) % 360, 200, 60))
            painter.setBrush(gradient)
            painter.drawEllipse(centre, ring * 4, ring * 4)
            painter.drawText(10, 12 * ring, f"line {ring} of what was said on this call")
        painter.end()


def run_beside_window(work: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """Run ``work`` on a media thread while a window repaints; return how often it was painted.

    Raises:
        Exception: What ``work`` raised.
    """
    app = QApplication.instance() or QApplication([])
    window = QMainWindow()
    window.resize(900, 700)
    painting = _Painting()
    window.setCentralWidget(painting)
    window.show()
    media = MediaThread()
    done = media.submit(work())
    timer = QTimer()

    def tick() -> None:
        painting.update()
        if done.done():
            app.quit()

    timer.timeout.connect(tick)
    timer.start(_EVERY_MS)
    app.exec()

    async def close() -> None:
        """Nothing is left to close."""

    media.stop(close, 5.0)
    window.close()
    done.result()
    return painting.painted
