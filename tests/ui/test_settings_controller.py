"""Settings between the window, its file and those who change them by themselves."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.phone_settings import CarrierChoice, InboundPolicy
from desktop_voice.core.settings import SettingChange
from desktop_voice.storage.settings_file import SettingsFile
from desktop_voice.ui.window import MainWindow
from tests.helpers.recording_control import RecordingControl
from tests.helpers.recording_phone import RecordingPhone

NOBODY: SettingChange = ("inbound", "policy", InboundPolicy.DISABLED.value)
CODE: SettingChange = ("inbound", "policy", InboundPolicy.PAIRING.value)
TWILIO: SettingChange = ("phone", "carrier", CarrierChoice.TWILIO.value)


def in_another_thread(bus: EventBus, event: ev.Event) -> None:
    """Publish as the media thread does; the window hears of it later."""
    thread = threading.Thread(target=bus.publish, args=(event,))
    thread.start()
    thread.join()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "settings.toml"


def block(path: Path) -> None:
    """Let the settings file be one that cannot be written."""
    path.rename(path.with_suffix(".away"))
    path.mkdir()


def clear(path: Path) -> None:
    path.rmdir()
    path.with_suffix(".away").rename(path)


def test_what_the_phone_changes_is_kept_and_not_sent_back_to_it(
    qtbot: QtBot,
    phone_window: MainWindow,
    phone: RecordingPhone,
    control: RecordingControl,
    bus: EventBus,
    path: Path,
) -> None:
    in_another_thread(bus, ev.SettingsWanted((TWILIO, CODE)))
    qtbot.waitUntil(lambda: SettingsFile(path).current.inbound.policy is InboundPolicy.PAIRING)
    current = phone_window.settings.current
    assert current.phone.carrier is CarrierChoice.TWILIO
    assert control.applied[-1] == current
    assert phone.applied == []


def test_the_phone_gets_what_the_user_changed_and_nothing_else(
    phone_window: MainWindow, phone: RecordingPhone
) -> None:
    settings = phone_window.settings
    assert settings.change("general", "start_hidden", True) == ""
    was = settings.current.inbound.policy.value
    assert settings.change_all([TWILIO, ("inbound", "policy", was)]) is None
    assert phone.applied == [("general", "start_hidden", True), TWILIO]


def test_what_the_phone_changed_holds_and_is_told_though_it_cannot_be_saved(
    qtbot: QtBot,
    phone_window: MainWindow,
    phone: RecordingPhone,
    control: RecordingControl,
    bus: EventBus,
    path: Path,
) -> None:
    settings, banners = phone_window.settings, phone_window.banners
    assert settings.change_all([CODE]) is None
    block(path)
    in_another_thread(bus, ev.SettingsWanted((NOBODY,)))
    qtbot.waitUntil(lambda: bool(banners.messages))
    (told,) = banners.messages
    assert isinstance(told, ev.ErrorRaised)
    assert told.code == "SETTINGS-04"
    assert "until the app is closed" in told.what
    assert settings.current.inbound.policy is InboundPolicy.DISABLED
    assert control.applied[-1] == settings.current
    assert settings.change("general", "start_hidden", True) != "", "nor can this be saved"
    clear(path)
    assert SettingsFile(path).current.inbound.policy is InboundPolicy.PAIRING
    # The next change saves both, and takes nothing back from the phone.
    assert settings.change("general", "start_hidden", True) == ""
    kept = SettingsFile(path).current
    assert (kept.inbound.policy, kept.general.start_hidden) == (InboundPolicy.DISABLED, True)
    assert phone.applied == [CODE, ("general", "start_hidden", True)]


def test_what_could_not_be_saved_can_be_taken_back(
    qtbot: QtBot, phone_window: MainWindow, phone: RecordingPhone, bus: EventBus, path: Path
) -> None:
    settings = phone_window.settings
    block(path)
    in_another_thread(bus, ev.SettingsWanted((CODE,)))
    qtbot.waitUntil(lambda: settings.current.inbound.policy is InboundPolicy.PAIRING)
    assert settings.change(*NOBODY) == "", "the file has it so"
    assert settings.current.inbound.policy is InboundPolicy.DISABLED
    assert phone.applied == [NOBODY]


def test_what_could_not_be_saved_is_saved_when_it_is_asked_for_again(
    qtbot: QtBot, phone_window: MainWindow, bus: EventBus, path: Path
) -> None:
    block(path)
    in_another_thread(bus, ev.SettingsWanted((CODE,)))
    qtbot.waitUntil(lambda: bool(phone_window.banners.messages))
    clear(path)
    assert phone_window.settings.change_all([CODE]) is None
    assert SettingsFile(path).current.inbound.policy is InboundPolicy.PAIRING


def test_what_the_desk_changes_is_told_as_well_if_it_cannot_be_saved(
    qtbot: QtBot, window: MainWindow, bus: EventBus, path: Path
) -> None:
    block(path)
    in_another_thread(bus, ev.SettingChanged("audio", "volume_percent", 40))
    qtbot.waitUntil(lambda: bool(window.banners.messages))
    assert window.settings.current.audio.volume_percent == 40
