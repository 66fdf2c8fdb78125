"""The find bar: looks for words in the conversation."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QWidget

from desktop_voice.ui.theme.manager import set_kind
from desktop_voice.ui.widgets.conversation import ConversationView


class FindBar(QWidget):
    """Hidden until :meth:`open`; Enter finds the next place, the arrows go both ways."""

    def __init__(self, view: ConversationView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._words = QLineEdit()
        self._words.setPlaceholderText("Find in the conversation")
        self._words.setAccessibleName("Find in the conversation")
        self._words.setClearButtonEnabled(False)
        self._words.returnPressed.connect(self.find_next)
        self._result = QLabel("")
        set_kind(self._result, "problem")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._words, 1)
        row.addWidget(self._result)
        for text, name, slot in (
            ("↑", "Find previous", self.find_previous),
            ("↓", "Find next", self.find_next),
            ("✕", "Close find", self.close_bar),
        ):
            button = QPushButton(text)
            set_kind(button, "quiet")
            button.setAccessibleName(name)
            button.setToolTip(name)
            button.clicked.connect(slot)
            row.addWidget(button)
        self.hide()

    @property
    def result_text(self) -> str:
        """What the bar says about the last search; empty when something was found."""
        return self._result.text()

    def open(self) -> None:
        """Show the bar and take the keyboard."""
        self.show()
        self._words.setFocus()
        self._words.selectAll()

    def close_bar(self) -> None:
        """Hide the bar; the keyboard goes back to the conversation."""
        self._result.clear()
        self.hide()
        self._view.setFocus()

    def find_next(self) -> None:
        """Go to the next place."""
        self._find(backward=False)

    def find_previous(self) -> None:
        """Go to the place before."""
        self._find(backward=True)

    def _find(self, *, backward: bool) -> None:
        words = self._words.text()
        found = self._view.find_words(words, backward=backward)
        self._result.setText("" if found or not words else "Not found")
