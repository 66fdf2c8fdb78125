"""The vault's door: makes, opens and locks it, and shows a new recovery key once."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from desktop_voice.core.ports import VaultStatus
from desktop_voice.ui.announce import announce
from desktop_voice.ui.theme.manager import set_kind
from desktop_voice.ui.widgets.plain_label import plain_label
from desktop_voice.ui.widgets.secret_field import SecretField
from desktop_voice.ui.widgets.switch import Switch


class VaultDoor(QWidget):
    """Asks for what the vault's state allows; :meth:`show_status` says which that is.

    ``create_wanted`` carries the passphrase, or None for the keyring.
    """

    create_wanted = Signal(object)
    unlock_wanted = Signal(str, bool)
    keyring_wanted = Signal()
    lock_wanted = Signal()
    passphrase_wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.heading = plain_label("Looking for the vault…", "label")
        self.advice = plain_label("", "help")
        self.problem = plain_label("", "problem")
        self.problem.hide()
        self.first = SecretField("Passphrase")
        self.second = SecretField("Passphrase again")
        self.first.submitted.connect(self._enter)
        self.second.submitted.connect(self._enter)
        self.remember = Switch()
        self.remember.setText("Keep it open through this system's keyring")
        self.enter_button = QPushButton("Unlock")
        set_kind(self.enter_button, "primary")
        self.enter_button.clicked.connect(self._enter)
        self.keyring_button = QPushButton("Use the keyring")
        self.keyring_button.clicked.connect(self._use_keyring)
        self.lock_button = QPushButton("Lock")
        self.lock_button.setAccessibleName("Lock the vault")
        self.lock_button.setToolTip("Close the vault and ask for its passphrase from now on")
        self.lock_button.clicked.connect(self.lock_wanted)
        self.change_button = QPushButton("Change passphrase…")
        self.change_button.clicked.connect(self._start_change)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setAccessibleName("Cancel the change of passphrase")
        self.cancel_button.clicked.connect(self._stop_change)
        self.recovery = RecoveryKey()
        self._status: VaultStatus | None = None
        self._is_changing = False
        self._build()
        self._refresh()

    def show_status(self, status: VaultStatus) -> None:
        """Show how the vault stands."""
        self._status = status
        self._is_changing = False
        if not status.is_open:
            self.recovery.forget()
        self.clear()
        self.show_problem("")
        self._refresh()

    def show_problem(self, text: str) -> None:
        """Say what went wrong; empty clears."""
        self.problem.setText(text)
        self.problem.setVisible(bool(text))
        self.enter_button.setEnabled(True)
        self.keyring_button.setEnabled(True)
        announce(self.problem, text)

    def _enter(self) -> None:
        words = self.first.value
        status = self._status
        if status is None or not words:
            return
        if not status.exists or self._is_changing:
            if words != self.second.value:
                self.show_problem("These are two different passphrases. Enter the same one twice.")
                return
            wanted = self.passphrase_wanted if self._is_changing else self.create_wanted
            wanted.emit(words)
        else:
            self.unlock_wanted.emit(words, self.remember.isChecked())
        # Opening takes a moment; a second try meanwhile would only wait behind it.
        self.enter_button.setEnabled(False)

    def _use_keyring(self) -> None:
        self.keyring_button.setEnabled(False)
        if self._status is not None and not self._status.exists:
            self.create_wanted.emit(None)
        else:
            self.keyring_wanted.emit()

    def _start_change(self) -> None:
        self._is_changing = True
        self._refresh()
        self.first.setFocus()

    def _stop_change(self) -> None:
        self._is_changing = False
        self.clear()
        self.show_problem("")
        self._refresh()
        self.change_button.setFocus()

    def clear(self) -> None:
        """Forget what was typed."""
        self.first.clear()
        self.second.clear()

    def _refresh(self) -> None:
        status = self._status
        is_known = status is not None
        exists = status is not None and status.exists
        is_open = status is not None and status.is_open
        has_keyring = status is not None and status.has_keyring
        asks = is_known and (not is_open or self._is_changing)
        self.heading.setText(_heading(status))
        self.advice.setText(_advice(status))
        self.advice.setVisible(bool(self.advice.text()))
        self.first.setVisible(asks)
        self.second.setVisible(is_known and (not exists or self._is_changing))
        self.enter_button.setVisible(asks)
        self.enter_button.setEnabled(True)
        self.enter_button.setText(
            "Change" if self._is_changing else "Unlock" if exists else "Make a vault"
        )
        self.keyring_button.setVisible(has_keyring and not is_open)
        self.keyring_button.setEnabled(True)
        self.remember.setVisible(has_keyring and exists and not is_open)
        self.lock_button.setVisible(is_open and not self._is_changing)
        self.change_button.setVisible(is_open and not self._is_changing)
        has_passphrase = status is not None and status.has_passphrase
        self.change_button.setText(
            "Change passphrase…" if has_passphrase else "Choose a passphrase…"
        )
        self.cancel_button.setVisible(self._is_changing)

    def _build(self) -> None:
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for button in (
            self.enter_button,
            self.keyring_button,
            self.cancel_button,
            self.lock_button,
            self.change_button,
        ):
            buttons.addWidget(button)
        buttons.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 8)
        column.setSpacing(8)
        for widget in (
            self.heading,
            self.advice,
            self.first,
            self.second,
            self.remember,
            self.problem,
        ):
            column.addWidget(widget)
        column.addLayout(buttons)
        column.addWidget(self.recovery)


class RecoveryKey(QFrame):
    """A new vault's recovery key; it is shown until its owner has written it down."""

    def __init__(self) -> None:
        super().__init__()
        set_kind(self, "banner-notice")
        self.code = plain_label("", "code-small")
        self.code.setAccessibleName("Recovery key")
        self.code.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        copy = QPushButton("Copy")
        copy.setAccessibleName("Copy the recovery key")
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.code.text()))
        self.done = QPushButton("I have written it down")
        self.done.clicked.connect(self.forget)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(copy)
        buttons.addWidget(self.done)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 10, 14, 10)
        column.addWidget(plain_label("Recovery key", "label"))
        column.addWidget(self.code)
        column.addWidget(
            plain_label(
                "It opens the vault if the passphrase or the keyring is lost. Write it down and "
                "keep it away from this machine. It is shown this once.",
                "help",
            )
        )
        column.addLayout(buttons)
        self.hide()

    def show_code(self, code: str) -> None:
        """Show ``code`` until it was written down."""
        self.code.setText(code)
        self.show()
        announce(self, "A recovery key is shown. Write it down.")

    def forget(self) -> None:
        """Show it no longer."""
        self.code.setText("")
        self.hide()


def _heading(status: VaultStatus | None) -> str:
    if status is None:
        return "Looking for the vault…"
    if not status.exists:
        return "There is no vault yet"
    return "The vault is open" if status.is_open else "The vault is locked"


def _advice(status: VaultStatus | None) -> str:
    if status is None:
        return ""
    if not status.exists:
        return (
            "It keeps your keys in one encrypted file. Choose a passphrase, or let this system's "
            "keyring open it."
            if status.has_keyring
            else "It keeps your keys in one encrypted file. Choose a passphrase for it."
        )
    if not status.is_open:
        return "Enter its passphrase or its recovery key."
    return (
        "This system's keyring opens it at every start."
        if status.uses_keyring
        else ("It is locked again when the app is closed.")
    )
