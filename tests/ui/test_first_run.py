"""The first run: five steps, each optional, remembered when done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QSpinBox
from pytestqt.qtbot import QtBot

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.storage.settings_file import SettingsFile
from desktop_voice.ui.onboarding.guide import FirstRunGuide
from desktop_voice.ui.onboarding.steps import (
    MicrophoneStep,
    ModelStep,
    VoiceStep,
    WakeWordStep,
)
from desktop_voice.ui.window import MainWindow
from tests.helpers.recording_control import RecordingControl
from tests.ui.conftest import dispose


@pytest.fixture
def first_window(
    qtbot: QtBot, control: RecordingControl, bus: EventBus, tmp_path: Path
) -> Iterator[MainWindow]:
    window = MainWindow(control, bus, SettingsFile(tmp_path / "settings.toml"))
    window.show()
    qtbot.waitExposed(window)
    yield window
    dispose(window)


@pytest.fixture
def guide(first_window: MainWindow) -> FirstRunGuide:
    assert first_window.guide is not None
    return first_window.guide


def go_to(guide: FirstRunGuide, index: int) -> None:
    while guide.current is not guide.steps[index]:
        guide.next.click()


def test_a_fresh_start_opens_the_guide_and_skipping_all_is_remembered(
    first_window: MainWindow, guide: FirstRunGuide, tmp_path: Path
) -> None:
    assert guide.isVisible()
    guide.skip_all.click()
    assert first_window.guide is None
    assert first_window.assistant.isVisible()
    assert SettingsFile(tmp_path / "settings.toml").current.general.first_run_done


def test_every_step_can_be_skipped_to_the_end(
    first_window: MainWindow, guide: FirstRunGuide, tmp_path: Path
) -> None:
    guide.next.click()
    for number in range(2, 6):
        assert guide.progress.text() == f"Step {number} of 5"
        guide.skip.click()
    assert first_window.guide is None
    assert SettingsFile(tmp_path / "settings.toml").current.general.first_run_done


def test_enter_goes_through_the_whole_guide(
    qtbot: QtBot, first_window: MainWindow, guide: FirstRunGuide
) -> None:
    for _ in guide.steps:
        QTest.keyClick(guide.next, Qt.Key.Key_Return)
    assert first_window.guide is None


def test_back_goes_back(guide: FirstRunGuide) -> None:
    assert guide.back.isHidden()
    go_to(guide, 2)
    guide.back.click()
    assert guide.current is guide.steps[1]


def test_microphone_check_records_and_tells_what_arrived(
    qtbot: QtBot, guide: FirstRunGuide, control: RecordingControl, bus: EventBus
) -> None:
    go_to(guide, 1)
    step = guide.current
    assert isinstance(step, MicrophoneStep)
    bus.publish(ev.AudioLevel("microphone", -20.0))
    assert step.meter.value() == -20
    step.record.click()
    assert control.commands == [("check_microphone", 3.0)]
    assert not step.record.isEnabled()
    bus.publish(ev.AudioLevel("microphone", -18.0))
    qtbot.waitUntil(step.record.isEnabled, timeout=10_000)
    assert "✓" in step.result.text()


def test_a_silent_microphone_is_told(qtbot: QtBot, guide: FirstRunGuide, bus: EventBus) -> None:
    go_to(guide, 1)
    step = guide.current
    assert isinstance(step, MicrophoneStep)
    step.record.click()
    bus.publish(ev.AudioLevel("microphone", -85.0))
    qtbot.waitUntil(step.record.isEnabled, timeout=10_000)
    assert "Hardly any sound" in step.result.text()


def test_a_wake_word_that_was_heard_gets_a_tick(
    guide: FirstRunGuide, control: RecordingControl, bus: EventBus
) -> None:
    bus.publish(ev.WakeHeard("desk", "alexa"))
    go_to(guide, 2)
    step = guide.current
    assert isinstance(step, WakeWordStep)
    assert "✓" not in step.result.text()
    bus.publish(ev.WakeHeard("desk", "hey_jarvis"))
    assert step.result.text() == "✓ Heard “Hey Jarvis”"
    assert control.names == ["stop_reply"]


def test_voice_is_played_as_chosen(guide: FirstRunGuide, control: RecordingControl) -> None:
    go_to(guide, 3)
    step = guide.current
    assert isinstance(step, VoiceStep)
    (rate,) = step.findChildren(QSpinBox)
    rate.setValue(220)
    step.play.click()
    name, text, voice, rate_wpm = control.commands[-1]
    assert (name, voice, rate_wpm) == ("preview_voice", "en-us", 220)
    assert text


def test_a_model_that_was_found_is_one_click_away(
    first_window: MainWindow, guide: FirstRunGuide, bus: EventBus
) -> None:
    address = "http://127.0.0.1:11434/v1"
    bus.publish(ev.ModelFound("Ollama", address, ("llama3.2", "qwen3")))
    bus.publish(ev.ModelFound("Ollama", address, ("llama3.2", "qwen3")))
    go_to(guide, 4)
    step = guide.current
    assert isinstance(step, ModelStep)
    assert list(step.found) == [address]
    offer = step.found[address]
    offer.models.setCurrentIndex(1)
    offer.use.click()
    model = first_window.settings.current.model
    assert (model.base_url, model.model) == (address, "qwen3")


def test_models_found_earlier_are_offered_when_the_guide_is_opened_again(
    first_window: MainWindow, guide: FirstRunGuide, bus: EventBus
) -> None:
    guide.skip_all.click()
    bus.publish(ev.ModelFound("Ollama", "http://127.0.0.1:11434/v1", ("a",)))
    first_window.open_guide()
    assert first_window.guide is not None
    last = first_window.guide.steps[-1]
    assert isinstance(last, ModelStep)
    assert list(last.found) == ["http://127.0.0.1:11434/v1"]


def test_errors_are_seen_during_the_first_run(
    first_window: MainWindow, guide: FirstRunGuide, bus: EventBus
) -> None:
    bus.publish(ev.ErrorRaised("AUDIO-01", "No microphone.", "Plug one in."))
    assert first_window.banners.isVisible()


def test_the_guide_ends_with_the_phone_if_there_is_one(
    window: MainWindow, phone_window: MainWindow
) -> None:
    window.open_guide()
    assert window.guide is not None
    go_to(window.guide, 4)
    assert window.guide.phone.isHidden()
    phone_window.open_guide()
    asked = phone_window.guide
    assert asked is not None
    go_to(asked, 4)
    asked.phone.click()
    assert phone_window.guide is None
    assert phone_window.setup_page is not None
    assert phone_window.setup_page.isVisible()
