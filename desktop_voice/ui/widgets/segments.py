"""Segments: a few buttons side by side of which one is down."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget


class Segments(QWidget):
    """A choice among a few; Tab reaches each, Space takes it.

    ``picked`` carries the key of the user's choice, also when it was taken already.

    Args:
        choices: Key, text and tool tip of each; the first is down.
        name: What is chosen, for screen readers.
    """

    picked = Signal(str)

    def __init__(
        self, choices: Sequence[tuple[str, str, str]], name: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._buttons: dict[str, QPushButton] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        for key, text, tip in choices:
            button = QPushButton(text)
            button.setCheckable(True)
            button.setToolTip(tip)
            button.setAccessibleName(f"{name}: {text}")
            button.setAccessibleDescription(tip)
            button.clicked.connect(lambda _on=False, key=key: self._pick(key))
            row.addWidget(button)
            self._buttons[key] = button
        self.set_value(choices[0][0])

    @property
    def value(self) -> str:
        """The key of the button that is down."""
        return next(key for key, button in self._buttons.items() if button.isChecked())

    def set_value(self, value: str) -> None:
        """Press the button of ``value`` without telling anybody."""
        for key, button in self._buttons.items():
            button.setChecked(key == value)

    def _pick(self, key: str) -> None:
        self.set_value(key)
        self.picked.emit(key)
