"""One key of the vault as a row: whether it is set, and what can be done with it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from desktop_voice.core.ports import SecretInfo, VaultStatus
from desktop_voice.ui.announce import announce
from desktop_voice.ui.theme.manager import set_kind
from desktop_voice.ui.widgets.plain_label import plain_label
from desktop_voice.ui.widgets.secret_field import SecretField

_ABBREVIATIONS = {"api": "API", "sid": "SID", "id": "ID", "openai": "OpenAI"}


class SecretRow(QWidget):
    """Takes a new value, never shows the old one.

    ``entered`` carries the new value; ``import_wanted`` asks for that of :attr:`variable`.
    """

    entered = Signal(str)
    import_wanted = Signal()
    removed = Signal()
    tested = Signal()

    def __init__(self, info: SecretInfo) -> None:
        super().__init__()
        self.name = info.name
        self.variable = info.variable
        title = secret_title(info.name)
        self.state = plain_label("", "help")
        self.result = plain_label("", "hint")
        self.result.hide()
        self.set_button = _button("Set…", title)
        self.set_button.clicked.connect(self.open_editor)
        self.import_button = _button("Import to vault", title)
        self.import_button.clicked.connect(self.import_wanted)
        self.test_button = _button("Test key", title)
        self.test_button.clicked.connect(self._test)
        self.remove_button = _button("Remove", title)
        self.remove_button.clicked.connect(self._remove)
        self.field = SecretField(title)
        self.field.submitted.connect(self._save)
        self.field.edited.connect(self._on_edited)
        self.save_button = _button("Save", title)
        set_kind(self.save_button, "primary")
        self.save_button.clicked.connect(self._save)
        self.cancel_button = _button("Cancel", title)
        self.cancel_button.clicked.connect(self.close_editor)
        self._editor = QWidget()
        self._asks_removal = False
        self._build(title)
        self._editor.hide()
        self._on_edited()

    def show_info(self, info: SecretInfo, *, vault: VaultStatus, can_test: bool) -> None:
        """Show where the value comes from, and offer what is possible now."""
        is_open = vault.is_open
        in_vault = info.source == "vault"
        if in_vault:
            text = "● Set, in the vault"
        elif info.source == "environment":
            text = f"◐ From the environment ({info.variable})"
        else:
            text = (
                "○ Not set"
                if is_open or not vault.exists
                else "○ Unknown while the vault is locked"
            )
        self.state.setText(text)
        set_kind(self.state, "set" if info.source else "help")
        self.set_button.setText("Replace…" if in_vault else "Set…")
        self.set_button.setEnabled(is_open)
        self.import_button.setVisible(info.source == "environment")
        self.import_button.setEnabled(is_open)
        self.remove_button.setVisible(in_vault)
        self.test_button.setVisible(can_test and bool(info.source))
        self._ask_removal(is_asked=False)
        if not is_open:
            self.close_editor()

    def open_editor(self) -> None:
        """Take a new value."""
        self.show_result("")
        self._editor.show()
        self.field.setFocus()

    def show_result(self, text: str) -> None:
        """Say what came of a test, or what went wrong."""
        self.result.setText(text)
        self.result.setVisible(bool(text))
        announce(self.result, text)

    def matches(self, words: str) -> bool:
        """Whether all ``words`` of a search occur in the name."""
        shown = f"{secret_title(self.name)} {self.name} vault keys".casefold()
        return all(word in shown for word in words.casefold().split())

    def _on_edited(self) -> None:
        self.save_button.setEnabled(bool(self.field.value.strip()))

    def _save(self) -> None:
        value = self.field.value.strip()
        if value:
            self.close_editor()
            self.entered.emit(value)

    def close_editor(self) -> None:
        """Take no value, and forget what was typed."""
        had_focus = self._editor.isAncestorOf(self.focusWidget() or self)
        self.field.clear()
        self._editor.hide()
        if had_focus:
            self.set_button.setFocus()

    def _test(self) -> None:
        self.test_button.setEnabled(False)
        self.show_result("Testing…")
        self.tested.emit()

    def test_done(self, text: str) -> None:
        """Say what came of the test."""
        self.test_button.setEnabled(True)
        self.show_result(text)

    def _remove(self) -> None:
        if self._asks_removal:
            self._ask_removal(is_asked=False)
            self.removed.emit()
        else:
            self._ask_removal(is_asked=True)

    def _ask_removal(self, *, is_asked: bool) -> None:
        self._asks_removal = is_asked
        self.remove_button.setText("Really remove" if is_asked else "Remove")
        title = secret_title(self.name)
        self.remove_button.setAccessibleName(f"{self.remove_button.text()} {title}")
        set_kind(self.remove_button, "danger" if is_asked else "")

    def _build(self, title: str) -> None:
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(plain_label(title, "label"))
        words.addWidget(self.state)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addLayout(words, 1)
        for button in (
            self.test_button,
            self.import_button,
            self.set_button,
            self.remove_button,
        ):
            row.addWidget(button)
        editor = QHBoxLayout(self._editor)
        editor.setContentsMargins(0, 0, 0, 0)
        editor.setSpacing(8)
        editor.addWidget(self.field, 1)
        editor.addWidget(self.save_button)
        editor.addWidget(self.cancel_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 7, 0, 7)
        column.setSpacing(6)
        column.addLayout(row)
        column.addWidget(self._editor)
        column.addWidget(self.result)


def secret_title(name: str) -> str:
    """Return a key's name as people say it, such as “Twilio account SID”."""
    words = [_ABBREVIATIONS.get(word, word) for word in name.split("_")]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])


def _button(text: str, title: str) -> QPushButton:
    button = QPushButton(text)
    button.setAccessibleName(f"{text.rstrip('…')} {title}")
    return button
