"""The tray and reach: a line on top of the menu while callers cannot get through."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMenu

from desktop_voice.ui.reach_attention import dead_notice
from desktop_voice.ui.reach_watch import ReachWatch


class TrayReach(QObject):
    """Keeps the line true; a click on it leads to where the way can be mended.

    Args:
        open_setup: Brings up the page.
    """

    def __init__(self, watch: ReachWatch, menu: QMenu, open_setup: Callable[[], None]) -> None:
        super().__init__(menu)
        self._watch = watch
        self.action = menu.addAction("")
        self.action.triggered.connect(lambda _on=False: open_setup())
        self._separator = menu.addSeparator()
        watch.changed.connect(self._show)
        self._show()

    @property
    def tip(self) -> str:
        """What is dead, in a sentence; empty while nothing is."""
        dead = self._watch.dead
        return dead_notice(dead).what if dead is not None else ""

    def _show(self) -> None:
        # A single ampersand would mark a mnemonic.
        self.action.setText(self.tip.replace("&", "&&"))
        self.action.setVisible(bool(self.tip))
        self._separator.setVisible(bool(self.tip))
