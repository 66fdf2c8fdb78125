"""The calls page as a whole: navigation, badge, empty state, warning, and the way back."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton, QWidget
from pytestqt.qtbot import QtBot

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import CallState, EndReason
from desktop_voice.storage.settings_file import SettingsFile
from desktop_voice.ui.bridge import Bridge
from desktop_voice.ui.call_watch import CallWatch
from desktop_voice.ui.pages.calls import CallsPage
from desktop_voice.ui.reach_watch import ReachWatch
from desktop_voice.ui.theme.tokens import DARK
from desktop_voice.ui.widgets.nav_button import NavButton
from desktop_voice.ui.window import MainWindow
from tests.helpers.recording_phone import RecordingPhone, a_call, an_approval


def nav(window: MainWindow, name: str) -> NavButton:
    (found,) = [b for b in window.findChildren(NavButton) if b.text() == name]
    return found


def ctrl(window: MainWindow, key: Qt.Key) -> None:
    QTest.keyClick(window, key, Qt.KeyboardModifier.ControlModifier)


def test_without_a_phone_there_is_no_calls_page(window: MainWindow) -> None:
    assert [b.text() for b in window.findChildren(NavButton)] == ["Assistant", "Settings"]
    assert window.calls is None
    ctrl(window, Qt.Key.Key_2)
    assert window.settings_page.isVisible()


def test_keys_lead_to_the_pages(phone_window: MainWindow, calls_page: CallsPage) -> None:
    ctrl(phone_window, Qt.Key.Key_1)
    assert phone_window.assistant.isVisible()
    ctrl(phone_window, Qt.Key.Key_2)
    assert calls_page.isVisible()
    assert nav(phone_window, "Calls").isChecked()
    ctrl(phone_window, Qt.Key.Key_3)
    assert phone_window.settings_page.isVisible()
    ctrl(phone_window, Qt.Key.Key_1)
    ctrl(phone_window, Qt.Key.Key_Comma)
    assert phone_window.settings_page.isVisible()


def test_the_badge_counts_live_calls_and_marks_questions(
    bus: EventBus, phone_window: MainWindow
) -> None:
    button = nav(phone_window, "Calls")
    assert button.badge == ""
    bus.publish(ev.CallChanged(a_call(1)))
    bus.publish(ev.CallChanged(a_call(2)))
    assert button.badge == "2"
    assert button.accessibleName() == "Calls, 2 live calls"
    bus.publish(ev.ApprovalRequested(an_approval()))
    assert button.badge == "2!"
    assert "a question waits for you" in button.accessibleName()
    bus.publish(ev.ApprovalSettled("a1", "denied"))
    for number in (1, 2):
        bus.publish(
            ev.CallChanged(a_call(number, state=CallState.ENDED, reason=EndReason.WE_HUNG_UP))
        )
    assert button.badge == ""
    assert button.accessibleName() == "Calls"


@pytest.mark.parametrize(
    ("status", "heading", "has_button"),
    [
        (ev.PhoneStatusChanged(False, False, "No carrier is set up."), "not set up", True),
        (ev.PhoneStatusChanged(True, False, "There is no public address."), "cannot reach", True),
        (ev.PhoneStatusChanged(True, True, "Ready to call through Twilio."), "No calls", False),
    ],
)
def test_the_empty_page_says_what_is_missing(
    bus: EventBus,
    phone_window: MainWindow,
    calls_page: CallsPage,
    status: ev.PhoneStatusChanged,
    heading: str,
    has_button: bool,
) -> None:
    bus.publish(status)
    assert heading in calls_page.status.heading.text()
    assert calls_page.status.text.text() == status.text
    assert calls_page.status.set_up.isVisible() is has_button
    if has_button:
        calls_page.status.set_up.click()
        assert phone_window.setup_page is not None
        assert phone_window.setup_page.isVisible()


def test_the_warning_stands_while_anybody_may_call(
    phone_window: MainWindow, calls_page: CallsPage
) -> None:
    assert calls_page.open_warning.isHidden()
    phone_window.settings.change("inbound", "policy", "open")
    assert calls_page.open_warning.isVisible()
    (change,) = calls_page.open_warning.findChildren(QPushButton)
    change.click()
    assert phone_window.settings_page.isVisible()
    phone_window.open_calls()
    phone_window.settings.change("inbound", "policy", "pairing")
    assert calls_page.open_warning.isHidden()


def test_a_banner_leads_to_the_question(
    bus: EventBus, phone_window: MainWindow, calls_page: CallsPage
) -> None:
    calls_page.show_history()
    phone_window.open_assistant()
    bus.publish(ev.ApprovalRequested(an_approval()))
    (show,) = [b for b in phone_window.banners.findChildren(QPushButton) if b.text() == "Show"]
    show.click()
    assert calls_page.isVisible()
    assert calls_page.questions.card is not None
    assert calls_page.questions.card.isVisible()
    assert not phone_window.banners.messages


def test_two_questions_about_one_number_keep_one_banner_until_both_are_answered(
    bus: EventBus, phone_window: MainWindow
) -> None:
    phone_window.open_assistant()
    for name in ("a1", "a2"):
        bus.publish(ev.ApprovalRequested(an_approval(name)))
    bus.publish(ev.ApprovalSettled("a1", "denied"))
    assert len(phone_window.banners.messages) == 1
    bus.publish(ev.ApprovalSettled("a2", "denied"))
    assert not phone_window.banners.messages


def test_a_narrow_page_puts_calls_above_the_dial_card(
    qtbot: QtBot, bus: EventBus, phone: RecordingPhone, store: SettingsFile
) -> None:
    bridge = Bridge(bus)
    page = CallsPage(
        CallWatch(phone, bridge), ReachWatch(phone, bridge), bridge, store.current, DARK
    )
    qtbot.addWidget(page)
    page.resize(1000, 700)
    page.show()
    bus.publish(ev.CallChanged(a_call(1)))
    card = page.live.cards[a_call(1).id]

    def place(widget: QWidget) -> QPoint:
        return widget.mapTo(page, QPoint(0, 0))

    qtbot.waitUntil(lambda: place(page.dial).x() < place(card).x())
    page.resize(330, 700)
    qtbot.waitUntil(lambda: place(page.dial).y() >= place(card).y() + card.height() > 0)
    bridge.close()
