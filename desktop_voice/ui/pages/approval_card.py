"""The approval card: one call in full, and the only place where it can be allowed."""

from __future__ import annotations

from datetime import UTC, datetime

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QMoveEvent, QResizeEvent, QTextOption
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
)

from desktop_voice.core.approvals import Approval, CallOrder
from desktop_voice.core.calls import CallMode
from desktop_voice.core.numbers import display
from desktop_voice.ui.announce import announce
from desktop_voice.ui.call_words import duration_text, facts_text, limit_text, mode_text
from desktop_voice.ui.theme.manager import set_kind
from desktop_voice.ui.visible_text import visible
from desktop_voice.ui.widgets.armed_button import ArmedButton
from desktop_voice.ui.widgets.plain_label import plain_label

_TICK_MS = 250
_TEXT_LINES = 6
_ORIGINS = {
    "assistant": "The assistant wants to make a call",
    "window": "Make this call?",
    "terminal": "A call was asked for on the terminal",
}


class ApprovalCard(QFrame):
    """Shows an :class:`Approval` whole; ``settled`` carries the user's answer, once.

    Nothing of it is shortened, and nothing hidden in it stays hidden. Esc and Enter deny, from
    anywhere in the card but the Call button. After the expiry it only says so; ``closed`` follows
    when the user has read that.
    """

    settled = Signal(bool)
    closed = Signal()

    def __init__(self, approval: Approval) -> None:
        super().__init__()
        set_kind(self, "card-question")
        self.approval = approval
        order = approval.order
        number = visible(display(order.number))
        self.heading = plain_label(_ORIGINS[order.origin], "heading")
        self.number = plain_label(number, "status")
        self.countdown = plain_label("", "label", wraps=False)
        self.message = _full_text(_first_words(order))
        self.deny = QPushButton("Do not call")
        self.deny.setAccessibleDescription(f"Drops the call to {number}")
        self.deny.clicked.connect(self.refuse)
        self.allow = ArmedButton("Call")
        set_kind(self.allow, "primary")
        self.allow.setAccessibleName(f"Call {number}")
        self.allow.clicked.connect(self._allow)
        self.close_button = QPushButton("Close")
        self.close_button.clicked.connect(self.closed)
        self.close_button.hide()
        self.more = plain_label("", "hint")
        self._is_open = True
        self.had_keyboard = False
        """Whether the keyboard was in the card when it was answered."""
        self._build(order)
        self._clock = QTimer(self)
        self._clock.setInterval(_TICK_MS)
        self._clock.timeout.connect(self._tick)
        self._clock.start()
        self._tick()

    @property
    def is_open(self) -> bool:
        """Whether the question can still be answered."""
        return self._is_open

    def take_keyboard(self) -> None:
        """Put the keyboard on the harmless answer."""
        self.deny.setFocus()

    def show_more(self, count: int) -> None:
        """Say how many questions wait behind this one."""
        self.more.setText(f"{count} more waiting" if count else "")
        self.more.setVisible(count > 0)

    def refuse(self) -> None:
        """Answer no, as Esc does."""
        self._settle(is_approved=False)

    def expire(self) -> None:
        """Say that nobody answered in time; the question is over."""
        if not self._is_open:
            return
        self._end()
        self.countdown.setText("Not called")
        self.heading.setText("Nobody answered in time. Nothing was dialled.")
        self.deny.hide()
        self.allow.hide()
        self.close_button.show()
        if self.had_keyboard:
            self.close_button.setFocus()
        announce(self, self.heading.text())

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: D102 - Qt's own name
        denies = (Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if event.key() not in denies:
            super().keyPressEvent(event)
        elif not event.isAutoRepeat():
            self.refuse()

    def moveEvent(self, event: QMoveEvent) -> None:  # noqa: D102 - Qt's own name
        # A button that slid under the pointer was not aimed at.
        super().moveEvent(event)
        self.allow.rearm()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: D102 - Qt's own name
        super().resizeEvent(event)
        self.allow.rearm()

    def _allow(self) -> None:
        if self._seconds_left() <= 0:
            self.expire()
            return
        self._settle(is_approved=True)

    def _settle(self, *, is_approved: bool) -> None:
        if not self._is_open:
            return
        self._end()
        self.settled.emit(is_approved)

    def _end(self) -> None:
        self._is_open = False
        self.had_keyboard = self.isAncestorOf(QApplication.focusWidget() or self)
        self._clock.stop()
        self.allow.retire()

    def _tick(self) -> None:
        left = self._seconds_left()
        if left <= 0:
            self.expire()
        else:
            self.countdown.setText(f"Answer within {duration_text(left + 0.999)}")

    def _seconds_left(self) -> float:
        return (self.approval.expires_at - datetime.now(UTC)).total_seconds()

    def _build(self, order: CallOrder) -> None:
        head = QHBoxLayout()
        head.addWidget(self.heading, 1)
        head.addWidget(self.countdown, 0, Qt.AlignmentFlag.AlignTop)
        grid = QGridLayout()
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        for row, (name, text) in enumerate(_details(order)):
            grid.addWidget(
                plain_label(name, "hint", wraps=False), row, 0, Qt.AlignmentFlag.AlignTop
            )
            grid.addWidget(plain_label(visible(text)), row, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.more, 1)
        buttons.addStretch(1)
        for button in (self.deny, self.allow, self.close_button):
            button.setMinimumWidth(110)
            buttons.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 14, 20, 18)
        column.setSpacing(8)
        column.addLayout(head)
        column.addWidget(self.number)
        column.addWidget(plain_label(facts_text(order.number), "hint"))
        column.addLayout(grid)
        column.addWidget(plain_label(_message_title(order), "hint"))
        column.addWidget(self.message)
        column.addLayout(buttons)
        self.show_more(0)


def _details(order: CallOrder) -> list[tuple[str, str]]:
    rows = [
        ("Kind", mode_text(order.mode)),
        ("From", display(order.own_number) or "Your number at the carrier"),
        ("Through", f"{order.carrier.value.title()}, {order.pipeline.value}"),
        (
            "Limits",
            f"{limit_text(order.soft_limit_s)}, with extensions {limit_text(order.hard_limit_s)}",
        ),
        (
            "Says first",
            f"“{order.disclosure}”"
            if order.disclosure
            else "Nothing tells that an AI is speaking (it is switched off).",
        ),
    ]
    if order.at_night:
        rows.append(("Note", "☾ This call passes over the quiet hours."))
    return rows


def _message_title(order: CallOrder) -> str:
    if order.mode is CallMode.NOTIFY:
        return "Then this message, and hangs up"
    return "Then these words, and talks" if order.message else "Then it talks"


def _first_words(order: CallOrder) -> str:
    return order.message or "(no words of its own)"


def _full_text(text: str) -> QPlainTextEdit:
    view = QPlainTextEdit()
    view.setReadOnly(True)
    view.setTabChangesFocus(True)
    view.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    view.setTextInteractionFlags(
        view.textInteractionFlags() | Qt.TextInteractionFlag.TextSelectableByKeyboard
    )
    view.setPlainText(visible(text))
    view.setAccessibleName("What is said on the call")
    view.ensurePolished()
    lines = min(_TEXT_LINES, max(2, view.document().blockCount() + len(text) // 60))
    view.setFixedHeight(view.fontMetrics().lineSpacing() * lines + 24)
    return view
