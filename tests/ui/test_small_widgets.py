"""Meter, caption, latency chip, key edit, switch and banners."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from desktop_voice.core import events as ev
from desktop_voice.ui.widgets.banner import BannerStack
from desktop_voice.ui.widgets.caption import Caption
from desktop_voice.ui.widgets.chip_row import ChipRow
from desktop_voice.ui.widgets.key_edit import KeyEdit
from desktop_voice.ui.widgets.latency_chip import LatencyChip, StageBar
from desktop_voice.ui.widgets.level_meter import LevelMeter, loudness
from desktop_voice.ui.widgets.switch import Switch

ERROR = ev.ErrorRaised("AUDIO-01", "No microphone.", "Plug one in.", retryable=True)


@pytest.mark.parametrize(("dbfs", "share"), [(-100.0, 0.0), (-60.0, 0.0), (-30.0, 0.5), (0.0, 1.0)])
def test_loudness_is_linear_in_decibels(dbfs: float, share: float) -> None:
    assert loudness(dbfs) == pytest.approx(share)


def test_meter_rises_at_once_and_falls_gently(qtbot: QtBot) -> None:
    meter = LevelMeter("Microphone level")
    qtbot.addWidget(meter)
    silent = meter.grab().toImage()
    meter.set_level(-10.0)
    assert meter.value() == -10
    assert meter.grab().toImage() != silent
    meter.set_level(-100.0)
    assert -60 < meter.value() < -10
    meter.reset()
    assert meter.value() == -60


def test_caption_keeps_the_newest_words(qtbot: QtBot) -> None:
    caption = Caption()
    qtbot.addWidget(caption)
    caption.show_partial("remind me to")
    assert caption.text() == "“remind me to…”"
    caption.show_partial(" ".join(f"word{n}" for n in range(100)))
    assert caption.text().endswith("word99…”")
    assert len(caption.text()) < 150
    caption.show_final("done")
    assert caption.text() == "“done”"
    caption.show_partial("")
    assert caption.text() == ""


def test_latency_chip_opens_its_stages(qtbot: QtBot) -> None:
    chip = LatencyChip()
    qtbot.addWidget(chip)
    chip.show()
    stages = (ev.LatencyStage("endpoint", 180.0), ev.LatencyStage("stt", 240.4))
    chip.show_latency(ev.LatencyMeasured("desk", 420.4, stages))
    assert chip.text() == "First audio 420 ms"
    QTest.mouseClick(chip, Qt.MouseButton.LeftButton)
    popup = QApplication.activePopupWidget()
    assert popup is not None
    texts = [label.text() for label in popup.findChildren(QLabel)]
    assert {"Endpoint", "180 ms", "Recognition", "240 ms", "420 ms"} <= set(texts)
    assert len(popup.findChildren(StageBar)) == 2
    QTest.keyClick(popup, Qt.Key.Key_Escape)
    assert QApplication.activePopupWidget() is None


def test_chips_that_find_no_room_step_aside_by_importance(qtbot: QtBot) -> None:
    first, second, third = (QPushButton(f"Chip number {n}") for n in range(3))
    row = ChipRow((first, second, third))
    qtbot.addWidget(row)
    row.resize(row.sizeHint())
    row.show()
    assert [chip.isVisible() for chip in (first, second, third)] == [True, True, True]
    row.resize(row.sizeHint().width() - 30, row.height())
    assert [chip.isVisible() for chip in (first, second, third)] == [True, True, False]
    row.set_wanted(second, wanted=False)
    assert [chip.isVisible() for chip in (first, second, third)] == [True, False, True]
    assert third.geometry().right() <= row.width()


def test_key_edit_takes_the_next_combination(qtbot: QtBot) -> None:
    edit = KeyEdit()
    qtbot.addWidget(edit)
    edit.set_label("Talk key")
    edit.set_key("F9")
    taken: list[str] = []
    edit.key_changed.connect(taken.append)
    edit.click()
    assert edit.is_recording
    QTest.keyClick(edit, Qt.Key.Key_Control)
    assert edit.is_recording
    QTest.keyClick(edit, Qt.Key.Key_Space, Qt.KeyboardModifier.ControlModifier)
    assert taken == ["Ctrl+Space"]
    assert edit.accessibleName() == "Talk key: Ctrl+Space"


def test_key_edit_is_left_alone_by_escape(qtbot: QtBot) -> None:
    edit = KeyEdit()
    qtbot.addWidget(edit)
    edit.set_key("F9")
    edit.click()
    QTest.keyClick(edit, Qt.Key.Key_Escape)
    assert not edit.is_recording
    assert edit.key == "F9"


def test_switch_shows_on_and_off_by_shape(qtbot: QtBot) -> None:
    switch = Switch()
    qtbot.addWidget(switch)
    off = switch.grab().toImage()
    QTest.keyClick(switch, Qt.Key.Key_Space)
    assert switch.isChecked()
    assert switch.grab().toImage() != off


def test_banner_stays_until_dismissed(qtbot: QtBot) -> None:
    stack = BannerStack()
    qtbot.addWidget(stack)
    assert stack.isHidden()
    stack.add(ERROR)
    stack.add(ev.Notice("Switched to USB."))
    stack.add(ERROR)
    assert stack.messages == (ERROR, ev.Notice("Switched to USB."))
    texts = [label.text() for label in stack.findChildren(QLabel)]
    assert "No microphone." in texts
    assert "Plug one in. (AUDIO-01)" in texts
    stack.dismiss(ERROR)
    stack.dismiss(ev.Notice("Switched to USB."))
    assert stack.isHidden()


def test_older_banners_come_up_again(qtbot: QtBot) -> None:
    stack = BannerStack()
    qtbot.addWidget(stack)
    notices = [ev.Notice(f"Notice {n}") for n in range(4)]
    for notice in notices:
        stack.add(notice)
    assert "and 2 more" in [label.text() for label in stack.findChildren(QLabel)]
    for notice in notices[:-1]:
        stack.dismiss(notice)
    assert stack.messages == (notices[-1],)
