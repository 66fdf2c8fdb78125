"""Attention to reach: a banner when callers stop getting through, until they do again."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject

from desktop_voice.core.events import Notice
from desktop_voice.core.reach import HopReport
from desktop_voice.ui.reach_watch import ReachWatch
from desktop_voice.ui.reach_words import hop_words
from desktop_voice.ui.visible_text import visible
from desktop_voice.ui.widgets.banner import BannerStack


def dead_notice(report: HopReport) -> Notice:
    """Return what is said of a dead hop."""
    return Notice(f"Callers cannot get through: {visible(hop_words(report))}", visible(report.do))


class ReachAttention(QObject):
    """Raises one banner a break, and takes it away once callers get through.

    Args:
        is_seen: Whether the user looks at a page that shows the break anyway.
        repair: Leads to where it can be mended.
    """

    def __init__(
        self,
        watch: ReachWatch,
        banners: BannerStack,
        is_seen: Callable[[], bool],
        repair: Callable[[], None],
    ) -> None:
        super().__init__(watch)
        self._watch = watch
        self._banners = banners
        self._is_seen = is_seen
        self._repair = repair
        self._raised: list[Notice] = []
        watch.broke.connect(self._on_break)
        watch.changed.connect(self._on_change)

    def _on_break(self, report: HopReport) -> None:
        if not self._is_seen():
            self._lower()
            notice = dead_notice(report)
            self._raised.append(notice)
            self._banners.add(notice, ("Repair", self._repair))

    def _on_change(self) -> None:
        if self._watch.dead is None:
            self._lower()

    def _lower(self) -> None:
        for notice in self._raised:
            self._banners.dismiss(notice)
        self._raised.clear()
