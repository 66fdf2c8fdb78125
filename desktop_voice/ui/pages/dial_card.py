"""The dial card: whom to call, how, and with which words."""

from __future__ import annotations

from datetime import datetime, time

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
)

from desktop_voice.core.calls import CallMode, CarrierName
from desktop_voice.core.errors import PhoneError
from desktop_voice.core.phone_settings import CallLimitSettings
from desktop_voice.core.settings import Settings
from desktop_voice.ui.announce import announce
from desktop_voice.ui.call_words import facts_text
from desktop_voice.ui.theme.manager import set_kind
from desktop_voice.ui.widgets.dial_field import DialField
from desktop_voice.ui.widgets.plain_label import plain_label
from desktop_voice.ui.widgets.segments import Segments
from desktop_voice.ui.widgets.switch import Switch

_MAX_MESSAGE = 4000
_ANSWER_WAIT_MS = 4000
_PLACEHOLDERS = {
    CallMode.NOTIFY: "The message that is spoken",
    CallMode.CONVERSATION: "What the call is about, as its first words",
}


class DialCard(QFrame):
    """Asks for calls; nothing is dialled before its approval.

    ``call_wanted`` carries number (E.164), mode, message and whether the quiet hours are to be
    passed over. ``rehearsal_wanted`` carries a carrier's name.
    """

    call_wanted = Signal(str, object, str, bool)
    rehearsal_wanted = Signal(str)

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        set_kind(self, "card")
        self._limits = settings.limits
        self.number = DialField(settings.limits.home_region)
        self.number.setPlaceholderText("Number, such as +1 415 555 0123")
        self.number.setAccessibleName("Number to call")
        self.number.textChanged.connect(self._on_number)
        self.number.editingFinished.connect(self._check)
        self.number.returnPressed.connect(self._call)
        self.facts = plain_label("", "hint")
        self.mode = Segments(
            (
                (CallMode.NOTIFY.value, "Notify", "Speak a message, then hang up"),
                (CallMode.CONVERSATION.value, "Conversation", "Talk until a side hangs up"),
            ),
            "Kind of call",
        )
        self.mode.picked.connect(self._on_mode)
        self.message = QPlainTextEdit()
        self.message.setTabChangesFocus(True)
        self.message.setAccessibleName("Message")
        self.message.textChanged.connect(self._show_problem)
        self.at_night = Switch()
        self.at_night.setText("Call in the quiet hours")
        self.problem = plain_label("", "problem")
        self.call = QPushButton("Call…")
        set_kind(self.call, "primary")
        self.call.setToolTip("Asks once more before anything is dialled")
        self.call.clicked.connect(self._call)
        self.rehearse = QPushButton("Rehearse")
        self.rehearse.setToolTip("A whole call on this machine, without an account")
        self.rehearse.setMenu(self._carriers())
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(_ANSWER_WAIT_MS)
        self._wait.timeout.connect(self.answered)
        self._build()
        self.use_settings(settings)
        self._on_mode()
        self._show_problem()

    def use_settings(self, settings: Settings) -> None:
        """Take home country and quiet hours from ``settings``."""
        self._limits = settings.limits
        self.number.set_region(settings.limits.home_region)
        self.tick()

    def tick(self) -> None:
        """Show the switch for the quiet hours while they last; call about once a minute."""
        is_night = is_quiet(datetime.now().astimezone().time(), self._limits)
        self.at_night.setVisible(is_night)
        if not is_night:
            self.at_night.setChecked(False)

    def answered(self) -> None:
        """Take the next wish: the last one became a question, or was refused."""
        self._wait.stop()
        self.call.setEnabled(True)

    def clear(self) -> None:
        """Empty the fields, after a call was approved."""
        self.number.clear()
        self.message.clear()
        self.at_night.setChecked(False)

    def _build(self) -> None:
        heading = QLabel("New call")
        set_kind(heading, "heading")
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.call, 1)
        buttons.addWidget(self.rehearse)
        self.message.setMinimumHeight(self.fontMetrics().lineSpacing() * 4 + 20)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 14, 20, 20)
        column.setSpacing(8)
        column.addWidget(heading)
        column.addWidget(self.number)
        column.addWidget(self.facts)
        column.addWidget(self.mode)
        column.addWidget(self.message, 1)
        column.addWidget(self.at_night)
        column.addWidget(self.problem)
        column.addLayout(buttons)

    def _carriers(self) -> QMenu:
        menu = QMenu(self)
        for carrier in CarrierName:
            name = carrier.value
            menu.addAction(carrier.value.title()).triggered.connect(
                lambda _on=False, name=name: self.rehearsal_wanted.emit(name)
            )
        return menu

    def _on_number(self) -> None:
        self._show_problem()
        try:
            self.facts.setText(facts_text(self.number.number()))
        except PhoneError:
            self.facts.setText("")

    def _on_mode(self, _key: str = "") -> None:
        self.message.setPlaceholderText(_PLACEHOLDERS[CallMode(self.mode.value)])
        self._show_problem()

    def _check(self) -> None:
        """Say why a number cannot be called, once it was left."""
        if self.number.text().strip():
            try:
                self.number.number()
            except PhoneError as error:
                self._show_problem(f"{error.what} {error.do}", is_number=True)

    def _call(self) -> None:
        if not self.call.isEnabled():
            return
        try:
            number = self.number.number()
        except PhoneError as error:
            self._show_problem(f"{error.what} {error.do}", is_number=True)
            self.number.setFocus()
            return
        mode = CallMode(self.mode.value)
        message = self.message.toPlainText().strip()
        if mode is CallMode.NOTIFY and not message:
            self._show_problem("There is no message yet. Write what is to be spoken.")
            self.message.setFocus()
            return
        if len(message) > _MAX_MESSAGE:
            self._show_problem(
                f"The message has {len(message)} characters. Shorten it to {_MAX_MESSAGE}."
            )
            self.message.setFocus()
            return
        self._show_problem()
        # A second click would ask a second time.
        self.call.setEnabled(False)
        self._wait.start()
        self.call_wanted.emit(number, mode, message, self.at_night.isChecked())

    def _show_problem(self, text: str = "", *, is_number: bool = False) -> None:
        if self.problem.text() != text:
            self.problem.setText(text)
            announce(self.problem, text)
        self.problem.setVisible(bool(text))
        set_kind(self.number, "invalid" if is_number else "plain")


def is_quiet(now: time, limits: CallLimitSettings) -> bool:
    """Return whether ``now``, a local time of day, lies in the quiet hours."""
    start, end = time.fromisoformat(limits.quiet_from), time.fromisoformat(limits.quiet_until)
    if start <= end:
        return start <= now < end
    return now >= start or now < end
