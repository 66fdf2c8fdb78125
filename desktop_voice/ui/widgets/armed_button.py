"""The armed button: for what must never be pressed by accident."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeyEvent, QMouseEvent, QShowEvent
from PySide6.QtWidgets import QPushButton, QWidget

DEAD_MS = 500

_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class ArmedButton(QPushButton):
    """Is disabled for half a second whenever it appears, and on :meth:`rearm`.

    A press that began before that, the repeats of a held key, and the second half of a double
    click count for nothing. Space and Enter press it once it has the keyboard.
    """

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self._may_arm = True
        self._dead = QTimer(self)
        self._dead.setSingleShot(True)
        self._dead.setInterval(DEAD_MS)
        self._dead.timeout.connect(self._arm)
        self.rearm()

    def rearm(self) -> None:
        """Be dead for half a second from now, and forget a press that is under way."""
        self.setEnabled(False)
        if self._may_arm:
            self._dead.start()

    def retire(self) -> None:
        """Be dead for good."""
        self._may_arm = False
        self._dead.stop()
        self.setEnabled(False)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: D102 - Qt's own name
        self.rearm()
        super().showEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: D102 - Qt's own name
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: D102 - Qt's own name
        if event.isAutoRepeat():
            event.accept()
        elif event.key() in _ENTER:
            self.click()
        else:
            super().keyPressEvent(event)

    def _arm(self) -> None:
        self.setEnabled(True)
