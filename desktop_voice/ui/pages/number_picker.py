"""The number picker: which of the account's numbers takes the calls."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from desktop_voice.core.numbers import display
from desktop_voice.core.reach import NumberChoice
from desktop_voice.ui.announce import announce
from desktop_voice.ui.pages.setting_editor import ignore_idle_wheel
from desktop_voice.ui.theme.manager import set_kind
from desktop_voice.ui.visible_text import visible
from desktop_voice.ui.widgets.pick_box import PickBox
from desktop_voice.ui.widgets.plain_label import plain_label

_NUMBER_CHARACTERS = 22


class NumberPicker(QWidget):
    """Shows the only number, offers several, and says how to get one when there is none.

    ``search_wanted`` asks for the account's numbers.
    """

    search_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._choices: tuple[NumberChoice, ...] = ()
        self.text = plain_label("", "hint")
        self.box = PickBox()
        self.box.setAccessibleName("Number")
        # A number is never cut short; its label may be.
        self.box.setMinimumContentsLength(_NUMBER_CHARACTERS)
        self.box.setSizeAdjustPolicy(PickBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.currentIndexChanged.connect(self._show_label)
        ignore_idle_wheel(self.box)
        self.label = plain_label("", "hint")
        self.search = QPushButton("Find my numbers")
        self.search.clicked.connect(self.search_wanted)
        row = QHBoxLayout()
        row.addWidget(self.search)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        for widget in (self.text, self.box, self.label):
            column.addWidget(widget)
        column.addLayout(row)
        self.show_unknown()

    @property
    def value(self) -> str:
        """The number that was picked, in E.164; empty if none is, or none is known."""
        return self.box.currentData() or ""

    def show_unknown(self) -> None:
        """Nothing is known of the account's numbers yet."""
        self._show((), "Once its keys are entered, the numbers of your account appear here.")

    def show_search(self) -> None:
        """The account is being asked."""
        self._show((), "Asking for your numbers…")

    def show_problem(self, text: str) -> None:
        """The account did not tell its numbers."""
        self._show((), visible(text), kind="problem")
        announce(self.text, text)

    def show_numbers(self, choices: Sequence[NumberChoice], chosen: str, buy: str) -> None:
        """Offer ``choices``; ``chosen`` is picked if it is among them, and an only one as well."""
        self._choices = tuple(choices)
        if not choices:
            text = f"This account has no number that takes calls. {buy} Then look again."
            self._show((), text, kind="problem")
        elif len(choices) == 1:
            self._show(self._choices, "The only number of your account.")
        else:
            self._show(self._choices, "Which of your numbers shall the assistant answer?")
            self.box.setCurrentIndex(
                next((i for i, c in enumerate(choices, start=1) if c.number == chosen), 0)
            )
        announce(self.text, self.text.text())

    def focus(self) -> None:
        """Bring the keyboard to the choice, as soon as there is one."""
        (self.search if self.box.isHidden() else self.box).setFocus()

    def _show(self, choices: tuple[NumberChoice, ...], text: str, kind: str = "hint") -> None:
        self._choices = choices
        self.text.setText(text)
        set_kind(self.text, kind)
        self.search.setText("Look again" if choices or kind == "problem" else "Find my numbers")
        self.box.blockSignals(True)
        self.box.clear()
        if len(choices) > 1:
            self.box.addItem("Choose a number", "")
        for choice in choices:
            self.box.addItem(display(choice.number), choice.number)
        self.box.blockSignals(False)
        self.box.setVisible(bool(choices))
        self._show_label()
        if choices and self.search.hasFocus():
            self.box.setFocus()

    def _show_label(self, _index: int = 0) -> None:
        labels = {choice.number: choice.label for choice in self._choices}
        self.label.setText(visible(labels.get(self.value, "")))
        self.label.setVisible(bool(self.label.text()))
