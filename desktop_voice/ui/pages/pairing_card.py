"""The pairing card: the code that an unknown caller is asked for, and whether to let them in."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from desktop_voice.core.events import PairingRequested
from desktop_voice.ui.announce import announce
from desktop_voice.ui.call_words import facts_text, number_text
from desktop_voice.ui.theme.manager import set_kind
from desktop_voice.ui.visible_text import visible
from desktop_voice.ui.widgets.armed_button import ArmedButton
from desktop_voice.ui.widgets.plain_label import plain_label


class PairingCard(QFrame):
    """Shows the code first; once the caller gave it, ``settled`` carries the user's answer."""

    settled = Signal(bool)

    def __init__(self, request: PairingRequested) -> None:
        super().__init__()
        set_kind(self, "card-question")
        self.call_id = request.call_id
        who = visible(number_text(request.number))
        self.heading = plain_label("Somebody new is calling", "heading")
        facts = facts_text(request.number) if request.number else ""
        self.number = plain_label(" · ".join(part for part in (who, facts) if part), "hint")
        self.code = plain_label(_grouped(request.code), "code")
        self.code.setAccessibleName(f"Code {' '.join(request.code)}")
        self.code.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.advice = plain_label(
            "They are asked for this code. Give it only to somebody you know and want to let in.",
            "hint",
        )
        self.reject = QPushButton("Send away")
        self.reject.setAccessibleName(f"Send {who} away")
        self.reject.clicked.connect(lambda: self._settle(is_let_in=False))
        self.let_in = ArmedButton("Let in")
        set_kind(self.let_in, "primary")
        self.let_in.setAccessibleName(f"Let {who} in")
        self.let_in.clicked.connect(lambda: self._settle(is_let_in=True))
        self.let_in.hide()
        self._is_open = True
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addStretch(1)
        for button in (self.reject, self.let_in):
            button.setMinimumWidth(110)
            buttons.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 14, 20, 18)
        column.setSpacing(8)
        for widget in (self.heading, self.number, self.code, self.advice):
            column.addWidget(widget)
        column.addLayout(buttons)

    def code_given(self) -> None:
        """The caller gave the right code: ask the user."""
        self.heading.setText("The code is right. Let them in?")
        self.code.hide()
        self.advice.setText("They may call again without a code.")
        self.let_in.show()
        announce(self, self.heading.text())

    def _settle(self, *, is_let_in: bool) -> None:
        if not self._is_open:
            return
        self._is_open = False
        self.let_in.retire()
        self.reject.setEnabled(False)
        self.settled.emit(is_let_in)


def _grouped(code: str) -> str:
    """Return a code in groups of four, as people read it out."""
    return "  ".join(code[start : start + 4] for start in range(0, len(code), 4))
