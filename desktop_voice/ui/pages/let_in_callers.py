"""Callers who were let in with a code, each with a button that takes it back."""

from __future__ import annotations

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from desktop_voice.core.callers import PairedCaller
from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.core.ports import PhoneControl
from desktop_voice.ui.announce import announce
from desktop_voice.ui.bridge import Bridge
from desktop_voice.ui.call_words import number_text, when_text
from desktop_voice.ui.mailbox import Mailbox
from desktop_voice.ui.pages.setting_row import RESET_WIDTH_PX, SPACING_PX
from desktop_voice.ui.visible_text import visible
from desktop_voice.ui.widgets.plain_label import plain_label

_TITLE = "Callers who were let in"
_HELP = "They gave the code once and need none any more. Whoever is removed is asked for one again."


class LetInCallers(QWidget):
    """Takes no room while nobody was let in; asks the phone whenever that may have changed."""

    def __init__(self, phone: PhoneControl, bridge: Bridge) -> None:
        super().__init__()
        self._phone = phone
        self._mailbox = Mailbox(self)
        self.callers: tuple[PairedCaller, ...] = ()
        self.remove_buttons: dict[str, QPushButton] = {}
        self.problem = plain_label("", "problem")
        self.problem.hide()
        self._rows: list[QWidget] = []
        self._removing: set[str] = set()
        # Inside, so that this widget itself is told when its page is shown.
        self.box = QWidget()
        self._items = QVBoxLayout()
        self._items.setSpacing(2)
        column = QVBoxLayout(self.box)
        column.setContentsMargins(0, 8, 0, 8)
        column.setSpacing(2)
        column.addWidget(plain_label(_TITLE, "label"))
        column.addWidget(plain_label(_HELP, "help"))
        column.addSpacing(4)
        column.addLayout(self._items)
        column.addWidget(self.problem)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.box)
        self.box.hide()
        for signal in (bridge.pairing_settled, bridge.caller_removed, bridge.phone_status):
            signal.connect(self._on_change)

    def filter(self, words: str, *, is_whole: bool) -> bool:
        """Show the list if its section or a search's ``words`` match; return whether they do."""
        numbers = " ".join(
            f"{caller.number} {number_text(caller.number)}" for caller in self.callers
        )
        text = f"{_TITLE} {_HELP} pairing {numbers}".casefold()
        is_hit = is_whole or all(word in text for word in words.casefold().split())
        self.setVisible(is_hit)
        return is_hit and not self.box.isHidden()

    def refresh(self) -> None:
        """Ask who was let in."""
        self._mailbox.expect(self._phone.paired_callers(), self._show, self._show_problem)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: D102 - Qt's own name
        super().showEvent(event)
        self.refresh()

    def _on_change(self, _event: object) -> None:
        if self.isVisible():
            self.refresh()

    def _show(self, callers: list[PairedCaller]) -> None:
        self._tell("")
        self.box.setVisible(bool(callers))
        if tuple(callers) == self.callers:
            return
        buttons = enumerate(self.remove_buttons.values())
        had_keyboard = next((row for row, button in buttons if button.hasFocus()), None)
        self.callers = tuple(callers)
        for row in self._rows:
            self._items.removeWidget(row)
            row.hide()
            row.deleteLater()
        self._rows, self.remove_buttons = [], {}
        for caller in callers:
            self._add_row(caller)
        if had_keyboard is not None and callers:
            number = callers[min(had_keyboard, len(callers) - 1)].number
            self.remove_buttons[number].setFocus()

    def _add_row(self, caller: PairedCaller) -> None:
        who = visible(
            " · ".join(part for part in (number_text(caller.number), caller.label) if part)
        )
        button = QPushButton("Remove")
        button.setAccessibleName(f"Remove {who}")
        button.clicked.connect(lambda: self._remove(caller.number, who))
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(plain_label(who))
        words.addWidget(plain_label(f"Since {when_text(caller.at)}", "help"))
        row = QWidget()
        line = QHBoxLayout(row)
        line.setSpacing(0)
        line.setContentsMargins(0, 4, 0, 4)
        line.addLayout(words, 1)
        line.addWidget(button)
        # In line with the settings above, each of which can be reset.
        line.addSpacing(SPACING_PX + RESET_WIDTH_PX)
        self._items.addWidget(row)
        self._rows.append(row)
        self.remove_buttons[caller.number] = button

    def _remove(self, number: str, who: str) -> None:
        if number in self._removing:
            return
        self._removing.add(number)

        def done(_nothing: None) -> None:
            self._removing.discard(number)
            announce(self, f"{who} is asked for a code from now on.")
            self.refresh()

        def failed(error: DesktopVoiceError) -> None:
            self._removing.discard(number)
            self._show_problem(error)

        self._mailbox.expect(self._phone.remove_caller(number), done, failed)

    def _show_problem(self, error: DesktopVoiceError) -> None:
        if not error.retryable:
            # Else it is not running yet, and there is nothing to show.
            self.box.show()
        self._tell(f"{error.what} {error.do}")

    def _tell(self, text: str) -> None:
        self.problem.setText(visible(text))
        self.problem.setVisible(bool(text))
        announce(self.problem, text)
