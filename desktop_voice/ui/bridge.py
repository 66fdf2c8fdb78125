"""The bridge: the one place where bus events become Qt signals in the main thread."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus

DESK_LINE = "desk"


class Bridge(QObject):
    """Receives events in any thread and emits one signal a type in the main thread.

    Create it in the main thread. Each signal carries the event itself. What is said at the desk
    and what is said on calls have signals of their own; on calls, ``event.line`` is the call's id.
    """

    state_changed = Signal(object)
    wake_heard = Signal(object)
    partial = Signal(object)
    user_turn = Signal(object)
    reply_text = Signal(object)
    assistant_turn = Signal(object)
    latency = Signal(object)
    error = Signal(object)
    notice = Signal(object)
    level = Signal(object)
    devices_changed = Signal(object)
    alarm = Signal(object)
    model_found = Signal(object)
    engines_ready = Signal(object)
    setting_changed = Signal(object)
    settings_wanted = Signal(object)

    call_changed = Signal(object)
    call_limit_near = Signal(object)
    approval_requested = Signal(object)
    approval_settled = Signal(object)
    pairing_requested = Signal(object)
    pairing_code_given = Signal(object)
    pairing_settled = Signal(object)
    caller_removed = Signal(object)
    phone_status = Signal(object)
    reach_changed = Signal(object)
    download_progress = Signal(object)

    call_partial = Signal(object)
    call_user_turn = Signal(object)
    call_reply_text = Signal(object)
    call_assistant_turn = Signal(object)
    call_tool_ran = Signal(object)
    call_barge_in = Signal(object)

    _arrived = Signal(object)

    def __init__(self, bus: EventBus) -> None:
        super().__init__()
        self._signals: dict[type[ev.Event], Callable[[ev.Event], None]] = {
            ev.StateChanged: self.state_changed.emit,
            ev.WakeHeard: self.wake_heard.emit,
            ev.PartialTranscript: self.partial.emit,
            ev.UserTurn: self.user_turn.emit,
            ev.ReplyText: self.reply_text.emit,
            ev.AssistantTurn: self.assistant_turn.emit,
            ev.LatencyMeasured: self.latency.emit,
            ev.ErrorRaised: self.error.emit,
            ev.Notice: self.notice.emit,
            ev.AudioLevel: self.level.emit,
            ev.DevicesChanged: self.devices_changed.emit,
            ev.AlarmRang: self.alarm.emit,
            ev.ModelFound: self.model_found.emit,
            ev.EnginesReady: self.engines_ready.emit,
            ev.SettingChanged: self.setting_changed.emit,
            ev.SettingsWanted: self.settings_wanted.emit,
            ev.CallChanged: self.call_changed.emit,
            ev.CallLimitNear: self.call_limit_near.emit,
            ev.ApprovalRequested: self.approval_requested.emit,
            ev.ApprovalSettled: self.approval_settled.emit,
            ev.PairingRequested: self.pairing_requested.emit,
            ev.PairingCodeGiven: self.pairing_code_given.emit,
            ev.PairingSettled: self.pairing_settled.emit,
            ev.CallerRemoved: self.caller_removed.emit,
            ev.PhoneStatusChanged: self.phone_status.emit,
            ev.ReachChanged: self.reach_changed.emit,
            ev.DownloadProgress: self.download_progress.emit,
        }
        self._call_signals: dict[type[ev.Event], Callable[[ev.Event], None]] = {
            ev.PartialTranscript: self.call_partial.emit,
            ev.UserTurn: self.call_user_turn.emit,
            ev.ReplyText: self.call_reply_text.emit,
            ev.AssistantTurn: self.call_assistant_turn.emit,
            ev.ToolRan: self.call_tool_ran.emit,
            ev.BargeIn: self.call_barge_in.emit,
        }
        # Emitting from another thread queues the event to this object's thread, in order.
        self._arrived.connect(self._deliver)
        self._unsubscribe = bus.on(ev.Event, self._forward)

    def close(self) -> None:
        """Hear no more events."""
        self._unsubscribe()

    def _forward(self, event: ev.Event) -> None:
        self._arrived.emit(event)

    def _deliver(self, event: ev.Event) -> None:
        is_call = isinstance(event, ev.ConversationEvent) and event.line != DESK_LINE
        emit = (self._call_signals if is_call else self._signals).get(type(event))
        if emit is not None:
            emit(event)
