"""The option list: a few choices below each other, each with a sentence about it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QButtonGroup, QRadioButton, QVBoxLayout, QWidget

from desktop_voice.ui.widgets.plain_label import plain_label

_INDENT_PX = 29


class OptionList(QWidget):
    """A choice among a few; Tab reaches the list, the arrow keys choose, as does a click.

    ``picked`` carries the key of the user's choice.

    Args:
        choices: Key, title and description of each; none is chosen at first.
        name: What is chosen, for screen readers.
    """

    picked = Signal(str)

    def __init__(self, choices: Sequence[tuple[str, str, str]], name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.buttons: dict[str, QRadioButton] = {}
        self._group = QButtonGroup(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        for key, title, detail in choices:
            button = QRadioButton(title)
            button.setAccessibleName(f"{name}: {title}")
            button.setAccessibleDescription(detail)
            button.clicked.connect(lambda _on=False, key=key: self.picked.emit(key))
            self._group.addButton(button)
            self.buttons[key] = button
            column.addWidget(_Option(button, detail))
        self._group.buttonToggled.connect(self._lead_tab)
        self._lead_tab()

    @property
    def value(self) -> str:
        """The key of what is chosen; empty while nothing is."""
        return next((key for key, button in self.buttons.items() if button.isChecked()), "")

    def set_value(self, value: str) -> None:
        """Choose ``value`` without telling anybody."""
        self.buttons[value].setChecked(True)

    def _lead_tab(self) -> None:
        """Lead Tab to what is chosen; Qt itself does so only once a button had the keyboard."""
        stop = self._group.checkedButton() or next(iter(self.buttons.values()))
        self.setFocusProxy(stop)
        for button in self.buttons.values():
            policy = Qt.FocusPolicy.StrongFocus if button is stop else Qt.FocusPolicy.ClickFocus
            button.setFocusPolicy(policy)


class _Option(QWidget):
    """A radio button over its description; a click on either takes it."""

    def __init__(self, button: QRadioButton, detail: str) -> None:
        super().__init__()
        self._button = button
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(button)
        words = plain_label(detail, "help")
        words.setContentsMargins(_INDENT_PX, 0, 0, 0)
        column.addWidget(words)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        is_hit = self.rect().contains(event.position().toPoint())
        if event.button() is Qt.MouseButton.LeftButton and is_hit:
            self._button.setFocus()
            self._button.click()
