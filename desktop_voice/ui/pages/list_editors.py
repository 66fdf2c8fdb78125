"""Editors for lists of phone numbers and of countries: add, remove, and say what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from desktop_voice.core.errors import PhoneError
from desktop_voice.core.numbers import display, read_number
from desktop_voice.ui.announce import announce
from desktop_voice.ui.call_words import country_text
from desktop_voice.ui.pages.setting_editor import EDITOR_WIDTH_PX, Editor
from desktop_voice.ui.pages.setting_spec import FieldSpec
from desktop_voice.ui.theme.manager import set_kind
from desktop_voice.ui.widgets.plain_label import plain_label

Region = Callable[[], str]


class ItemListEditor(Editor):
    """Base of the two: a line to add from, and a row with a cross for each item."""

    def __init__(self, spec: FieldSpec, placeholder: str) -> None:
        super().__init__(spec)
        self._values: list[str] = []
        self.line = QLineEdit()
        self.line.setPlaceholderText(placeholder)
        self.line.returnPressed.connect(self._add)
        self.line.textChanged.connect(self._on_text)
        self.add_button = QPushButton("Add")
        self.add_button.setAccessibleName(f"Add to {spec.title}")
        self.add_button.setEnabled(False)
        self.add_button.clicked.connect(self._add)
        self.problem = plain_label("", "problem")
        self.problem.hide()
        self.remove_buttons: dict[str, QPushButton] = {}
        self._rows: list[QWidget] = []
        self._items = QVBoxLayout()
        self._items.setSpacing(2)
        entry = QHBoxLayout()
        entry.setSpacing(6)
        self._take(self.line)
        self._row.removeWidget(self.line)
        entry.addWidget(self.line, 1)
        entry.addWidget(self.add_button)
        column = QVBoxLayout()
        column.setSpacing(4)
        column.addLayout(self._items)
        column.addLayout(entry)
        column.addWidget(self.problem)
        self._row.addLayout(column)
        self.setFixedWidth(EDITOR_WIDTH_PX)

    def read(self, text: str) -> str:
        """Return the item that ``text`` means.

        Raises:
            ValueError: It means none; the message says why.
        """
        raise NotImplementedError  # Qt's metaclass leaves no room for abstract methods.

    def show_item(self, value: str) -> str:
        """Return an item as people read it."""
        raise NotImplementedError  # Qt's metaclass leaves no room for abstract methods.

    def set_value(self, value: Any) -> None:  # noqa: ANN401, D102 - see Editor
        self._values = list(value)
        for row in self._rows:
            self._items.removeWidget(row)
            row.hide()
            row.deleteLater()
        self._rows = []
        self.remove_buttons = {}
        for item in self._values:
            self._add_row(item)

    def _add_row(self, item: str) -> None:
        row = QWidget()
        shown = self.show_item(item)
        button = QPushButton("✕")
        set_kind(button, "quiet")
        button.setAccessibleName(f"Remove {shown} from {self.spec.title}")
        button.setToolTip("Remove")
        button.clicked.connect(lambda: self._remove(item))
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(plain_label(shown), 1)
        line.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        self._items.addWidget(row)
        self._rows.append(row)
        self.remove_buttons[item] = button

    def _add(self) -> None:
        text = self.line.text().strip()
        if not text:
            return
        try:
            item = self.read(text)
        except ValueError as error:
            self._show_problem(str(error))
            return
        if item in self._values:
            self._show_problem(f"{self.show_item(item)} is on the list already.")
            return
        self.line.clear()
        self.edited.emit([*self._values, item])

    def _remove(self, item: str) -> None:
        self.line.setFocus()
        self.edited.emit([value for value in self._values if value != item])

    def _on_text(self, text: str) -> None:
        self.add_button.setEnabled(bool(text.strip()))
        self._show_problem("")

    def _show_problem(self, text: str) -> None:
        self.problem.setText(text)
        self.problem.setVisible(bool(text))
        set_kind(self.line, "invalid" if text else "plain")
        announce(self.problem, text)


class NumberListEditor(ItemListEditor):
    """Phone numbers; those without a country are read as the home country's."""

    def __init__(self, spec: FieldSpec, region: Region) -> None:
        super().__init__(spec, "+1 415 555 0123")
        self._region = region

    def read(self, text: str) -> str:  # noqa: D102 - see the base
        try:
            return read_number(text, self._region())
        except PhoneError as error:
            raise ValueError(f"{error.what} {error.do}") from error

    def show_item(self, value: str) -> str:  # noqa: D102 - see the base
        return display(value)


class RegionListEditor(ItemListEditor):
    """Countries by their two letters."""

    def __init__(self, spec: FieldSpec) -> None:
        super().__init__(spec, "Two letters, like DE")

    def read(self, text: str) -> str:  # noqa: D102 - see the base
        code = text.upper()
        if not country_text(code):
            raise ValueError("There is no such country. Two letters name one, like US or DE.")
        return code

    def show_item(self, value: str) -> str:  # noqa: D102 - see the base
        return f"{value} · {country_text(value) or 'unknown'}"
