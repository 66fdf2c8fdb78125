"""The secret field: a value that is masked unless its owner looks at it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QWidget

_MAX_CHARACTERS = 16 * 1024


class SecretField(QWidget):
    """A masked line with “Show”, which shows it while it is pressed, and “Paste”.

    ``submitted`` follows Enter. Nothing is undone, completed or remembered.
    """

    submitted = Signal()
    edited = Signal()

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.line = QLineEdit()
        self.line.setEchoMode(QLineEdit.EchoMode.Password)
        self.line.setMaxLength(_MAX_CHARACTERS)
        self.line.setAccessibleName(name)
        self.line.setPlaceholderText(name)
        self.line.returnPressed.connect(self.submitted)
        self.line.textChanged.connect(self.edited)
        self.show_button = QPushButton("Show")
        self.show_button.setAccessibleName(f"Show {name} while pressed")
        self.show_button.setToolTip("Shows the value while pressed")
        self.show_button.pressed.connect(self._reveal)
        self.show_button.released.connect(self._mask)
        self.paste_button = QPushButton("Paste")
        self.paste_button.setAccessibleName(f"Paste {name}")
        self.paste_button.clicked.connect(self._paste)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.line, 1)
        row.addWidget(self.show_button)
        row.addWidget(self.paste_button)
        self.setFocusProxy(self.line)

    @property
    def value(self) -> str:
        """What was entered, to the last blank."""
        return self.line.text()

    def clear(self) -> None:
        """Empty the line, and forget what it held."""
        # A new text, other than an undoable deletion, leaves no history in the line.
        self.line.setText("")
        self._mask()

    def _reveal(self) -> None:
        self.line.setEchoMode(QLineEdit.EchoMode.Normal)

    def _mask(self) -> None:
        self.line.setEchoMode(QLineEdit.EchoMode.Password)

    def _paste(self) -> None:
        self.line.setText(QGuiApplication.clipboard().text().strip("\r\n"))
        self.line.setFocus()
