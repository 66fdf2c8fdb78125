"""Attention: what tells, outside the calls page, that a call lives or a question waits."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication, QWidget

from desktop_voice.core import events as ev
from desktop_voice.ui.bridge import Bridge
from desktop_voice.ui.call_watch import CallWatch
from desktop_voice.ui.call_words import number_text
from desktop_voice.ui.visible_text import visible
from desktop_voice.ui.widgets.banner import BannerStack
from desktop_voice.ui.widgets.nav_button import NavButton


def approval_notice(event: ev.ApprovalRequested) -> ev.Notice:
    """Return what is said of a call that the assistant wants to make."""
    number = visible(number_text(event.approval.order.number))
    return ev.Notice(
        f"The assistant wants to call {number}.",
        "Answer on the calls page within two minutes; otherwise nothing is dialled.",
    )


def pairing_notice(event: ev.PairingRequested) -> ev.Notice:
    """Return what is said of an unknown caller."""
    return ev.Notice(
        f"Somebody new is calling: {visible(number_text(event.number))}.",
        "The calls page shows the code to give them.",
    )


class CallAttention(QObject):
    """Keeps the navigation's badge, and raises a banner for a question that is out of sight.

    Args:
        page: The calls page.
        open_page: Brings it up.
    """

    def __init__(
        self,
        watch: CallWatch,
        bridge: Bridge,
        page: QWidget,
        open_page: Callable[[], None],
        button: NavButton,
        banners: BannerStack,
    ) -> None:
        super().__init__(page)
        self._watch = watch
        self._page = page
        self._open_page = open_page
        self._button = button
        self._banners = banners
        self._raised: dict[str, ev.Notice] = {}
        watch.changed.connect(self._show_badge)
        bridge.approval_requested.connect(self._on_approval)
        bridge.approval_settled.connect(lambda event: self._lower(event.approval_id))
        bridge.pairing_requested.connect(self._on_pairing)
        bridge.pairing_settled.connect(lambda event: self._lower(event.call_id))
        bridge.call_changed.connect(self._on_call)
        self._show_badge()

    def _show_badge(self) -> None:
        live = len(self._watch.calls)
        waits = self._watch.waits_for_user
        calls = "1 live call" if live == 1 else f"{live} live calls"
        meaning = [calls] if live else []
        if waits:
            meaning.append("a question waits for you")
        badge = f"{live or ''}{'!' if waits else ''}"
        self._button.set_badge(badge, ", ".join(meaning), is_urgent=waits)

    def _on_approval(self, event: ev.ApprovalRequested) -> None:
        if event.approval.order.origin == "assistant":
            self._raise(event.approval.id, approval_notice(event))

    def _on_pairing(self, event: ev.PairingRequested) -> None:
        self._raise(event.call_id, pairing_notice(event))

    def _raise(self, key: str, notice: ev.Notice) -> None:
        QApplication.alert(self._page.window())
        if not self._page.isVisible():
            self._raised[key] = notice
            self._banners.add(notice, ("Show", self._open_page))

    def _lower(self, key: str) -> None:
        notice = self._raised.pop(key, None)
        if notice is not None and notice not in self._raised.values():
            self._banners.dismiss(notice)

    def _on_call(self, event: ev.CallChanged) -> None:
        if not event.call.state.is_live:
            self._lower(event.call.id)
