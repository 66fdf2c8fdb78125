"""The push-to-talk key: press and release of one key anywhere in the window."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QApplication, QLineEdit, QPlainTextEdit, QWidget

from desktop_voice.ui.widgets.key_edit import KeyEdit


class TalkKey(QObject):
    """Watches the window's key events; repeats of a held key count once."""

    pressed = Signal()
    released = Signal()

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._sequence = QKeySequence()
        self._key_down: int | None = None
        app = QApplication.instance()
        if app is not None:
            app.installEventFilter(self)

    def set_key(self, key: str) -> None:
        """Watch ``key``, in portable text such as ``F9``; empty or unknown watches none."""
        self._sequence = QKeySequence.fromString(key, QKeySequence.SequenceFormat.PortableText)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: D102 - Qt's own name
        kind = event.type()
        if kind is QEvent.Type.WindowDeactivate and watched is self._window:
            self._release()
        elif isinstance(event, QKeyEvent) and self._belongs_here(watched):
            if kind is QEvent.Type.ShortcutOverride and self._matches(event):
                event.accept()
            elif kind is QEvent.Type.KeyPress and self._matches(event):
                if not event.isAutoRepeat() and self._key_down is None:
                    self._key_down = event.key()
                    self.pressed.emit()
                return True
            elif kind is QEvent.Type.KeyRelease and event.key() == self._key_down:
                if not event.isAutoRepeat():
                    self._release()
                return True
        return super().eventFilter(watched, event)

    def _belongs_here(self, watched: QObject) -> bool:
        return isinstance(watched, QWidget) and watched.window() is self._window

    def _matches(self, event: QKeyEvent) -> bool:
        if self._sequence.isEmpty() or QKeySequence(event.keyCombination()) != self._sequence:
            return False
        focus = self._window.focusWidget()
        if isinstance(focus, KeyEdit) and focus.is_recording:
            return False
        is_typed = not event.modifiers() & ~Qt.KeyboardModifier.ShiftModifier and bool(
            event.text().strip() or event.key() == Qt.Key.Key_Space
        )
        return not (is_typed and isinstance(focus, QLineEdit | QPlainTextEdit))

    def _release(self) -> None:
        if self._key_down is not None:
            self._key_down = None
            self.released.emit()
