"""The conversation's card: the turns, find and copy, and the line to type into."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout

from desktop_voice.ui.theme.manager import set_kind
from desktop_voice.ui.theme.tokens import Tokens
from desktop_voice.ui.widgets.conversation import ConversationView
from desktop_voice.ui.widgets.find_bar import FindBar

_MAX_LINE = 4000


class ConversationCard(QFrame):
    """``submitted`` carries a typed line that is not blank."""

    submitted = Signal(str)

    def __init__(self, tokens: Tokens) -> None:
        super().__init__()
        set_kind(self, "card")
        self.view = ConversationView(tokens)
        self.find_bar = FindBar(self.view)
        self.line = QLineEdit()
        self.line.setPlaceholderText("Type instead of talking")
        self.line.setAccessibleName("Type to the assistant")
        self.line.setMaxLength(_MAX_LINE)
        self.line.returnPressed.connect(self._submit)
        self.line.textChanged.connect(self._line_changed)
        self._send = QPushButton("Send")
        self._send.setEnabled(False)
        self._send.clicked.connect(self._submit)
        self._build()

    def _submit(self) -> None:
        text = self.line.text().strip()
        if text:
            # Unlike clear(), this forgets what Undo would bring back: it may have been a key.
            self.line.setText("")
            self.submitted.emit(text)

    def _line_changed(self, text: str) -> None:
        self._send.setEnabled(bool(text.strip()))

    def _copy_all(self) -> None:
        QGuiApplication.clipboard().setText(self.view.plain_text())

    def _build(self) -> None:
        heading = QLabel("Conversation")
        set_kind(heading, "heading")
        find = _quiet_button("Find", "Find in the conversation (Ctrl+F)")
        find.clicked.connect(self.find_bar.open)
        copy = _quiet_button("Copy all", "Copy the whole conversation")
        copy.clicked.connect(self._copy_all)
        head = QHBoxLayout()
        head.addWidget(heading)
        head.addStretch(1)
        head.addWidget(find)
        head.addWidget(copy)
        composer = QHBoxLayout()
        composer.setSpacing(8)
        composer.addWidget(self.line, 1)
        composer.addWidget(self._send)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 14, 20, 20)
        column.setSpacing(8)
        column.addLayout(head)
        column.addWidget(self.find_bar)
        column.addWidget(self.view, 1)
        column.addLayout(composer)


def _quiet_button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    set_kind(button, "quiet")
    button.setToolTip(tip)
    button.setAccessibleDescription(tip)
    return button
