"""The tray's calls: a submenu with the live calls, each of which can be hung up there."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from desktop_voice.ui.call_watch import CallWatch
from desktop_voice.ui.call_words import number_text, state_text
from desktop_voice.ui.visible_text import visible


class TrayCalls(QObject):
    """Keeps the submenu ``Calls`` of ``parent`` true; it is disabled while nobody calls.

    No entry ever takes the place of another under the pointer: a call that ends leaves its own
    behind, disabled, until the menu is opened anew.
    """

    def __init__(self, watch: CallWatch, parent: QMenu) -> None:
        super().__init__(parent)
        self._watch = watch
        self._entries: dict[str, QAction] = {}
        self.menu = parent.addMenu("Calls")
        self._line = self.menu.addSeparator()
        phone = watch.phone
        self.menu.addAction("Hang up all").triggered.connect(lambda _on=False: phone.hang_up_all())
        self.menu.aboutToShow.connect(self._tidy_up)
        watch.changed.connect(self._show)
        self._show()

    @property
    def tip(self) -> str:
        """The live calls in a word or two; empty if there are none."""
        count = len(self._watch.calls)
        return "" if not count else "1 call" if count == 1 else f"{count} calls"

    def _show(self) -> None:
        calls = {call.id: call for call in self._watch.calls}
        for call_id, entry in self._entries.items():
            entry.setEnabled(call_id in calls)
        for call in calls.values():
            entry = self._entries.get(call.id) or self._add(call.id)
            # A single ampersand would mark a mnemonic.
            number = visible(number_text(call.number)).replace("&", "&&")
            entry.setText(f"Hang up {number} ({state_text(call.state)})")
        self.menu.setTitle(f"Calls ({len(calls)})" if calls else "Calls")
        self.menu.menuAction().setEnabled(bool(calls))
        if not calls:
            self._tidy_up()

    def _add(self, call_id: str) -> QAction:
        phone = self._watch.phone
        entry = self._entries[call_id] = QAction(self.menu)
        entry.triggered.connect(lambda _on=False: phone.hang_up(call_id))
        self.menu.insertAction(self._line, entry)
        return entry

    def _tidy_up(self) -> None:
        """Take away the entries of calls that are over."""
        for call_id in [one for one, entry in self._entries.items() if not entry.isEnabled()]:
            entry = self._entries.pop(call_id)
            self.menu.removeAction(entry)
            entry.deleteLater()
