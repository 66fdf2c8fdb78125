"""The tray's calls: a submenu with the live calls, each of which can be hung up there."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMenu

from desktop_voice.ui.call_watch import CallWatch
from desktop_voice.ui.call_words import number_text, state_text
from desktop_voice.ui.visible_text import visible


class TrayCalls(QObject):
    """Keeps the submenu ``Calls`` of ``parent`` true; it is disabled while nobody calls."""

    def __init__(self, watch: CallWatch, parent: QMenu) -> None:
        super().__init__(parent)
        self._watch = watch
        self.menu = parent.addMenu("Calls")
        watch.changed.connect(self._show)
        self._show()

    @property
    def tip(self) -> str:
        """The live calls in a word or two; empty if there are none."""
        count = len(self._watch.calls)
        return "" if not count else "1 call" if count == 1 else f"{count} calls"

    def _show(self) -> None:
        calls = self._watch.calls
        phone = self._watch.phone
        self.menu.clear()
        for call in calls:
            # A single ampersand would mark a mnemonic.
            number = visible(number_text(call.number)).replace("&", "&&")
            action = self.menu.addAction(f"Hang up {number} ({state_text(call.state)})")
            action.triggered.connect(lambda _on=False, call_id=call.id: phone.hang_up(call_id))
        if calls:
            self.menu.addSeparator()
            self.menu.addAction("Hang up all").triggered.connect(
                lambda _on=False: phone.hang_up_all()
            )
        self.menu.setTitle(f"Calls ({len(calls)})" if calls else "Calls")
        self.menu.menuAction().setEnabled(bool(calls))
