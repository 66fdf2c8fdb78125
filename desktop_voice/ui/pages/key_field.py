"""A key as a field of the set-up: typed here, kept in the vault, never shown again."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from desktop_voice.core.ports import SecretInfo, VaultStatus
from desktop_voice.ui.announce import announce
from desktop_voice.ui.pages.carrier_guide import KeyGuide
from desktop_voice.ui.theme.manager import set_kind
from desktop_voice.ui.widgets.plain_label import plain_label
from desktop_voice.ui.widgets.secret_field import SecretField


class KeyField(QWidget):
    """Takes one key; one that is there already may be replaced.

    ``edited`` follows every change of what is typed, ``submitted`` Enter; ``import_wanted`` asks
    for the value of :attr:`variable` to be put into the vault.
    """

    edited = Signal()
    submitted = Signal()
    import_wanted = Signal()

    def __init__(self, guide: KeyGuide) -> None:
        super().__init__()
        self.guide = guide
        self._info: SecretInfo | None = None
        self._is_replacing = False
        self.state = plain_label("", "help")
        self.field = SecretField(guide.title)
        self.field.edited.connect(self._on_edited)
        self.field.submitted.connect(self.submitted)
        self.hint = plain_label("", "hint")
        self.problem = plain_label("", "problem")
        self.problem.hide()
        self.replace_button = QPushButton("Replace…")
        self.replace_button.setAccessibleName(f"Replace {guide.title}")
        self.replace_button.clicked.connect(self._replace)
        self.import_button = QPushButton("Import to vault")
        self.import_button.setAccessibleName(f"Import to vault {guide.title}")
        self.import_button.clicked.connect(self.import_wanted)
        self.import_button.hide()
        head = QHBoxLayout()
        head.setSpacing(8)
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(plain_label(guide.title, "label"))
        words.addWidget(self.state)
        head.addLayout(words, 1)
        head.addWidget(self.import_button)
        head.addWidget(self.replace_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(head)
        for widget in (self.field, self.hint, self.problem):
            column.addWidget(widget)
        self._refresh()

    @property
    def value(self) -> str:
        """What was typed, without blanks around it; empty if nothing is to be changed."""
        return self.field.value.strip()

    @property
    def is_known(self) -> bool:
        """Whether there is a value, in the vault or in the environment."""
        return self._info is not None and bool(self._info.source)

    @property
    def variable(self) -> str:
        """The environment variable that stands in for it; empty while that is not known."""
        return self._info.variable if self._info is not None else ""

    def show_status(self, status: VaultStatus) -> None:
        """Show where the value comes from; what is typed stays."""
        self._info = next((i for i in status.secrets if i.name == self.guide.name), None)
        is_hidden = status.exists and not status.is_open
        self.state.setText(self._state_text(is_hidden=is_hidden))
        set_kind(self.state, "set" if self.is_known else "help")
        self.import_button.setVisible(self._info is not None and self._info.source == "environment")
        self.import_button.setEnabled(status.is_open)
        self._refresh()

    def show_problem(self, text: str) -> None:
        """Say why it could not be kept; empty clears."""
        self.problem.setText(text)
        self.problem.setVisible(bool(text))
        announce(self.problem, text)

    def focus(self) -> None:
        """Bring the keyboard to where the key is typed."""
        self._replace()

    def clear(self) -> None:
        """Forget what was typed: it is in the vault now."""
        self._is_replacing = False
        self.field.clear()
        self._refresh()

    def _state_text(self, *, is_hidden: bool) -> str:
        info = self._info
        if info is None or not info.source:
            return "○ Unknown while the vault is locked" if is_hidden else "○ Not set"
        if info.source == "vault":
            return "● In the vault"
        return f"◐ From the environment ({info.variable})"

    def _replace(self) -> None:
        self._is_replacing = True
        self._refresh()
        self.field.setFocus()

    def _on_edited(self) -> None:
        self.show_problem("")
        self._refresh()
        self.edited.emit()

    def _refresh(self) -> None:
        is_asked = not self.is_known or self._is_replacing or bool(self.value)
        self.field.setVisible(is_asked)
        self.replace_button.setVisible(not is_asked)
        value = self.value
        if value and self.guide.looks_right(value):
            self.hint.setText("✓ Looks right")
            set_kind(self.hint, "set")
        else:
            shape = f"It should be {self.guide.shape}."
            self.hint.setText(shape if value else self.guide.where)
            set_kind(self.hint, "hint")
        self.hint.setVisible(is_asked and bool(self.hint.text()))
