"""The vault's panel on the settings page: the door, and a row for each key."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from PySide6.QtCore import Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QVBoxLayout

from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.core.ports import VaultControl, VaultStatus
from desktop_voice.ui.mailbox import Mailbox
from desktop_voice.ui.pages.secret_row import SecretRow
from desktop_voice.ui.pages.vault_door import VaultDoor
from desktop_voice.ui.theme.manager import set_kind
from desktop_voice.ui.widgets.plain_label import plain_label

TestKey = Callable[[str], Future[str]]


class VaultPanel(QFrame):
    """Asks a :class:`VaultControl`, whose work runs elsewhere; no value ever comes back.

    ``status_changed`` carries the vault's :class:`VaultStatus`.
    """

    status_changed = Signal(object)

    def __init__(self, vault: VaultControl, test_key: TestKey | None) -> None:
        super().__init__()
        set_kind(self, "card")
        self._vault = vault
        self._test_key = test_key
        self._mailbox = Mailbox(self)
        self.rows: dict[str, SecretRow] = {}
        self.door = VaultDoor()
        self.door.create_wanted.connect(self._create)
        self.door.unlock_wanted.connect(
            lambda words, remember: self._ask(vault.unlock(words, remember=remember))
        )
        self.door.keyring_wanted.connect(lambda: self._ask(vault.unlock_with_keyring()))
        self.door.lock_wanted.connect(lambda: self._ask(vault.lock()))
        self.door.passphrase_wanted.connect(lambda words: self._ask(vault.change_passphrase(words)))
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(20, 14, 14, 10)
        self._column.setSpacing(0)
        self._column.addWidget(plain_label("Keys and vault", "heading"))
        self._column.addWidget(self.door)

    def refresh(self) -> None:
        """Ask how the vault stands."""
        self._ask(self._vault.status())

    def filter(self, words: str) -> int:
        """Show only the rows that match; return how many do."""
        is_whole = words.strip().casefold() in "keys and vault"
        hits = [row for row in self.rows.values() if is_whole or row.matches(words)]
        for row in self.rows.values():
            row.setVisible(row in hits)
        is_shown = is_whole or bool(hits)
        self.setVisible(is_shown)
        return len(hits) or int(is_whole)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: D102 - Qt's own name
        super().showEvent(event)
        self.refresh()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: D102 - Qt's own name
        super().hideEvent(event)
        self.door.clear()
        for row in self.rows.values():
            row.close_editor()

    def _ask(self, question: Future[VaultStatus]) -> None:
        self._mailbox.expect(question, self._show_status, self._show_error)

    def _create(self, passphrase: str | None) -> None:
        def show_code(code: str) -> None:
            self.door.recovery.show_code(code)
            self.refresh()

        self._mailbox.expect(self._vault.create(passphrase), show_code, self._show_error)

    def _show_status(self, status: VaultStatus) -> None:
        self.door.show_status(status)
        if status.problem is not None:
            self.door.show_problem(f"{status.problem.what} {status.problem.do}")
        names = {info.name for info in status.secrets}
        for name in [name for name in self.rows if name not in names]:
            row = self.rows.pop(name)
            self._column.removeWidget(row)
            row.deleteLater()
        for info in status.secrets:
            if info.name not in self.rows:
                self._add_row(SecretRow(info))
            can_test = self._test_key is not None
            self.rows[info.name].show_info(info, vault=status, can_test=can_test)
        self.status_changed.emit(status)

    def _add_row(self, row: SecretRow) -> None:
        name = row.name
        row.entered.connect(lambda value: self._change(row, self._vault.set(name, value)))
        row.removed.connect(lambda: self._change(row, self._vault.remove(name)))
        row.tested.connect(lambda: self._test(row))
        self.rows[name] = row
        self._column.addWidget(row)

    def _change(self, row: SecretRow, question: Future[VaultStatus]) -> None:
        self._mailbox.expect(
            question, self._show_status, lambda error: row.show_result(_words(error))
        )

    def _test(self, row: SecretRow) -> None:
        if self._test_key is not None:
            self._mailbox.expect(
                self._test_key(row.name),
                row.test_done,
                lambda error: row.test_done(_words(error)),
            )

    def _show_error(self, error: DesktopVoiceError) -> None:
        self.door.show_problem(_words(error))


def _words(error: DesktopVoiceError) -> str:
    return f"{error.what} {error.do}"
