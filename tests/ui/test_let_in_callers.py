"""Callers who were let in, on the settings page: shown, kept true, and put out again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.callers import PairedCaller
from desktop_voice.core.errors import StoreError
from desktop_voice.ui.pages.let_in_callers import LetInCallers
from desktop_voice.ui.window import MainWindow
from tests.helpers.recording_phone import RecordingPhone, broken_phone_error

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ANN = PairedCaller("+14155550123", "", AT)
BEN = PairedCaller("+390612345678", "", AT)


@pytest.fixture
def page(qtbot: QtBot, phone_window: MainWindow, phone: RecordingPhone) -> LetInCallers:
    phone.paired = [ANN, BEN]
    phone_window.open_settings()
    callers = phone_window.settings_page.callers
    assert callers is not None
    qtbot.waitUntil(lambda: len(callers.remove_buttons) == 2)
    return callers


def words(page: LetInCallers) -> str:
    return "\n".join(label.text() for label in page.findChildren(QLabel) if label.isVisible())


def test_nobody_takes_no_room(qtbot: QtBot, phone_window: MainWindow) -> None:
    phone_window.open_settings("inbound")
    callers = phone_window.settings_page.callers
    assert callers is not None
    qtbot.waitUntil(callers.isVisible)
    assert not callers.box.isVisible()
    assert callers.height() == 0


def test_each_is_shown_in_the_part_of_incoming_calls(
    page: LetInCallers, phone_window: MainWindow
) -> None:
    assert "+1 415-555-0123" in words(page)
    assert "+39 06 1234 5678" in words(page)
    assert "20 Nov 2026" in words(page)
    (card,) = [one for one in phone_window.settings_page.cards if one.spec.name == "inbound"]
    assert card.isAncestorOf(page)


def test_a_caller_is_removed_by_keyboard_which_stays_in_the_list(
    qtbot: QtBot, page: LetInCallers, phone: RecordingPhone
) -> None:
    button = page.remove_buttons[ANN.number]
    assert button.accessibleName() == "Remove +1 415-555-0123"
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Space)
    assert phone.commands == [("remove_caller", ANN.number)]
    qtbot.waitUntil(lambda: list(page.remove_buttons) == [BEN.number])
    qtbot.waitUntil(page.remove_buttons[BEN.number].hasFocus)
    QTest.keyClick(page.remove_buttons[BEN.number], Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: not page.box.isVisible())


def test_what_happens_elsewhere_is_followed(
    qtbot: QtBot, page: LetInCallers, phone: RecordingPhone, bus: EventBus
) -> None:
    phone.paired = [BEN]
    bus.publish(ev.CallerRemoved(ANN.number))
    qtbot.waitUntil(lambda: list(page.remove_buttons) == [BEN.number])
    phone.paired = [ANN, BEN]
    bus.publish(ev.PairingSettled("call", ANN.number, True))
    qtbot.waitUntil(lambda: list(page.remove_buttons) == [ANN.number, BEN.number])


def test_what_could_not_be_removed_stays_and_is_told(
    qtbot: QtBot, page: LetInCallers, phone: RecordingPhone
) -> None:
    phone.error = broken_phone_error()
    page.remove_buttons[ANN.number].click()
    qtbot.waitUntil(page.problem.isVisible)
    assert "not running" in page.problem.text()
    phone.error = None
    page.remove_buttons[ANN.number].click()
    qtbot.waitUntil(lambda: list(page.remove_buttons) == [BEN.number])
    assert not page.problem.isVisible()


def test_the_keyboard_is_not_taken_from_elsewhere(
    qtbot: QtBot, page: LetInCallers, phone: RecordingPhone, bus: EventBus, phone_window: MainWindow
) -> None:
    page.remove_buttons[ANN.number].setFocus()
    phone_window.settings_page.search.setFocus()
    phone.paired = [BEN]
    bus.publish(ev.CallerRemoved(ANN.number))
    qtbot.waitUntil(lambda: list(page.remove_buttons) == [BEN.number])
    assert phone_window.settings_page.search.hasFocus()


def test_who_cannot_be_listed_is_told(
    qtbot: QtBot, phone_window: MainWindow, phone: RecordingPhone
) -> None:
    phone.error = StoreError("STORE-01", "The calls cannot be read.", "Look at the disk.")
    phone_window.open_settings("inbound")
    callers = phone_window.settings_page.callers
    assert callers is not None
    qtbot.waitUntil(callers.problem.isVisible)
    assert callers.problem.text() == "The calls cannot be read. Look at the disk."


def test_the_search_finds_them(page: LetInCallers, phone_window: MainWindow) -> None:
    settings = phone_window.settings_page
    settings.search.setText("let in")
    assert page.box.isVisible()
    settings.search.setText("415-555-0123")
    assert page.box.isVisible()
    settings.search.setText("microphone")
    assert not page.box.isVisible()
    settings.search.clear()
    assert page.box.isVisible()
