"""The vault's gate: the door over a vault, asked and answered, for every page that needs one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.core.ports import VaultControl, VaultStatus
from desktop_voice.ui.mailbox import Mailbox
from desktop_voice.ui.pages.vault_door import VaultDoor

Fail = Callable[[str], None]
"""Told in words why something did not work."""


class VaultGate(QWidget):
    """Asks a :class:`VaultControl`, whose work runs elsewhere.

    ``status_changed`` carries the vault's :class:`VaultStatus`.
    """

    status_changed = Signal(object)

    def __init__(self, vault: VaultControl) -> None:
        super().__init__()
        self._vault = vault
        self._mailbox = Mailbox(self)
        self.status: VaultStatus | None = None
        self.door = VaultDoor()
        self.door.create_wanted.connect(self._create)
        self.door.unlock_wanted.connect(
            lambda words, remember: self.ask(vault.unlock(words, remember=remember))
        )
        self.door.keyring_wanted.connect(lambda: self.ask(vault.unlock_with_keyring()))
        self.door.lock_wanted.connect(lambda: self.ask(vault.lock()))
        self.door.passphrase_wanted.connect(lambda words: self.ask(vault.change_passphrase(words)))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.door)

    @property
    def is_open(self) -> bool:
        """Whether values can be put into the vault."""
        return self.status is not None and self.status.is_open

    def refresh(self) -> None:
        """Ask how the vault stands."""
        self.ask(self._vault.status())

    def ask(self, question: Future[VaultStatus], fail: Fail | None = None) -> None:
        """Show the status that comes of ``question``; errors go to ``fail``, else to the door."""
        self._mailbox.expect(
            question, self._show_status, lambda error: (fail or self._show_problem)(_words(error))
        )

    def _create(self, passphrase: str | None) -> None:
        def show_code(code: str) -> None:
            self.door.recovery.show_code(code)
            self.refresh()

        self._mailbox.expect(
            self._vault.create(passphrase), show_code, lambda e: self._show_problem(_words(e))
        )

    def _show_status(self, status: VaultStatus) -> None:
        self.status = status
        self.door.show_status(status)
        if status.problem is not None:
            self._show_problem(_words(status.problem))
        self.status_changed.emit(status)

    def _show_problem(self, text: str) -> None:
        self.door.show_problem(text)


def _words(error: DesktopVoiceError) -> str:
    return f"{error.what} {error.do}"
