"""The keypad: the keys of a telephone, for menus that ask for them."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QGridLayout, QPushButton, QWidget

from desktop_voice.ui.widgets.plain_label import plain_label

_KEYS = "123456789*0#"
_NAMES = {"*": "star", "#": "hash"}
_SHOWN = 24


class Keypad(QWidget):
    """Twelve keys; digits may be typed as well. ``pressed`` carries one key at a time."""

    pressed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.shown = plain_label("", "hint", wraps=False)
        self.shown.setAccessibleName("Keys pressed")
        self.keys: dict[str, QPushButton] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(6)
        for place, key in enumerate(_KEYS):
            button = QPushButton(key)
            button.setAccessibleName(f"Key {_NAMES.get(key, key)}")
            button.clicked.connect(lambda _on=False, key=key: self._press(key))
            grid.addWidget(button, place // 3, place % 3)
            self.keys[key] = button
        grid.addWidget(self.shown, 4, 0, 1, 3)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: D102 - Qt's own name
        if event.text() in self.keys and not event.isAutoRepeat():
            self._press(event.text())
        else:
            super().keyPressEvent(event)

    def _press(self, key: str) -> None:
        self.shown.setText((self.shown.text() + key)[-_SHOWN:])
        self.pressed.emit(key)
