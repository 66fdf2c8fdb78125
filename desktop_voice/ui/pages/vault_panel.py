"""The vault's panel on the settings page: the door, and a row for each key."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future

from PySide6.QtCore import Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QVBoxLayout

from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.core.ports import VaultControl, VaultStatus
from desktop_voice.ui.mailbox import Mailbox
from desktop_voice.ui.pages.secret_row import SecretRow
from desktop_voice.ui.pages.vault_gate import VaultGate
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
        self._gate = VaultGate(vault)
        self._gate.status_changed.connect(self._show_status)
        self.door = self._gate.door
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(20, 14, 14, 10)
        self._column.setSpacing(0)
        self._column.addWidget(plain_label("Keys and vault", "heading"))
        self._column.addWidget(self._gate)

    def refresh(self) -> None:
        """Ask how the vault stands."""
        self._gate.refresh()

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

    def _show_status(self, status: VaultStatus) -> None:
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
        row.import_wanted.connect(
            lambda: self._change(row, self._vault.set(name, os.environ.get(row.variable, "")))
        )
        row.removed.connect(lambda: self._change(row, self._vault.remove(name)))
        row.tested.connect(lambda: self._test(row))
        self.rows[name] = row
        self._column.addWidget(row)

    def _change(self, row: SecretRow, question: Future[VaultStatus]) -> None:
        self._gate.ask(question, row.show_result)

    def _test(self, row: SecretRow) -> None:
        if self._test_key is not None:
            self._mailbox.expect(
                self._test_key(row.name),
                row.test_done,
                lambda error: row.test_done(_words(error)),
            )


def _words(error: DesktopVoiceError) -> str:
    return f"{error.what} {error.do}"
