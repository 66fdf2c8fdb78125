"""Quitting while calls go on: a question first, which blocks nothing."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QMessageBox, QWidget

from desktop_voice.ui.call_watch import CallWatch


class QuitQuestion(QMessageBox):
    """Asks whether to hang up and quit; ``confirmed`` follows a yes. Use :meth:`open`."""

    confirmed = Signal()

    def __init__(self, count: int, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setIcon(QMessageBox.Icon.NoIcon)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWindowTitle("Quit Desktop Voice")
        going_on = "1 call is going on." if count == 1 else f"{count} calls are going on."
        self.setText(f"{going_on} Hang up and quit?")
        self.yes = self.addButton("Hang up and quit", QMessageBox.ButtonRole.DestructiveRole)
        self.stay = self.addButton("Stay", QMessageBox.ButtonRole.RejectRole)
        self.setDefaultButton(self.stay)
        self.setEscapeButton(self.stay)
        self.yes.clicked.connect(self.confirmed)


class QuitGuard(QObject):
    """Stands before the end of the app; ``quit_agreed`` follows if nothing speaks against it."""

    quit_agreed = Signal()

    def __init__(self, window: QWidget, watch: CallWatch | None) -> None:
        super().__init__(window)
        self._window = window
        self._watch = watch
        self.question: QuitQuestion | None = None

    @property
    def must_ask(self) -> bool:
        """Whether quitting would cut a call off."""
        return self._watch is not None and bool(self._watch.calls)

    def request(self) -> None:
        """Quit, or ask whether to; the question needs the window to be on show."""
        if self._watch is None or not self._watch.calls:
            self.quit_agreed.emit()
        elif self.question is None:
            self.question = QuitQuestion(len(self._watch.calls), self._window)
            self.question.confirmed.connect(self._hang_up_and_quit)
            self.question.finished.connect(self._forget)
            self.question.open()
        else:
            self.question.raise_()

    def _hang_up_and_quit(self) -> None:
        if self._watch is not None:
            self._watch.phone.hang_up_all()
        self.quit_agreed.emit()

    def _forget(self) -> None:
        self.question = None
