"""The window: closing, later starts, banners, and nothing left behind."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QSystemTrayIcon
from pytestqt.qtbot import QtBot

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.states import AssistantState
from desktop_voice.storage.settings_file import SettingsFile
from desktop_voice.ui.shell import Shell
from desktop_voice.ui.window import MainWindow
from tests.helpers.recording_control import RecordingControl
from tests.ui.conftest import dispose


def tray_is_there(monkeypatch: pytest.MonkeyPatch, answer: bool) -> None:
    monkeypatch.setattr(QSystemTrayIcon, "isSystemTrayAvailable", lambda: answer)


def test_close_hides_to_the_tray(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    tray_is_there(monkeypatch, True)
    with qtbot.assertNotEmitted(window.quit_requested):
        window.close()
    assert not window.isVisible()


def test_close_quits_where_no_tray_could_bring_it_back(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    tray_is_there(monkeypatch, False)
    with qtbot.waitSignal(window.quit_requested):
        window.close()


def test_close_quits_when_the_user_chose_so(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    tray_is_there(monkeypatch, True)
    window.settings.change("general", "close_to_tray", False)
    with qtbot.waitSignal(window.quit_requested):
        window.close()


def test_what_was_wrong_with_the_settings_file_is_shown(
    qtbot: QtBot, control: RecordingControl, bus: EventBus, tmp_path: Path
) -> None:
    path = tmp_path / "broken.toml"
    path.write_text("this is = not [toml", encoding="utf-8")
    window = MainWindow(control, bus, SettingsFile(path))
    (message,) = window.banners.messages
    assert isinstance(message, ev.ErrorRaised)
    assert message.code.startswith("SETTINGS")
    dispose(window)


@pytest.mark.parametrize(
    ("arguments", "commands", "is_open"),
    [
        ([], [], True),
        (["--hidden"], [], False),
        (["--toggle-talk"], [("toggle_talk",)], False),
        (["--mute"], [("set_muted", True)], False),
        (["--unmute", "--stop"], [("set_muted", False), ("stop_reply",)], False),
        (["--unknown"], [], True),
    ],
)
def test_a_later_start_sends_its_command(
    control: RecordingControl,
    bus: EventBus,
    store: SettingsFile,
    arguments: list[str],
    commands: list[tuple[object, ...]],
    is_open: bool,
) -> None:
    shell = Shell(control, bus, store)
    shell.handle_command(arguments)
    assert control.commands == commands
    assert shell.window.isVisible() is is_open
    shell.close()
    dispose(shell.window)


def test_hidden_start_opens_anyway_where_there_is_no_tray(
    control: RecordingControl,
    bus: EventBus,
    store: SettingsFile,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tray_is_there(monkeypatch, False)
    shell = Shell(control, bus, store)
    shell.start(hidden=True)
    assert shell.window.isVisible()
    shell.close()
    dispose(shell.window)


@pytest.mark.parametrize("how", ["window", "--quit"])
def test_who_has_quit_sees_no_tray_while_calls_are_hung_up(
    control: RecordingControl, bus: EventBus, store: SettingsFile, how: str
) -> None:
    shell = Shell(control, bus, store)
    shell.start(hidden=False)
    assert shell.tray.icon.isVisible()
    if how == "window":
        shell.window.request_quit()
    else:
        shell.handle_command([how])
    assert not shell.tray.icon.isVisible()
    bus.publish(ev.StateChanged(AssistantState.OFF, muted=False))
    assert not shell.tray.icon.isVisible()
    shell.close()
    dispose(shell.window)


def test_twenty_windows_leave_nothing_behind(
    qapp: QApplication, control: RecordingControl, store: SettingsFile
) -> None:
    def open_and_close() -> None:
        bus = EventBus()
        shell = Shell(control, bus, store)
        shell.start(hidden=False)
        shell.window.open_settings()
        bus.publish(ev.LatencyMeasured("desk", 1.0, (ev.LatencyStage("stt", 1.0),)))
        shell.close()
        dispose(shell.window)

    open_and_close()
    before = len(qapp.topLevelWidgets()), len(qapp.allWidgets())
    for _ in range(20):
        open_and_close()
    assert (len(qapp.topLevelWidgets()), len(qapp.allWidgets())) == before


def test_the_interface_loads_no_engine() -> None:
    """The window must be painted before anything heavy is even imported."""
    code = (
        "import sys, desktop_voice.ui.shell\n"
        "heavy = {'numpy', 'openai', 'moonshine_voice', 'miniaudio', 'soxr', 'aiohttp'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert result.stdout.strip() == "[]"


def test_a_recovery_key_is_shown_on_any_page_until_it_is_written_down(
    qtbot: QtBot, window: MainWindow
) -> None:
    code = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG-HHHH"
    window.hide()
    assert not window.recovery_key.isVisible()
    thread = threading.Thread(target=window.recovery_key_made.emit, args=(code,))
    thread.start()
    thread.join()
    qtbot.waitUntil(window.recovery_key.isVisible)
    assert window.recovery_key.code.text() == code
    window.open_settings()
    assert window.recovery_key.isVisible()
    window.recovery_key.done.click()
    assert not window.recovery_key.isVisible()
    assert window.recovery_key.code.text() == ""
