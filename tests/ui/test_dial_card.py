"""The dial card: numbers in any notation, modes, messages, and no call asked for twice."""

from __future__ import annotations

from datetime import time

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import CallMode
from desktop_voice.core.settings import Settings
from desktop_voice.ui.pages.calls import CallsPage
from desktop_voice.ui.pages.dial_card import DialCard, is_quiet
from desktop_voice.ui.widgets.dial_field import DialField
from desktop_voice.ui.window import MainWindow
from tests.helpers.recording_phone import RecordingPhone, an_approval


@pytest.fixture
def field(qtbot: QtBot) -> DialField:
    field = DialField("US")
    qtbot.addWidget(field)
    field.show()
    return field


@pytest.fixture
def dial(calls_page: CallsPage) -> DialCard:
    return calls_page.dial


def paste(field: DialField, text: str) -> None:
    QApplication.clipboard().setText(text)
    QTest.keyClick(field, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)


def held(key: Qt.Key, times: int = 5) -> None:
    """What a held key sends to whatever has the keyboard."""
    for _ in range(times):
        target = QApplication.focusWidget()
        assert target is not None
        text = "\r" if key is Qt.Key.Key_Return else " "
        for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            event = QKeyEvent(kind, key, Qt.KeyboardModifier.NoModifier, text, True)
            QApplication.sendEvent(target, event)


def test_digits_are_grouped_as_they_are_typed(field: DialField) -> None:
    QTest.keyClicks(field, "4155550123")
    assert field.text() == "(415) 555-0123"
    assert field.number() == "+14155550123"
    field.clear()
    QTest.keyClicks(field, "+390612345678")
    assert field.text() == "+39 06 1234 5678"
    assert field.number() == "+390612345678"


@pytest.mark.parametrize(
    "pasted",
    [
        "tel:+1-415-555-0123",
        "TEL:+14155550123;ext=9",
        "tel:%2B14155550123",
        "+1 (415) 555-0123",
        "  +1.415.555.0123 ",
        "\u202a+1 415 555 0123\u202c",
        "+1\u00a0415\u00a0555\u201101\u201123",
    ],
)
def test_pasted_numbers_are_understood(field: DialField, pasted: str) -> None:
    paste(field, pasted)
    assert field.number() == "+14155550123"


def test_the_cursor_stays_at_its_digit(field: DialField) -> None:
    field.set_number("4155550123")
    field.setCursorPosition(len("(415) 55"))
    QTest.keyClick(field, Qt.Key.Key_Backspace)
    assert field.text()[: field.cursorPosition()].rstrip(" )-").endswith("5")
    assert [c for c in field.text()[: field.cursorPosition()] if c.isdigit()] == list("4155")
    QTest.keyClicks(field, "5")
    assert field.text() == "(415) 555-0123"
    assert [c for c in field.text()[: field.cursorPosition()] if c.isdigit()] == list("41555")


def test_every_backspace_takes_a_digit(field: DialField) -> None:
    field.set_number("4155550123")
    left = 10
    while field.text():
        QTest.keyClick(field, Qt.Key.Key_Backspace)
        left -= 1
        assert sum(c.isdigit() for c in field.text()) == left
        assert left >= 0


def test_delete_takes_the_next_digit(field: DialField) -> None:
    field.set_number("4155550123")
    field.setCursorPosition(0)
    QTest.keyClick(field, Qt.Key.Key_Delete)
    assert [c for c in field.text() if c.isdigit()] == list("155550123")


@pytest.mark.parametrize("typed", ["1-800-FLOWERS", "+1 415 555 0123 x9", "4155550123+1", "٤١٥٥٥٥"])
def test_no_digit_is_dropped_in_silence(dial: DialCard, phone: RecordingPhone, typed: str) -> None:
    dial.number.set_number(typed)
    dial.message.setPlainText("Hello.")
    dial.call.click()
    assert phone.commands == []
    assert "not a phone number" in dial.problem.text()
    assert dial.number.text() == typed
    assert dial.number.property("kind") == "invalid"


def test_an_emergency_number_is_refused_with_a_reason(
    dial: DialCard, phone: RecordingPhone
) -> None:
    QTest.keyClicks(dial.number, "911")
    QTest.keyClick(dial.number, Qt.Key.Key_Return)
    assert "Emergency" in dial.problem.text()
    assert phone.commands == []


def test_the_home_country_comes_from_the_settings(phone_window: MainWindow, dial: DialCard) -> None:
    phone_window.settings.change("limits", "home_region", "DE")
    dial.number.set_number("030 123456")
    assert dial.number.number() == "+4930123456"
    assert dial.facts.text().startswith("Germany")


def test_a_call_is_asked_for_with_mode_and_message(dial: DialCard, phone: RecordingPhone) -> None:
    QTest.keyClicks(dial.number, "4155550123")
    QTest.keyClicks(dial.message, "The server is back up.")
    dial.call.click()
    assert phone.commands == [
        ("request_call", "+14155550123", CallMode.NOTIFY, "The server is back up.", False)
    ]


def test_a_conversation_needs_no_message_but_a_notice_does(
    dial: DialCard, phone: RecordingPhone
) -> None:
    dial.number.set_number("4155550123")
    dial.call.click()
    assert "no message yet" in dial.problem.text()
    assert phone.commands == []
    dial.mode.set_value("conversation")
    dial.call.click()
    assert phone.commands == [("request_call", "+14155550123", CallMode.CONVERSATION, "", False)]


def test_a_message_that_is_too_long_is_kept_and_refused(
    dial: DialCard, phone: RecordingPhone
) -> None:
    dial.number.set_number("4155550123")
    dial.message.setPlainText("x" * 4001)
    dial.call.click()
    assert "4001" in dial.problem.text()
    assert len(dial.message.toPlainText()) == 4001
    assert phone.commands == []


def test_a_double_click_and_a_held_enter_ask_once(
    dial: DialCard, phone: RecordingPhone, bus: EventBus
) -> None:
    dial.number.set_number("4155550123")
    dial.message.setPlainText("Hello.")
    QTest.mouseClick(dial.call, Qt.MouseButton.LeftButton)
    QTest.mouseDClick(dial.call, Qt.MouseButton.LeftButton)
    dial.number.setFocus()
    held(Qt.Key.Key_Return)
    assert len(phone.commands) == 1
    bus.publish(ev.ErrorRaised("PHONE-24", "Calls to FR are switched off.", "Add the country."))
    dial.call.click()
    assert len(phone.commands) == 2


def test_a_held_enter_neither_allows_nor_denies_the_question_it_raised(
    dial: DialCard, phone: RecordingPhone, bus: EventBus, calls_page: CallsPage
) -> None:
    dial.number.set_number("4155550123")
    dial.message.setPlainText("Hello.")
    dial.number.setFocus()
    QTest.keyClick(dial.number, Qt.Key.Key_Return)
    bus.publish(ev.ApprovalRequested(an_approval(origin="window")))
    held(Qt.Key.Key_Return, 40)
    assert [command[0] for command in phone.commands] == ["request_call"]
    assert calls_page.questions.card is not None


def test_rehearse_offers_the_three_carriers(dial: DialCard, phone: RecordingPhone) -> None:
    actions = dial.rehearse.menu().actions()
    assert [action.text() for action in actions] == ["Twilio", "Telnyx", "Plivo"]
    for action in actions:
        action.trigger()
    assert phone.commands == [
        ("rehearse", "twilio"),
        ("rehearse", "telnyx"),
        ("rehearse", "plivo"),
    ]


@pytest.mark.parametrize(
    ("start", "end", "now", "quiet"),
    [
        ("22:00", "07:00", time(23, 0), True),
        ("22:00", "07:00", time(6, 59), True),
        ("22:00", "07:00", time(7, 0), False),
        ("22:00", "07:00", time(12, 0), False),
        ("01:00", "05:00", time(3, 0), True),
        ("01:00", "05:00", time(5, 0), False),
        ("08:00", "08:00", time(8, 0), False),
    ],
)
def test_quiet_hours_may_pass_midnight(start: str, end: str, now: time, quiet: bool) -> None:
    settings = Settings().with_value("limits", "quiet_from", start)
    assert is_quiet(now, settings.with_value("limits", "quiet_until", end).limits) is quiet


def test_the_switch_for_the_night_is_there_in_the_quiet_hours_alone(
    phone_window: MainWindow, dial: DialCard, phone: RecordingPhone
) -> None:
    change = phone_window.settings.change
    change("limits", "quiet_from", "00:00")
    change("limits", "quiet_until", "23:59")
    dial.tick()
    assert dial.at_night.isVisible()
    dial.at_night.setChecked(True)
    dial.number.set_number("4155550123")
    dial.message.setPlainText("Hello.")
    dial.call.click()
    assert phone.commands[-1][-1] is True
    change("limits", "quiet_from", "23:59")
    assert not dial.at_night.isVisible()
    assert not dial.at_night.isChecked()
