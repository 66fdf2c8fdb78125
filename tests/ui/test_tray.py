"""The tray: state at a glance, the menu's commands, and messages while the window is hidden."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QSystemTrayIcon
from pytestqt.qtbot import QtBot

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.states import AssistantState
from desktop_voice.ui.tray import Tray
from desktop_voice.ui.window import MainWindow
from tests.helpers.recording_control import RecordingControl


@pytest.fixture
def tray(window: MainWindow, messages: list[tuple[str, str]]) -> Iterator[Tray]:
    tray = Tray(window)
    yield tray
    tray.close()


@pytest.mark.parametrize(
    ("state", "muted", "tip"),
    [
        (AssistantState.ARMED, False, "Desktop Voice: Ready"),
        (AssistantState.ARMED, True, "Desktop Voice: Muted"),
        (AssistantState.SPEAKING, True, "Desktop Voice: Speaking, microphone muted"),
        (AssistantState.FAULT, False, "Desktop Voice: Something is wrong"),
    ],
)
def test_tip_and_icon_tell_the_state(
    tray: Tray, bus: EventBus, state: AssistantState, muted: bool, tip: str
) -> None:
    bus.publish(ev.StateChanged(AssistantState.LISTENING, muted=False))
    before = tray.icon.icon().pixmap(22, 22).toImage()
    bus.publish(ev.StateChanged(state, muted))
    assert tray.icon.toolTip() == tip
    assert tray.icon.icon().pixmap(22, 22).toImage() != before
    assert tray.mute.isChecked() is muted


def test_menu_sends_commands(
    qtbot: QtBot, tray: Tray, bus: EventBus, window: MainWindow, control: RecordingControl
) -> None:
    tray.talk.trigger()
    tray.mute.trigger()
    assert control.commands == [("toggle_talk",), ("set_muted", True)]
    bus.publish(ev.StateChanged(AssistantState.ARMED, muted=True))
    tray.mute.trigger()
    assert control.commands[-1] == ("set_muted", False)
    window.hide()
    tray.settings.trigger()
    assert window.isVisible()
    assert window.settings_page.isVisible()
    with qtbot.waitSignal(window.quit_requested):
        tray.quit.trigger()


def test_open_brings_the_window_back(tray: Tray, window: MainWindow) -> None:
    window.hide()
    tray.open.trigger()
    assert window.isVisible()
    window.hide()
    tray.icon.activated.emit(QSystemTrayIcon.ActivationReason.Trigger)
    assert window.isVisible()


def test_errors_and_notices_are_told_while_hidden_and_kept_for_later(
    tray: Tray, bus: EventBus, window: MainWindow, messages: list[tuple[str, str]]
) -> None:
    bus.publish(ev.Notice("Seen in the window."))
    assert messages == []
    window.hide()
    bus.publish(ev.ErrorRaised("AUDIO-01", "No microphone.", "Plug one in."))
    bus.publish(ev.Notice("Switched.", "Plug it in again."))
    assert messages == [("No microphone.", "Plug one in."), ("Switched.", "Plug it in again.")]
    window.show()
    assert len(window.banners.messages) == 3


def test_alarms_are_told_always(
    tray: Tray, bus: EventBus, window: MainWindow, messages: list[tuple[str, str]]
) -> None:
    bus.publish(ev.AlarmRang("Your tea is ready."))
    assert messages == [("Your tea is ready.", "")]
    assert window.banners.messages == (ev.Notice("Your tea is ready."),)


def test_the_first_close_says_where_the_app_went(
    tray: Tray,
    window: MainWindow,
    messages: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(QSystemTrayIcon, "isSystemTrayAvailable", lambda: True)
    for _ in range(2):
        window.show()
        window.close()
    assert [title for title, _text in messages] == ["Desktop Voice goes on in the tray."]
