"""The record of one call: when, how long, why it ended, and every word of it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from desktop_voice.core.calls import Call, TranscriptLine
from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.core.ports import PhoneControl
from desktop_voice.ui import call_words as words
from desktop_voice.ui.mailbox import Mailbox
from desktop_voice.ui.pages.transcript_entries import entries_of
from desktop_voice.ui.theme.manager import set_kind
from desktop_voice.ui.theme.tokens import Tokens
from desktop_voice.ui.visible_text import visible
from desktop_voice.ui.widgets.conversation import ConversationView
from desktop_voice.ui.widgets.find_bar import FindBar
from desktop_voice.ui.widgets.plain_label import plain_label


class CallRecord(QFrame):
    """Shows a call from the history; ``deleted`` carries the id of one that is forgotten."""

    deleted = Signal(str)

    def __init__(self, phone: PhoneControl, tokens: Tokens) -> None:
        super().__init__()
        set_kind(self, "card")
        self._phone = phone
        self._mailbox = Mailbox(self)
        self.call: Call | None = None
        self.number = plain_label("", "heading")
        self.when = plain_label("", "hint")
        self.reason = plain_label("", "label")
        self.problem = plain_label("", "problem")
        self.view = ConversationView(tokens, user_name="Caller")
        self.view.setAccessibleName("Words of the call")
        self.find_bar = FindBar(self.view)
        self.find_button = QPushButton("Find")
        self.find_button.setToolTip("Find in the words of this call (Ctrl+F)")
        self.find_button.clicked.connect(self.find_bar.open)
        self.copy_button = QPushButton("Copy")
        self.copy_button.setToolTip("Copy date, outcome and all words")
        self.copy_button.clicked.connect(self.copy)
        self.delete_button = QPushButton("Delete…")
        self.delete_button.setToolTip("Forget this call with every word of it (Del)")
        self.delete_button.clicked.connect(self.ask_to_delete)
        self.keep_button = QPushButton("Keep")
        self.keep_button.clicked.connect(self._keep)
        self.confirm_button = QPushButton("Delete for good")
        set_kind(self.confirm_button, "danger")
        self.confirm_button.clicked.connect(self._delete)
        self._question = QFrame()
        self._build()
        self.show_call(None)

    def set_tokens(self, tokens: Tokens) -> None:
        """Use another theme."""
        self.view.set_tokens(tokens)

    def show_call(self, call: Call | None) -> None:
        """Show ``call`` and fetch its words; None shows that nothing is chosen."""
        self.call = call
        self._question.hide()
        self._show_problem("")
        self.view.set_entries([])
        for button in (self.find_button, self.copy_button, self.delete_button):
            button.setVisible(call is not None)
        self.reason.setVisible(call is not None)
        if call is None:
            self.number.setText("No call chosen")
            self.when.setText("Choose one from the list.")
            self.view.set_invitation("")
            return
        self.delete_button.setEnabled(not call.state.is_live)
        self.number.setText(visible(words.number_text(call.number)))
        self.when.setText(_when(call))
        self.reason.setText(" ".join((words.outcome_text(call), visible(call.detail))).strip())
        self.view.set_user_name(words.far_side(call.direction))
        self.view.set_invitation("Fetching the words…")
        self._mailbox.expect(
            self._phone.transcript(call.id),
            lambda lines: self._show_lines(call.id, lines),
            lambda error: self._show_error(call.id, error),
        )

    def copy(self) -> None:
        """Put the record on the clipboard, as text."""
        parts = [self.number.text(), self.when.text(), self.reason.text(), self.view.plain_text()]
        QGuiApplication.clipboard().setText("\n".join(part for part in parts if part))

    def ask_to_delete(self) -> None:
        """Ask whether the call is to be forgotten; nothing for a call that goes on."""
        if self.call is not None and not self.call.state.is_live:
            self._question.show()
            self.keep_button.setFocus()

    def _keep(self) -> None:
        self._question.hide()
        self.delete_button.setFocus()

    def _delete(self) -> None:
        call = self.call
        self._question.hide()
        if call is not None:
            self._mailbox.expect(
                self._phone.delete_call(call.id),
                lambda _none: self.deleted.emit(call.id),
                lambda error: self._show_error(call.id, error),
            )

    def _show_lines(self, call_id: str, lines: Sequence[TranscriptLine]) -> None:
        if self.call is not None and self.call.id == call_id:
            self.view.set_invitation("Nothing was said on this call.")
            self.view.set_entries(entries_of(lines))
            self.view.moveCursor(self.view.textCursor().MoveOperation.Start)
            self.view.verticalScrollBar().setValue(0)

    def _show_error(self, call_id: str, error: DesktopVoiceError) -> None:
        if self.call is not None and self.call.id == call_id:
            self.view.set_invitation("")
            self._show_problem(f"{error.what} {error.do}")

    def _show_problem(self, text: str) -> None:
        self.problem.setText(text)
        self.problem.setVisible(bool(text))

    def _build(self) -> None:
        set_kind(self._question, "banner-error")
        ask = QVBoxLayout(self._question)
        ask.setContentsMargins(12, 8, 12, 8)
        ask.addWidget(plain_label("Forget this call and every word of it?", "label"))
        answers = QHBoxLayout()
        answers.addStretch(1)
        answers.addWidget(self.keep_button)
        answers.addWidget(self.confirm_button)
        ask.addLayout(answers)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addStretch(1)
        for button in (self.find_button, self.copy_button, self.delete_button):
            buttons.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 14, 20, 18)
        column.setSpacing(6)
        for label in (self.number, self.when, self.reason, self.problem):
            column.addWidget(label)
        column.addWidget(self.find_bar)
        column.addWidget(self.view, 1)
        column.addWidget(self._question)
        column.addLayout(buttons)


def _when(call: Call) -> str:
    spent = words.talk_time(call, call.ended_at or call.answered_at or call.created_at)
    parts = [
        words.when_text(call.created_at),
        words.duration_text(spent.total_seconds()) if spent is not None else "not answered",
        words.direction_text(call.direction),
        words.mode_text(call.mode),
        call.carrier.value.title(),
        call.pipeline.value,
    ]
    return " · ".join(parts)
