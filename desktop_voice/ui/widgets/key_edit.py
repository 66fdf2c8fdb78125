"""The key edit: a button that takes the next key combination as its value."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QPushButton, QWidget

_MODIFIER_KEYS = frozenset(
    {
        Qt.Key.Key_Shift,
        Qt.Key.Key_Control,
        Qt.Key.Key_Alt,
        Qt.Key.Key_Meta,
        Qt.Key.Key_AltGr,
        Qt.Key.Key_CapsLock,
    }
)


class KeyEdit(QPushButton):
    """Shows a key such as ``F9``; press it, then press another key. Esc leaves it as it was."""

    key_changed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._key = ""
        self._is_recording = False
        self._label = ""
        self.clicked.connect(self._record)
        self._refresh()

    @property
    def key(self) -> str:
        """The key in portable text, such as ``Ctrl+Space``; may be empty."""
        return self._key

    @property
    def is_recording(self) -> bool:
        """Whether the next key combination becomes the value."""
        return self._is_recording

    def set_key(self, key: str) -> None:
        """Show ``key`` without telling anybody."""
        self._key = key
        self._refresh()

    def set_label(self, label: str) -> None:
        """Name the button for screen readers; the key is added to it."""
        self._label = label
        self._refresh()

    def event(self, event: QEvent) -> bool:  # noqa: D102 - Qt's own name
        if self._is_recording and isinstance(event, QKeyEvent):
            if event.type() is QEvent.Type.ShortcutOverride:
                event.accept()
                return True
            if event.type() is QEvent.Type.KeyPress:
                self._take(event)
                return True
        return super().event(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: D102 - Qt's own name
        self._stop()
        super().focusOutEvent(event)

    def _record(self) -> None:
        self._is_recording = True
        self._refresh()

    def _stop(self) -> None:
        self._is_recording = False
        self._refresh()

    def _take(self, event: QKeyEvent) -> None:
        if Qt.Key(event.key()) in _MODIFIER_KEYS or event.isAutoRepeat():
            return
        if event.keyCombination().toCombined() != Qt.Key.Key_Escape.value:
            self._key = QKeySequence(event.keyCombination()).toString(
                QKeySequence.SequenceFormat.PortableText
            )
            self._stop()
            self.key_changed.emit(self._key)
        else:
            self._stop()

    def _refresh(self) -> None:
        self.setText("Press a key…" if self._is_recording else self._key or "None")
        state = "press a key, Escape cancels" if self._is_recording else self._key or "none"
        self.setAccessibleName(f"{self._label}: {state}" if self._label else state)
