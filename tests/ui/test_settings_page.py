"""The settings page: generated from the model, live, saved at once, never saving rubbish."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSlider,
    QSpinBox,
    QWidget,
)
from pytestqt.qtbot import QtBot

from desktop_voice.core.ports import DeviceChoice
from desktop_voice.core.settings import Settings
from desktop_voice.storage.settings_file import SettingsFile
from desktop_voice.ui.pages.setting_row import FieldRow
from desktop_voice.ui.pages.setting_spec import FieldSpec, section_specs
from desktop_voice.ui.pages.settings import SettingsPage
from desktop_voice.ui.widgets.key_edit import KeyEdit
from desktop_voice.ui.widgets.switch import Switch
from desktop_voice.ui.window import MainWindow
from tests.helpers.recording_control import RecordingControl

ALL_FIELDS = [field for section in section_specs() for field in section.fields]


@pytest.fixture
def page(window: MainWindow) -> SettingsPage:
    window.open_settings()
    return window.settings_page


def part(row: FieldRow, kind: type[Any]) -> Any:
    (found,) = row.editor.findChildren(kind)
    return found


def saved(store: SettingsFile, tmp_path: Path) -> Settings:
    """What a new start would read."""
    return SettingsFile(tmp_path / "settings.toml").current


def spec(section: str, name: str) -> FieldSpec:
    (found,) = [f for f in ALL_FIELDS if (f.section, f.name) == (section, name)]
    return found


def test_every_setting_of_the_model_has_a_row_with_label_and_help(page: SettingsPage) -> None:
    wanted = {
        (section, name)
        for section, info in Settings.model_fields.items()
        if section != "schema_version"
        for name in info.annotation.model_fields  # type: ignore[union-attr]
    }
    # It has no effect yet, whatever its value.
    assert set(page.rows) == wanted - {("phone", "tool_policy")}
    assert all(row.spec.title and row.spec.help for row in page.rows.values())


def test_only_what_works_can_be_chosen(
    window: MainWindow, control: RecordingControl, page: SettingsPage
) -> None:
    row = page.rows["phone", "pipeline"]
    box = part(row, QComboBox)
    assert [box.itemData(index) for index in range(box.count())] == ["auto", "gather", "cascading"]
    # What an older file or another program has set is kept and said to be missing.
    assert window.settings.change("phone", "pipeline", "managed") == ""
    assert box.currentText() == "managed (not available)"


def test_limits_units_and_choices_are_read_from_the_model() -> None:
    rate = spec("speech", "rate_wpm")
    assert (rate.kind, rate.minimum, rate.maximum, rate.unit) == ("int", 80, 450, "wpm")
    assert spec("wake", "phrases").choices == "wake_words"
    assert spec("turns", "stop_words").kind == "list"
    assert spec("model", "base_url").max_length == 200
    assert dict(spec("turns", "patience").options) == {
        "fast": "Fast",
        "normal": "Normal",
        "patient": "Patient",
    }


@pytest.mark.parametrize(
    ("section", "name", "widget"),
    [
        ("general", "start_hidden", Switch),
        ("general", "theme", QComboBox),
        ("general", "push_to_talk_key", KeyEdit),
        ("audio", "microphone", QComboBox),
        ("audio", "volume_percent", QSlider),
        ("wake", "sensitivity", QSlider),
        ("speech", "rate_wpm", QSpinBox),
        ("wake", "follow_up_s", QDoubleSpinBox),
        ("model", "base_url", QLineEdit),
        ("model", "instructions", QPlainTextEdit),
    ],
)
def test_each_kind_has_its_editor(
    page: SettingsPage, section: str, name: str, widget: type[QWidget]
) -> None:
    assert part(page.rows[(section, name)], widget).isVisibleTo(page)


def test_a_switch_is_saved_and_applied_at_once(
    qtbot: QtBot,
    page: SettingsPage,
    control: RecordingControl,
    store: SettingsFile,
    tmp_path: Path,
) -> None:
    switch = part(page.rows[("wake", "enabled")], Switch)
    QTest.keyClick(switch, Qt.Key.Key_Space)
    assert saved(store, tmp_path).wake.enabled is False
    assert control.applied[-1].wake.enabled is False


def test_every_kind_makes_the_round_trip_through_the_file(
    qtbot: QtBot, page: SettingsPage, store: SettingsFile, tmp_path: Path
) -> None:
    rows = page.rows
    microphone = part(rows[("audio", "microphone")], QComboBox)
    microphone.setFocus()
    QTest.keyClick(microphone, Qt.Key.Key_Down)
    volume = part(rows[("audio", "volume_percent")], QSlider)
    QTest.keyClick(volume, Qt.Key.Key_Left)
    rate = part(rows[("speech", "rate_wpm")], QSpinBox)
    rate.setValue(200)
    sensitivity = part(rows[("wake", "sensitivity")], QSlider)
    QTest.keyClick(sensitivity, Qt.Key.Key_Right)
    words = part(rows[("turns", "stop_words")], QLineEdit)
    words.setText("stop, enough ,  be quiet")
    QTest.keyClick(words, Qt.Key.Key_Return)
    text = part(rows[("model", "instructions")], QPlainTextEdit)
    text.setPlainText("Call me “Sam”.\nBe brief.")
    phrases = rows[("wake", "phrases")].editor.findChildren(Switch)
    phrases[1].click()
    key = part(rows[("general", "push_to_talk_key")], KeyEdit)
    key.click()
    QTest.keyClick(key, Qt.Key.Key_F8)
    qtbot.waitUntil(lambda: store.current.model.instructions != "")
    settings = saved(store, tmp_path)
    assert settings.audio.microphone == "usb-1"
    assert settings.audio.volume_percent == 95
    assert settings.speech.rate_wpm == 200
    assert settings.wake.sensitivity == pytest.approx(0.55)
    assert settings.turns.stop_words == ["stop", "enough", "be quiet"]
    assert settings.model.instructions == "Call me “Sam”.\nBe brief."
    assert settings.wake.phrases == ["hey_jarvis", "okay_nabu"]
    assert settings.general.push_to_talk_key == "F8"


def test_a_refused_value_says_why_and_is_not_saved(
    qtbot: QtBot,
    page: SettingsPage,
    control: RecordingControl,
    store: SettingsFile,
    tmp_path: Path,
) -> None:
    row = page.rows[("model", "base_url")]
    line = part(row, QLineEdit)
    line.setText("ftp://nowhere")
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert "http://" in row.problem.text()
    assert row.problem.isVisibleTo(page)
    assert saved(store, tmp_path).model.base_url == ""
    assert control.applied == []
    part(page.rows[("audio", "sounds")], Switch).click()
    assert line.text() == "ftp://nowhere"
    line.setText("http://127.0.0.1:11434/v1")
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert row.problem.isHidden()
    assert saved(store, tmp_path).model.base_url == "http://127.0.0.1:11434/v1"


def test_the_last_wake_word_cannot_be_taken_away(page: SettingsPage, store: SettingsFile) -> None:
    row = page.rows[("wake", "phrases")]
    row.editor.findChildren(Switch)[0].click()
    assert "Not saved" in row.problem.text()
    assert store.current.wake.phrases == ["hey_jarvis"]


def test_a_file_that_cannot_be_written_is_told_beside_the_field(
    page: SettingsPage, store: SettingsFile, tmp_path: Path
) -> None:
    (tmp_path / "settings.toml").unlink()
    (tmp_path / "settings.toml").mkdir()
    row = page.rows[("audio", "sounds")]
    part(row, Switch).click()
    assert "Not saved" in row.problem.text()
    assert store.current.audio.sounds is True


def test_reset_brings_the_default_back(
    page: SettingsPage, window: MainWindow, store: SettingsFile, tmp_path: Path
) -> None:
    row = page.rows[("speech", "rate_wpm")]
    assert not row.reset.isEnabled()
    part(row, QSpinBox).setValue(250)
    assert row.reset.isEnabled()
    row.reset.click()
    assert part(row, QSpinBox).value() == 170
    assert saved(store, tmp_path).speech.rate_wpm == 170
    assert not row.reset.isEnabled()


def test_numbers_keep_to_the_limits(page: SettingsPage) -> None:
    box = part(page.rows[("speech", "rate_wpm")], QSpinBox)
    assert (box.minimum(), box.maximum()) == (80, 450)
    assert box.suffix() == " wpm"


def test_an_unplugged_microphone_is_kept_and_said_to_be_missing(
    window: MainWindow, page: SettingsPage, control: RecordingControl
) -> None:
    window.settings.change("audio", "microphone", "usb-9")
    box = part(page.rows[("audio", "microphone")], QComboBox)
    assert box.currentText() == "usb-9 (not available)"
    control.microphones = lambda: [DeviceChoice("usb-9", "Studio Mic")]  # type: ignore[method-assign]
    page.refresh_choices()
    assert box.currentText() == "Studio Mic"
    assert box.itemText(0) == "System default"


def test_search_shows_only_what_matches(qtbot: QtBot, page: SettingsPage) -> None:
    QTest.keyClicks(page.search, "microphone")
    assert page.rows[("audio", "microphone")].isVisibleTo(page)
    assert not page.rows[("speech", "rate_wpm")].isVisibleTo(page)
    page.search.setText("language model")
    assert page.rows[("model", "filler_after_s")].isVisibleTo(page)
    page.search.setText("xyzzy")
    assert not any(row.isVisibleTo(page) for row in page.rows.values())
    page.search.clear()
    assert all(row.isVisibleTo(page) for row in page.rows.values())


def test_wheel_over_a_field_does_not_change_it(qtbot: QtBot, page: SettingsPage) -> None:
    from PySide6.QtCore import QPoint, QPointF
    from PySide6.QtGui import QWheelEvent
    from PySide6.QtWidgets import QApplication

    box = part(page.rows[("speech", "rate_wpm")], QSpinBox)
    page.search.setFocus()
    wheel = QWheelEvent(
        QPointF(5, 5),
        QPointF(5, 5),
        QPoint(0, 0),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(box, wheel)
    assert box.value() == 170


def test_changes_are_said_to_be_saved(page: SettingsPage) -> None:
    part(page.rows[("audio", "sounds")], Switch).click()
    assert page.saved_text == "✓ Saved"


def test_guide_can_be_opened_again(window: MainWindow, page: SettingsPage) -> None:
    (guide,) = [b for b in page.findChildren(QPushButton) if b.text() == "First-run guide"]
    guide.click()
    assert window.guide is not None


@pytest.mark.parametrize("section", ["tunnel", "away"])
def test_every_editor_of_the_way_to_the_phone_fits(page: SettingsPage, section: str) -> None:
    rows = [row for (of, _name), row in page.rows.items() if of == section]
    assert rows
    for row in rows:
        assert row.width() <= page.width()
        for box in row.editor.findChildren(QComboBox):
            texts = [box.itemText(index) for index in range(box.count())]
            assert all(box.fontMetrics().horizontalAdvance(text) < box.width() for text in texts)
        for line in row.editor.findChildren(QLineEdit):
            assert line.cursorPosition() == 0


def test_names_of_products_are_written_as_they_are() -> None:
    assert dict(spec("tunnel", "provider").options)["cloudflared"] == "cloudflared"
    assert dict(spec("tunnel", "protocol").options)["http2"] == "HTTP/2"


def test_a_wrong_hostname_is_not_saved(page: SettingsPage, store: SettingsFile) -> None:
    row = page.rows[("tunnel", "cloudflare_hostname")]
    line = part(row, QLineEdit)
    line.setText("not a name")
    line.editingFinished.emit()
    assert "Must be a name like phone.example.com" in row.problem.text()
    assert store.current.tunnel.cloudflare_hostname == ""
