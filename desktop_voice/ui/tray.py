"""The tray icon: the state at a glance, and talk, mute, hang up, open and quit in its menu."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from desktop_voice.core import events as ev
from desktop_voice.core.reach import HopReport
from desktop_voice.ui.app_icon import tray_icon
from desktop_voice.ui.call_attention import approval_notice, pairing_notice
from desktop_voice.ui.mood import Mood, mood_of, title_of
from desktop_voice.ui.reach_attention import dead_notice
from desktop_voice.ui.tray_calls import TrayCalls
from desktop_voice.ui.tray_reach import TrayReach
from desktop_voice.ui.window import MainWindow

_MESSAGE_MS = 8000
_TALK_TEXTS = {
    Mood.LISTENING: "End turn",
    Mood.THINKING: "Interrupt and talk",
    Mood.SPEAKING: "Interrupt and talk",
}


class Tray(QObject):
    """Shows the window's assistant in the system's tray; main thread only.

    Messages appear while the window is hidden; alarms always do. A click on a message opens what
    it is about.
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._control = window.control
        self.icon = QSystemTrayIcon(self)
        self.menu = QMenu()
        self.reach: TrayReach | None = None
        if window.reach is not None:
            self.reach = TrayReach(window.reach, self.menu, self._open_phone_setup)
            window.reach.changed.connect(self._show_state)
            window.reach.broke.connect(self._on_break)
        self.talk = self._action("Talk", self._toggle_talk)
        self.mute = self._action("Mute microphone", self._toggle_mute)
        self.mute.setCheckable(True)
        self.calls: TrayCalls | None = None
        if window.watch is not None:
            self.calls = TrayCalls(window.watch, self.menu)
            window.watch.changed.connect(self._show_state)
        self.menu.addSeparator()
        self.open = self._action("Open Desktop Voice", window.open_window)
        self.settings = self._action("Settings", self._open_settings)
        self.menu.addSeparator()
        self.quit = self._action("Quit", window.request_quit)
        self.icon.setContextMenu(self.menu)
        self.icon.activated.connect(self._activated)
        self.icon.messageClicked.connect(self._open_message)
        self._message_target: Callable[[], None] | None = None
        window.hidden_to_tray.connect(self._tell_once)
        self._has_told = False
        bridge = window.bridge
        bridge.state_changed.connect(self._on_state)
        bridge.error.connect(self._on_error)
        bridge.notice.connect(self._on_notice)
        bridge.alarm.connect(self._on_alarm)
        bridge.approval_requested.connect(self._on_approval)
        bridge.pairing_requested.connect(self._on_pairing)
        self._state = self._control.state
        self._is_muted = self._control.is_muted
        self._show_state()

    def show(self) -> None:
        """Put the icon into the tray, if there is one."""
        self.icon.show()

    def close(self) -> None:
        """Take the icon away."""
        self.icon.hide()
        self.menu.deleteLater()

    def _action(self, text: str, slot: object) -> QAction:
        action = self.menu.addAction(text)
        action.triggered.connect(slot)
        return action

    def _toggle_talk(self) -> None:
        self._control.toggle_talk()

    def _toggle_mute(self) -> None:
        self._control.set_muted(not self._is_muted)
        self.mute.setChecked(self._is_muted)

    def _open_settings(self) -> None:
        self._window.open_settings()
        self._window.open_window()

    def _open_phone_setup(self) -> None:
        self._window.open_phone_setup()
        self._window.open_window()

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        kinds = QSystemTrayIcon.ActivationReason
        if reason is kinds.MiddleClick:
            self._toggle_talk()
        elif reason in (kinds.Trigger, kinds.DoubleClick):
            self._window.open_window()

    def _on_state(self, event: ev.StateChanged) -> None:
        self._state = event.state
        self._is_muted = event.muted
        self._show_state()

    def _show_state(self) -> None:
        mood = mood_of(self._state, muted=self._is_muted)
        is_dead = self.reach is not None and bool(self.reach.tip)
        self.icon.setIcon(tray_icon(mood, is_marked=is_dead))
        state = title_of(mood).rstrip("…")
        if self._is_muted and state != "Muted":
            state += ", microphone muted"
        calls = self.calls.tip if self.calls is not None else ""
        reach = self.reach.tip if self.reach is not None else ""
        self.icon.setToolTip(
            " · ".join(part for part in (f"Desktop Voice: {state}", calls, reach) if part)
        )
        self.talk.setText(_TALK_TEXTS.get(mood, "Talk"))
        self.mute.setChecked(self._is_muted)

    def _on_error(self, event: ev.ErrorRaised) -> None:
        if not self._window.isVisible():
            self._message(event.what, event.do, QSystemTrayIcon.MessageIcon.Warning)

    def _on_notice(self, event: ev.Notice) -> None:
        if not self._window.isVisible():
            self._message(event.what, event.do, QSystemTrayIcon.MessageIcon.Information)

    def _on_alarm(self, event: ev.AlarmRang) -> None:
        self._message(event.text, "", QSystemTrayIcon.MessageIcon.Information)

    def _on_approval(self, event: ev.ApprovalRequested) -> None:
        if event.approval.order.origin == "assistant":
            self._ask(approval_notice(event))

    def _on_pairing(self, event: ev.PairingRequested) -> None:
        self._ask(pairing_notice(event))

    def _on_break(self, report: HopReport) -> None:
        if not self._window.isVisible():
            notice = dead_notice(report)
            icon = QSystemTrayIcon.MessageIcon.Warning
            self._message(notice.what, notice.do, icon, self._window.open_phone_setup)

    def _ask(self, notice: ev.Notice) -> None:
        if not self._window.isVisible() and self._window.watch is not None:
            icon = QSystemTrayIcon.MessageIcon.Information
            self._message(notice.what, notice.do, icon, self._window.open_calls)

    def _open_message(self) -> None:
        if self._message_target is not None:
            self._message_target()
        self._window.open_window()

    def _tell_once(self) -> None:
        if not self._has_told:
            self._has_told = True
            self._message(
                "Desktop Voice goes on in the tray.",
                "Open or quit it from the icon's menu.",
                QSystemTrayIcon.MessageIcon.Information,
            )

    def _message(
        self,
        what: str,
        do: str,
        icon: QSystemTrayIcon.MessageIcon,
        target: Callable[[], None] | None = None,
    ) -> None:
        self._message_target = target
        self.icon.showMessage(what, do, icon, _MESSAGE_MS)
