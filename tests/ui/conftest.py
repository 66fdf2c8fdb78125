"""Fixtures of the interface tests: a real bus, a real settings file, a real window."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
    os.environ["QT_QPA_PLATFORM"] = "offscreen"

from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication, QSystemTrayIcon
from pytestqt.qtbot import QtBot

from desktop_voice.core.bus import EventBus
from desktop_voice.core.settings import Theme
from desktop_voice.core.states import AssistantState
from desktop_voice.storage.settings_file import SettingsFile
from desktop_voice.ui.pages.calls import CallsPage
from desktop_voice.ui.window import MainWindow
from tests.helpers.recording_control import RecordingControl
from tests.helpers.recording_phone import RecordingPhone

OFFSCREEN_LIMITS = ("This plugin does not support", "systemTrayWindowChanged")


@pytest.fixture(autouse=True)
def _application(qapp: QApplication) -> None:
    """Have the application there before any widget, whichever test a worker begins with."""


@pytest.fixture(autouse=True)
def runtime_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give sockets and locks a folder of their own."""
    # Not tmp_path: a socket's path may have no more than 107 characters.
    with tempfile.TemporaryDirectory(prefix="run-") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield


@pytest.fixture
def bus() -> EventBus:
    return EventBus()


@pytest.fixture
def control() -> RecordingControl:
    control = RecordingControl()
    control.state = AssistantState.ARMED
    return control


@pytest.fixture
def store(tmp_path: Path) -> SettingsFile:
    """Settings on disk, as after a finished first run in the dark theme."""
    store = SettingsFile(tmp_path / "settings.toml")
    settings = store.current.with_value("general", "first_run_done", True)
    store.save(settings.with_value("general", "theme", Theme.DARK))
    return store


@pytest.fixture
def window(
    qtbot: QtBot, control: RecordingControl, bus: EventBus, store: SettingsFile
) -> Iterator[MainWindow]:
    window = MainWindow(control, bus, store)
    with qtbot.waitActive(window):
        window.open_window()
    yield window
    dispose(window)


@pytest.fixture
def phone() -> RecordingPhone:
    return RecordingPhone()


@pytest.fixture
def phone_window(
    qtbot: QtBot,
    control: RecordingControl,
    bus: EventBus,
    store: SettingsFile,
    phone: RecordingPhone,
) -> Iterator[MainWindow]:
    """A window with a phone, on its calls page."""
    window = MainWindow(control, bus, store, phone=phone)
    with qtbot.waitActive(window):
        window.open_window()
    window.open_calls()
    yield window
    dispose(window)


@pytest.fixture
def calls_page(phone_window: MainWindow) -> CallsPage:
    assert phone_window.calls is not None
    return phone_window.calls


def dispose(window: MainWindow) -> None:
    """Delete ``window`` now: a later test's style sheet would reach into it."""
    window.shut_down()
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the offscreen platform say what it cannot do; every other Qt warning fails a test."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.qt_log_ignore(*OFFSCREEN_LIMITS))


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What the tray asks the desktop to show."""
    shown: list[tuple[str, str]] = []

    def show(_icon: QSystemTrayIcon, title: str, text: str, *_rest: object) -> None:
        shown.append((title, text))

    monkeypatch.setattr(QSystemTrayIcon, "showMessage", show)
    return shown
