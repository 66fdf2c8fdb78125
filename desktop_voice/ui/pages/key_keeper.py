"""The key keeper: puts typed keys into the vault, and has it made or opened first."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject

from desktop_voice.core.ports import VaultControl, VaultStatus
from desktop_voice.ui.mailbox import Mailbox
from desktop_voice.ui.pages.key_field import KeyField
from desktop_voice.ui.pages.vault_gate import VaultGate


class KeyKeeper(QObject):
    """Keeps keys one after the other, then goes on; waits for an open vault if need be.

    Args:
        gate: Where the vault is made or opened; it is shown while it must be.
    """

    def __init__(self, vault: VaultControl, gate: VaultGate) -> None:
        super().__init__(gate)
        self._vault = vault
        self._gate = gate
        self._mailbox = Mailbox(self)
        self._waiting: tuple[Sequence[KeyField], Callable[[], None]] | None = None
        self._is_wanted = False
        gate.status_changed.connect(self._on_status)
        gate.door.recovery.done.clicked.connect(self._show_gate)
        gate.hide()

    @property
    def is_waiting(self) -> bool:
        """Whether the vault must be made or opened before it goes on."""
        return self._waiting is not None

    def keep(self, fields: Sequence[KeyField], then: Callable[[], None]) -> None:
        """Put what is typed in ``fields`` into the vault, then call ``then``.

        A key that is not known while the vault is locked has it opened as well. A value that
        cannot be kept says so at its field, and ``then`` is not called.
        """
        typed = [field for field in fields if field.value]
        status = self._gate.status
        is_locked = status is not None and status.exists and not status.is_open
        is_needed = typed or (is_locked and not all(field.is_known for field in fields))
        if is_needed and not self._gate.is_open:
            self._waiting = (fields, then)
            self.open_gate()
        else:
            self._waiting = None
            self._keep_next(typed, then)

    def take_over(self, field: KeyField) -> None:
        """Put the value of a field's environment variable into the vault, which is open."""
        value = os.environ.get(field.variable, "")
        self._gate.ask(self._vault.set(field.guide.name, value), field.show_problem)

    def open_gate(self) -> None:
        """Show the door, with the keyboard at it."""
        self._is_wanted = True
        self._show_gate()
        self._gate.door.first.setFocus()

    def forget(self) -> None:
        """Wait for nothing any longer."""
        self._waiting = None
        self._is_wanted = False
        self._show_gate()

    def _keep_next(self, fields: Sequence[KeyField], then: Callable[[], None]) -> None:
        if not fields:
            then()
            return
        first, rest = fields[0], fields[1:]

        def kept(_status: VaultStatus) -> None:
            first.clear()
            self._gate.refresh()
            self._keep_next(rest, then)

        self._mailbox.expect(
            self._vault.set(first.guide.name, first.value),
            kept,
            lambda error: first.show_problem(f"{error.what} {error.do}"),
        )

    def _on_status(self, status: VaultStatus) -> None:
        waiting = self._waiting
        if status.is_open:
            self._is_wanted = False
            self._waiting = None
            if waiting is not None:
                self.keep(*waiting)
        self._show_gate()

    def _show_gate(self) -> None:
        status = self._gate.status
        is_locked = status is not None and status.exists and not status.is_open
        has_new_key = not self._gate.door.recovery.isHidden()
        is_open = status is not None and status.is_open
        self._gate.setVisible(is_locked or has_new_key or (self._is_wanted and not is_open))
