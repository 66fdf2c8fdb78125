"""The watch over reach: whether callers get through, and when that ends; for all who show it."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from desktop_voice.core import events as ev
from desktop_voice.core.ports import PhoneControl
from desktop_voice.core.reach import Hop, HopReport, Reach, ReachState
from desktop_voice.ui.bridge import Bridge


class ReachWatch(QObject):
    """Follows ``ReachChanged``. Main thread only.

    ``changed`` carries the new :class:`Reach`. ``broke`` carries the :class:`HopReport` of a hop
    that has just died: once a hop, however often it is tried again, until callers get through.
    """

    changed = Signal(object)
    broke = Signal(object)

    def __init__(self, phone: PhoneControl, bridge: Bridge) -> None:
        super().__init__(bridge)
        self.reach: Reach = phone.reach
        self._told: set[Hop] = set()
        self._dead: HopReport | None = None
        self._note_break()
        bridge.reach_changed.connect(self._on_change)

    @property
    def dead(self) -> HopReport | None:
        """The hop that callers fail at; it stays dead while it is being checked again."""
        return self._dead

    def _on_change(self, event: ev.ReachChanged) -> None:
        self.reach = event.reach
        new = self._note_break()
        self.changed.emit(event.reach)
        if new is not None:
            self.broke.emit(new)

    def _note_break(self) -> HopReport | None:
        """Keep what is dead; return it if nobody was told of it yet."""
        reach = self.reach
        if reach.state in (ReachState.READY, ReachState.OFF):
            self._dead = None
            self._told.clear()
        elif reach.state is ReachState.BROKEN and reach.broken is not None:
            self._dead = reach.broken
            if reach.broken.hop not in self._told:
                self._told.add(reach.broken.hop)
                return reach.broken
        return None
