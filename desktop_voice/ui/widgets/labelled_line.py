"""The labelled line: a name, a line to type into, and what is wrong with it."""

from __future__ import annotations

from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from desktop_voice.ui.announce import announce
from desktop_voice.ui.theme.manager import set_kind
from desktop_voice.ui.widgets.plain_label import plain_label


class LabelledLine(QWidget):
    """One line under its name."""

    def __init__(self, name: str, placeholder: str) -> None:
        super().__init__()
        self.line = QLineEdit()
        self.line.setAccessibleName(name)
        self.line.setPlaceholderText(placeholder)
        self.line.textEdited.connect(lambda _text: self.show_problem(""))
        self.problem = plain_label("", "problem")
        self.problem.hide()
        label = plain_label(name, "label")
        label.setBuddy(self.line)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        for widget in (label, self.line, self.problem):
            column.addWidget(widget)
        self.setFocusProxy(self.line)

    @property
    def value(self) -> str:
        """What was entered, without blanks around it."""
        return self.line.text().strip()

    def show_problem(self, text: str) -> None:
        """Say what is wrong; empty clears."""
        self.problem.setText(text)
        self.problem.setVisible(bool(text))
        set_kind(self.line, "invalid" if text else "plain")
        announce(self.problem, text)
