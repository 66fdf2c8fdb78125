"""The card of a call that goes on: its state, both sides' words, and what can be done."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from desktop_voice.core.calls import Call, CallState, TranscriptLine
from desktop_voice.core.events import AssistantTurn, UserTurn
from desktop_voice.ui import call_words as words
from desktop_voice.ui.announce import announce
from desktop_voice.ui.pages.transcript_entries import entries_of
from desktop_voice.ui.theme.manager import set_kind
from desktop_voice.ui.theme.tokens import Tokens
from desktop_voice.ui.visible_text import visible
from desktop_voice.ui.widgets.conversation import ConversationView
from desktop_voice.ui.widgets.keypad import Keypad
from desktop_voice.ui.widgets.live_words import LiveWords
from desktop_voice.ui.widgets.plain_label import plain_label

_MAX_SAID = 1000
_VIEW_LINES = 11


class LiveCallCard(QFrame):
    """One call; after its end the card says why, until it is closed."""

    hang_up = Signal()
    extend = Signal()
    speak = Signal(str)
    key_pressed = Signal(str)
    closed = Signal()

    def __init__(self, call: Call, tokens: Tokens) -> None:
        super().__init__()
        set_kind(self, "card")
        self.call = call
        who = visible(words.number_text(call.number))
        self.shape = plain_label("", "call-idle", wraps=False)
        self.number = plain_label(who, "heading")
        self.state = plain_label("", "label")
        self.details = plain_label("", "hint")
        self.timer = plain_label("", "timer", wraps=False)
        self.timer.setAccessibleDescription("How long the call has been going on")
        self.expand = _button("Words", f"Show or hide what is said with {who}")
        self.expand.setCheckable(True)
        set_kind(self.expand, "toggle")
        self.expand.toggled.connect(self._show_body)
        self.hang_up_button = _button("Hang up", f"Hang up {who}", "danger")
        self.hang_up_button.setMinimumWidth(110)
        self.hang_up_button.clicked.connect(self.hang_up)
        self.close_button = _button("Close", f"Close the card of the call with {who}")
        self.close_button.clicked.connect(self.closed)
        self.extend_button = _button("+5 min", f"Give the call with {who} five more minutes")
        self.extend_button.clicked.connect(self._extend)
        self.extend_button.hide()
        self.view = ConversationView(tokens, user_name=words.far_side(call.direction))
        self.view.setAccessibleName(f"Words of the call with {who}")
        self.view.ensurePolished()
        self.view.setFixedHeight(self.view.fontMetrics().lineSpacing() * _VIEW_LINES)
        self.view.set_invitation("What both sides say appears here.")
        self.live = LiveWords()
        self.say_field = QLineEdit()
        self.say_field.setPlaceholderText("Say on the call")
        self.say_field.setAccessibleName(f"Say on the call with {who}")
        self.say_field.setMaxLength(_MAX_SAID)
        self.say_field.returnPressed.connect(self._say)
        self.say_field.textChanged.connect(self._on_say_text)
        self.say_button = _button("Say", f"Say it on the call with {who}")
        self.say_button.setEnabled(False)
        self.say_button.clicked.connect(self._say)
        self.keypad_button = _button("Keypad", f"Show or hide the keypad for {who}")
        self.keypad_button.setCheckable(True)
        set_kind(self.keypad_button, "toggle")
        self.keypad = Keypad()
        self.keypad.pressed.connect(self.key_pressed)
        self.keypad.hide()
        self.keypad_button.toggled.connect(self.keypad.setVisible)
        self._limit_near = False
        self._build()
        self.show_call(call)

    @property
    def is_expanded(self) -> bool:
        """Whether the words are on show."""
        return self.expand.isChecked()

    def set_expanded(self, is_expanded: bool) -> None:
        """Show or hide the words."""
        self.expand.setChecked(is_expanded)

    def set_tokens(self, tokens: Tokens) -> None:
        """Use another theme."""
        self.view.set_tokens(tokens)

    def show_call(self, call: Call) -> None:
        """Show the call as it stands now."""
        before, self.call = self.call, call
        state = words.state_text(call.state)
        self.shape.setText(words.state_shape(call.state))
        set_kind(self.shape, _shape_kind(call.state))
        self.shape.setAccessibleName(state)
        is_live = call.state.is_live
        self.state.setText(state if is_live else f"{state}. {call.reason.text}".strip())
        self.details.setText(_details(call))
        if call.soft_limit_s > before.soft_limit_s or not is_live:
            self._limit_near = False
            self.extend_button.hide()
        self.hang_up_button.setVisible(is_live)
        self.close_button.setVisible(not is_live)
        can_talk = call.state in (CallState.ANSWERED, CallState.TALKING)
        for widget in (self.say_field, self.keypad_button):
            widget.setVisible(is_live)
            widget.setEnabled(can_talk)
        self.say_button.setVisible(is_live)
        self._on_say_text()
        if not can_talk:
            self.keypad_button.setChecked(False)
        if not is_live:
            self.live.show_words("")
        if call.state is not before.state:
            announce(self, f"{self.number.text()}: {self.state.text()}")

    def tick(self, now: datetime) -> None:
        """Show the time; call once a second. ``now`` is UTC."""
        spent = words.talk_time(self.call, now)
        self.timer.setText(words.duration_text(spent.total_seconds()) if spent is not None else "")
        self.timer.setVisible(spent is not None)
        if self._limit_near and spent is not None:
            self._show_left(self.call.soft_limit_s - spent.total_seconds())

    def limit_near(self, seconds_left: int) -> None:
        """Offer more time, unless the call is at its longest: it is about to end."""
        self._limit_near = True
        self._show_left(seconds_left)
        self.extend_button.show()
        announce(self, f"The call with {self.number.text()} ends in {seconds_left} seconds")

    # --- what is said ---

    def fill(self, lines: Sequence[TranscriptLine]) -> None:
        """Show what was said before this card was there, unless more is known by now."""
        if len(lines) > len(self.view.entries):
            self.view.set_entries(entries_of(lines))

    def show_partial(self, text: str) -> None:
        """Show words of the far side that are still open."""
        self.live.show_words(f"{words.far_side(self.call.direction)}: {text}…" if text else "")

    def add_far_turn(self, turn: UserTurn) -> None:
        """Show a whole turn of the far side."""
        self.live.show_words("")
        self.view.add_user(f"Keys {turn.text}" if turn.source == "dtmf" else turn.text)

    def extend_reply(self, text: str) -> None:
        """Show a further piece of our side's reply."""
        self.view.extend_reply(text)

    def finish_reply(self, turn: AssistantTurn) -> None:
        """Show a whole reply, and what of it was not heard."""
        self.view.finish_reply(turn.text, turn.heard)

    def show_tool(self, name: str) -> None:
        """Say that a tool ran."""
        self.live.show_words(f"The assistant used {visible(name)}")

    # --- inside ---

    def _show_left(self, seconds: float) -> None:
        left = words.duration_text(seconds)
        can_extend = self.call.soft_limit_s < self.call.hard_limit_s
        self.extend_button.setText(f"+5 min ({left} left)" if can_extend else f"{left} left")
        self.extend_button.setEnabled(can_extend)

    def _extend(self) -> None:
        self._limit_near = False
        self.extend_button.hide()
        self.extend.emit()

    def _say(self) -> None:
        text = self.say_field.text().strip()
        if text and self.say_field.isEnabled():
            self.say_field.clear()
            self.speak.emit(text)

    def _on_say_text(self, _text: str = "") -> None:
        can_say = self.say_field.isEnabled() and bool(self.say_field.text().strip())
        self.say_button.setEnabled(can_say)

    def _show_body(self, is_shown: bool) -> None:
        self._body.setVisible(is_shown)

    def _build(self) -> None:
        name = QVBoxLayout()
        name.setSpacing(1)
        name.addWidget(self.number)
        name.addWidget(self.state)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.shape, 0, Qt.AlignmentFlag.AlignTop)
        head.addLayout(name, 1)
        for widget in (self.timer, self.expand, self.hang_up_button, self.close_button):
            head.addWidget(widget, 0, Qt.AlignmentFlag.AlignTop)
        second = QHBoxLayout()
        second.setSpacing(8)
        second.addWidget(self.details, 1)
        second.addWidget(self.extend_button)
        say = QHBoxLayout()
        say.setSpacing(8)
        say.addWidget(self.say_field, 1)
        say.addWidget(self.say_button)
        say.addWidget(self.keypad_button)
        self._body = QWidget()
        body = QVBoxLayout(self._body)
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(8)
        body.addWidget(self.view)
        body.addWidget(self.live)
        body.addLayout(say)
        body.addWidget(self.keypad)
        self._body.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 12, 18, 14)
        column.setSpacing(6)
        column.addLayout(head)
        column.addLayout(second)
        column.addWidget(self._body)


def _details(call: Call) -> str:
    parts = [
        f"{words.direction_shape(call.direction)} {words.direction_text(call.direction)}",
        words.mode_text(call.mode),
        call.carrier.value.title(),
        call.pipeline.value,
    ]
    if call.detail:
        parts.append(visible(call.detail))
    return " · ".join(parts)


def _shape_kind(state: CallState) -> str:
    if state in (CallState.ANSWERED, CallState.TALKING):
        return "call-talking"
    if state in (CallState.ENDING, CallState.ENDED):
        return "call-ending"
    return "call-idle"


def _button(text: str, name: str, kind: str = "") -> QPushButton:
    button = QPushButton(text)
    button.setAccessibleName(name)
    if kind:
        set_kind(button, kind)
    return button
