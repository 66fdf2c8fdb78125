"""The navigation: the pages' buttons on the left, and the keys that work everywhere."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QFrame, QLabel, QSizePolicy, QVBoxLayout

from desktop_voice.ui.theme.manager import set_kind
from desktop_voice.ui.theme.tokens import Tokens
from desktop_voice.ui.widgets.nav_button import NavButton

_WIDTH_PX = 172


class Navigation(QFrame):
    """A column of page buttons; the first added is the one that is shown at the start."""

    def __init__(self, tokens: Tokens) -> None:
        super().__init__()
        set_kind(self, "nav")
        self.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Preferred)
        self._tokens = tokens
        self._buttons: dict[str, NavButton] = {}
        self._column = QVBoxLayout()
        self._column.setSpacing(4)
        self._keys = QLabel()
        set_kind(self._keys, "hint")
        self._keys.setContentsMargins(10, 0, 0, 0)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 14, 8, 14)
        # Unlike a minimum width, a strut leaves room for larger type.
        column.addStrut(_WIDTH_PX - 16)
        column.addLayout(self._column)
        column.addStretch(1)
        column.addWidget(self._keys)

    def add(self, text: str, keys: str, open_it: Callable[[], None]) -> NavButton:
        """Add the button of a page; ``keys`` are named in its tool tip."""
        button = NavButton(text, self._tokens)
        button.setToolTip(f"{text} ({keys})")
        button.clicked.connect(lambda _on=False: open_it())
        button.setChecked(not self._buttons)
        self._column.addWidget(button)
        self._buttons[text] = button
        return button

    def show_current(self, text: str) -> None:
        """Mark the page named ``text`` as the one that is open."""
        for name, button in self._buttons.items():
            button.setChecked(name == text)

    def show_keys(self, rows: list[str]) -> None:
        """List keys below the buttons."""
        self._keys.setText("\n".join(rows))

    def set_tokens(self, tokens: Tokens) -> None:
        """Use another theme."""
        for button in self._buttons.values():
            button.set_tokens(tokens)
