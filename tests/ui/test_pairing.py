"""Pairing: the code, and letting a caller in who gave it."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import CallState, EndReason
from desktop_voice.ui.pages.calls import CallsPage
from desktop_voice.ui.pages.pairing_card import PairingCard
from desktop_voice.ui.window import MainWindow
from tests.helpers.recording_phone import RecordingPhone, a_call

CALL = a_call(1)


@pytest.fixture
def card(bus: EventBus, calls_page: CallsPage) -> PairingCard:
    bus.publish(ev.CallChanged(CALL))
    bus.publish(ev.PairingRequested(CALL.id, "+390612345678", "12345678"))
    (card,) = calls_page.questions.pairings
    return card


def test_the_code_is_large_and_can_be_read_out(card: PairingCard) -> None:
    assert card.code.text() == "1234  5678"
    assert card.code.accessibleName() == "Code 1 2 3 4 5 6 7 8"
    assert card.code.fontMetrics().height() > 1.8 * card.advice.fontMetrics().height()
    assert "+39 06 1234 5678" in card.number.text()
    assert not card.let_in.isVisible()


def test_a_right_code_still_waits_for_the_user(
    qtbot: QtBot, card: PairingCard, bus: EventBus, phone: RecordingPhone
) -> None:
    bus.publish(ev.PairingCodeGiven(CALL.id, "+390612345678"))
    assert card.let_in.isVisible()
    assert not card.code.isVisible()
    QTest.mouseClick(card.let_in, Qt.MouseButton.LeftButton)
    assert phone.commands == []
    qtbot.waitUntil(card.let_in.isEnabled)
    QTest.mouseClick(card.let_in, Qt.MouseButton.LeftButton)
    QTest.mouseClick(card.let_in, Qt.MouseButton.LeftButton)
    assert phone.commands == [("settle_pairing", CALL.id, True)]


def test_a_caller_can_be_sent_away(card: PairingCard, phone: RecordingPhone) -> None:
    QTest.mouseClick(card.reject, Qt.MouseButton.LeftButton)
    assert phone.commands == [("settle_pairing", CALL.id, False)]


@pytest.mark.parametrize(
    "event",
    [
        ev.PairingSettled(CALL.id, "+390612345678", True),
        ev.CallChanged(a_call(1, state=CallState.ENDED, reason=EndReason.FAR_END_HUNG_UP)),
    ],
    ids=["settled", "hung up"],
)
def test_the_card_goes_when_the_question_does(
    card: PairingCard, bus: EventBus, calls_page: CallsPage, event: ev.Event
) -> None:
    bus.publish(event)
    assert calls_page.questions.is_empty


def test_a_new_caller_is_told_of_outside_the_page(bus: EventBus, phone_window: MainWindow) -> None:
    phone_window.open_settings()
    bus.publish(ev.PairingRequested(CALL.id, "+390612345678", "12345678"))
    (notice,) = phone_window.banners.messages
    assert "+39 06 1234 5678" in notice.what
    assert "12345678" not in f"{notice.what} {notice.do}"
