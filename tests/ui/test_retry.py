"""Retry on a banner: offered only where it tries something again, and then just that."""

import pytest
from PySide6.QtWidgets import QPushButton

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.ui.window import MainWindow
from tests.helpers.recording_control import RecordingControl
from tests.helpers.recording_phone import RecordingPhone


def retries(window: MainWindow) -> list[QPushButton]:
    return [b for b in window.banners.findChildren(QPushButton) if b.text() == "Retry"]


@pytest.mark.parametrize("code", ["AUDIO-02", "WAKE-08", "STT-09", "TTS-04", "VAD-09", "DESK-01"])
def test_for_devices_and_engines_the_desk_tries_again(
    phone_window: MainWindow,
    bus: EventBus,
    control: RecordingControl,
    phone: RecordingPhone,
    code: str,
) -> None:
    bus.publish(ev.ErrorRaised(code, "Broken.", "Mend it.", retryable=True))
    (retry,) = retries(phone_window)
    assert retry.accessibleDescription() == "Broken."
    retry.click()
    assert control.names == ["retry"]
    assert phone.commands == []
    assert phone_window.banners.messages == ()


@pytest.mark.parametrize("code", ["REACH-14", "TUNNEL-08"])
def test_for_the_way_in_the_phone_looks_again(
    phone_window: MainWindow,
    bus: EventBus,
    control: RecordingControl,
    phone: RecordingPhone,
    code: str,
) -> None:
    bus.publish(ev.ErrorRaised(code, "Broken.", "Mend it.", retryable=True))
    (retry,) = retries(phone_window)
    retry.click()
    assert phone.commands == [("check_reach",)]
    assert control.names == []


@pytest.mark.parametrize("code", ["CARRIER-11", "PHONE-06", "MODEL-01", "VAULT-08", "STORE-05"])
def test_where_it_would_do_nothing_it_is_not_offered(
    phone_window: MainWindow, bus: EventBus, code: str
) -> None:
    bus.publish(ev.ErrorRaised(code, "Broken.", "Mend it.", retryable=True))
    assert len(phone_window.banners.messages) == 1
    assert retries(phone_window) == []


def test_where_trying_again_cannot_help_it_is_not_offered(
    phone_window: MainWindow, bus: EventBus
) -> None:
    bus.publish(ev.ErrorRaised("AUDIO-01", "Broken.", "Reinstall."))
    assert retries(phone_window) == []


def test_without_a_phone_there_is_no_way_in_to_look_at(window: MainWindow, bus: EventBus) -> None:
    bus.publish(ev.ErrorRaised("TUNNEL-08", "Broken.", "Mend it.", retryable=True))
    assert retries(window) == []
