"""The questions: calls that wait for consent, one at a time, and unknown callers."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QApplication, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from desktop_voice.core import events as ev
from desktop_voice.core.approvals import Approval
from desktop_voice.core.ports import PhoneControl
from desktop_voice.ui.bridge import Bridge
from desktop_voice.ui.pages.approval_card import ApprovalCard
from desktop_voice.ui.pages.pairing_card import PairingCard


class Questions(QWidget):
    """What waits for an answer of the user; ``changed`` follows every change.

    ``keyboard_freed`` follows when the keyboard was on the last question, which is answered;
    ``call_allowed`` follows a call that the user asked for in the window and has allowed.
    """

    changed = Signal()
    keyboard_freed = Signal()
    call_allowed = Signal()

    def __init__(self, phone: PhoneControl, bridge: Bridge) -> None:
        super().__init__()
        self._phone = phone
        self._queue: list[Approval] = []
        self._pairings: dict[str, PairingCard] = {}
        self._over: list[ApprovalCard] = []
        self.card: ApprovalCard | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(14)
        bridge.approval_requested.connect(self._on_approval)
        bridge.approval_settled.connect(self._on_settled)
        bridge.pairing_requested.connect(self._on_pairing)
        bridge.pairing_code_given.connect(self._on_code)
        bridge.pairing_settled.connect(self._on_pairing_settled)
        bridge.call_changed.connect(self._on_call)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.card or self._pairings or self._over)

    @property
    def pairings(self) -> tuple[PairingCard, ...]:
        """The cards of unknown callers."""
        return tuple(self._pairings.values())

    def refuse_current(self) -> bool:
        """Deny the call on show; False if there is none."""
        if self.card is None or not self.card.is_open:
            return False
        self.card.refuse()
        return True

    def _on_approval(self, event: ev.ApprovalRequested) -> None:
        known = [self.card.approval.id] if self.card else []
        if event.approval.id in [*known, *(approval.id for approval in self._queue)]:
            return
        self._queue.append(event.approval)
        self._show_next()

    def _on_settled(self, event: ev.ApprovalSettled) -> None:
        self._queue = [one for one in self._queue if one.id != event.approval_id]
        card = self.card
        if card is not None and card.approval.id == event.approval_id:
            if event.outcome == "expired":
                card.expire()
                self._over.append(card)
            else:
                self._remove(card)
            self.card = None
        self._show_next()

    def _show_next(self) -> None:
        if self.card is None and self._queue:
            self.card = card = ApprovalCard(self._queue.pop(0))
            card.settled.connect(lambda yes: self._settle(card, is_approved=yes))
            card.closed.connect(lambda: self._close(card))
            self._column.insertWidget(0, card)
            card.show()
            if card.approval.order.origin == "window" or not _is_typing():
                card.take_keyboard()
        if self.card is not None:
            self.card.show_more(len(self._queue))
        self.changed.emit()

    def _settle(self, card: ApprovalCard, *, is_approved: bool) -> None:
        if is_approved and card.approval.order.origin == "window":
            self.call_allowed.emit()
        self._phone.settle_approval(card.approval.id, is_approved)
        # What became of it arrives as an event; the question itself is answered now.
        if self.card is card:
            self.card = None
            self._remove(card)
            self._show_next()
            if card.had_keyboard:
                self._pass_keyboard()

    def _pass_keyboard(self) -> None:
        """Give it to a harmless place: Qt would take whatever comes next, such as Hang up."""
        if self.card is not None:
            self.card.take_keyboard()
        else:
            self.keyboard_freed.emit()

    def _close(self, card: ApprovalCard) -> None:
        if card in self._over:
            self._over.remove(card)
        if self.card is card:
            self.card = None
        self._remove(card)
        self._show_next()

    def _on_pairing(self, event: ev.PairingRequested) -> None:
        self._drop_pairing(event.call_id)
        card = PairingCard(event)
        card.settled.connect(lambda yes: self._phone.settle_pairing(event.call_id, yes))
        self._pairings[event.call_id] = card
        self._column.addWidget(card)
        self.changed.emit()

    def _on_code(self, event: ev.PairingCodeGiven) -> None:
        card = self._pairings.get(event.call_id)
        if card is not None:
            card.code_given()
            self.changed.emit()

    def _on_pairing_settled(self, event: ev.PairingSettled) -> None:
        self._drop_pairing(event.call_id)

    def _on_call(self, event: ev.CallChanged) -> None:
        if not event.call.state.is_live:
            self._drop_pairing(event.call.id)

    def _drop_pairing(self, call_id: str) -> None:
        card = self._pairings.pop(call_id, None)
        if card is not None:
            self._remove(card)
            self.changed.emit()

    def _remove(self, card: QWidget) -> None:
        self._column.removeWidget(card)
        card.hide()
        card.deleteLater()


def _is_typing() -> bool:
    focus = QApplication.focusWidget()
    return isinstance(focus, QLineEdit | QPlainTextEdit) and not focus.isReadOnly()
