"""The call watch: which calls live, and which questions wait for the user."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from desktop_voice.core import events as ev
from desktop_voice.core.approvals import Approval
from desktop_voice.core.calls import Call
from desktop_voice.core.ports import PhoneControl
from desktop_voice.ui.bridge import Bridge


class CallWatch(QObject):
    """The window's knowledge of the phone, for whatever shows it. Main thread only.

    ``changed`` follows every change.
    """

    changed = Signal()

    def __init__(self, phone: PhoneControl, bridge: Bridge) -> None:
        super().__init__()
        self.phone = phone
        self._calls = {call.id: call for call in phone.calls}
        self._approvals: dict[str, Approval] = {}
        self._pairings: dict[str, ev.PairingRequested] = {}
        bridge.call_changed.connect(self._on_call)
        bridge.approval_requested.connect(self._on_approval)
        bridge.approval_settled.connect(self._on_approval_settled)
        bridge.pairing_requested.connect(self._on_pairing)
        bridge.pairing_settled.connect(self._on_pairing_settled)

    @property
    def calls(self) -> tuple[Call, ...]:
        """The live calls, oldest first."""
        return tuple(sorted(self._calls.values(), key=lambda call: call.id))

    @property
    def approvals(self) -> tuple[Approval, ...]:
        """The calls that wait for consent, the first asked first."""
        return tuple(self._approvals.values())

    @property
    def pairings(self) -> tuple[ev.PairingRequested, ...]:
        """The unknown callers who were asked for a code."""
        return tuple(self._pairings.values())

    @property
    def waits_for_user(self) -> bool:
        """Whether somebody should look at the calls page."""
        return bool(self._approvals or self._pairings)

    def _on_call(self, event: ev.CallChanged) -> None:
        call = event.call
        if call.state.is_live:
            self._calls[call.id] = call
        else:
            self._calls.pop(call.id, None)
            self._pairings.pop(call.id, None)
        self.changed.emit()

    def _on_approval(self, event: ev.ApprovalRequested) -> None:
        self._approvals[event.approval.id] = event.approval
        self.changed.emit()

    def _on_approval_settled(self, event: ev.ApprovalSettled) -> None:
        self._approvals.pop(event.approval_id, None)
        self.changed.emit()

    def _on_pairing(self, event: ev.PairingRequested) -> None:
        self._pairings[event.call_id] = event
        self.changed.emit()

    def _on_pairing_settled(self, event: ev.PairingSettled) -> None:
        self._pairings.pop(event.call_id, None)
        self.changed.emit()
