"""The tray and calls: live calls, hanging up, questions asked while nobody looks, and quitting."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMessageBox, QSystemTrayIcon
from pytestqt.qtbot import QtBot

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import CallState, EndReason
from desktop_voice.ui.pages.calls import CallsPage
from desktop_voice.ui.quit_question import QuitQuestion
from desktop_voice.ui.tray import Tray
from desktop_voice.ui.tray_calls import TrayCalls
from desktop_voice.ui.window import MainWindow
from tests.helpers.recording_phone import RecordingPhone, a_call, an_approval


@pytest.fixture
def tray(phone_window: MainWindow, messages: list[tuple[str, str]]) -> Iterator[Tray]:
    tray = Tray(phone_window)
    yield tray
    tray.close()


@pytest.fixture
def calls(tray: Tray) -> TrayCalls:
    assert tray.calls is not None
    return tray.calls


def entries(calls: TrayCalls) -> list[str]:
    return [action.text() for action in calls.menu.actions() if not action.isSeparator()]


def ended(number: int) -> ev.CallChanged:
    return ev.CallChanged(a_call(number, state=CallState.ENDED, reason=EndReason.WE_HUNG_UP))


def test_the_submenu_lists_live_calls_and_hangs_them_up(
    tray: Tray, calls: TrayCalls, bus: EventBus, phone: RecordingPhone
) -> None:
    assert not calls.menu.menuAction().isEnabled()
    bus.publish(ev.CallChanged(a_call(1)))
    bus.publish(ev.CallChanged(a_call(2, state=CallState.RINGING, far="")))
    assert calls.menu.title() == "Calls (2)"
    assert entries(calls) == [
        "Hang up +1 415-555-0123 (Talking)",
        "Hang up Withheld number (Ringing…)",
        "Hang up all",
    ]
    assert tray.icon.toolTip() == "Desktop Voice: Ready · 2 calls"
    for action in calls.menu.actions():
        action.trigger()
    assert phone.commands == [
        ("hang_up", a_call(1).id),
        ("hang_up", a_call(2).id),
        ("hang_up_all",),
    ]
    bus.publish(ended(1))
    assert tray.icon.toolTip() == "Desktop Voice: Ready · 1 call"
    bus.publish(ended(2))
    assert tray.icon.toolTip() == "Desktop Voice: Ready"
    assert not calls.menu.menuAction().isEnabled()


def test_no_entry_takes_the_place_of_another_under_the_pointer(
    calls: TrayCalls, bus: EventBus, phone: RecordingPhone
) -> None:
    bus.publish(ev.CallChanged(a_call(1)))
    bus.publish(ev.CallChanged(a_call(2)))
    calls.menu.aboutToShow.emit()
    first, second = calls.menu.actions()[:2]
    bus.publish(ended(1))
    bus.publish(ev.CallChanged(a_call(3)))
    assert calls.menu.actions()[:2] == [first, second]
    assert not first.isEnabled()
    first.trigger()
    assert phone.commands == []
    second.trigger()
    assert phone.commands == [("hang_up", a_call(2).id)]
    assert calls.menu.title() == "Calls (2)"
    # Opened anew, it has the calls that go on.
    calls.menu.aboutToShow.emit()
    assert len(entries(calls)) == 3
    calls.menu.actions()[1].trigger()
    assert phone.commands[1:] == [("hang_up", a_call(3).id)]


def test_when_the_last_call_ends_nothing_of_it_stays(calls: TrayCalls, bus: EventBus) -> None:
    bus.publish(ev.CallChanged(a_call(1)))
    bus.publish(ended(1))
    bus.publish(ev.CallChanged(a_call(2)))
    assert entries(calls) == ["Hang up +1 415-555-0123 (Talking)", "Hang up all"]


def test_a_question_asked_while_hidden_is_told_and_a_click_opens_the_calls(
    tray: Tray,
    bus: EventBus,
    phone_window: MainWindow,
    calls_page: CallsPage,
    phone: RecordingPhone,
    messages: list[tuple[str, str]],
) -> None:
    phone_window.open_assistant()
    phone_window.hide()
    bus.publish(ev.ApprovalRequested(an_approval(message="Secret plans.")))
    ((title, text),) = messages
    assert title == "The assistant wants to call +1 415-555-0123."
    assert "Secret plans" not in text
    tray.icon.messageClicked.emit()
    assert phone_window.isVisible()
    assert calls_page.isVisible()
    assert calls_page.questions.card is not None
    assert phone.commands == []


def test_own_questions_and_visible_windows_need_no_message(
    tray: Tray, bus: EventBus, phone_window: MainWindow, messages: list[tuple[str, str]]
) -> None:
    bus.publish(ev.ApprovalRequested(an_approval("a1")))
    phone_window.hide()
    bus.publish(ev.ApprovalRequested(an_approval("a2", origin="terminal")))
    assert messages == []


def test_another_message_does_not_lead_to_the_calls(
    tray: Tray, bus: EventBus, phone_window: MainWindow, calls_page: CallsPage
) -> None:
    phone_window.open_assistant()
    phone_window.hide()
    bus.publish(ev.ApprovalRequested(an_approval()))
    bus.publish(ev.Notice("Something else."))
    tray.icon.messageClicked.emit()
    assert phone_window.isVisible()
    assert not calls_page.isVisible()


def question(window: MainWindow) -> QuitQuestion:
    (found,) = window.findChildren(QuitQuestion)
    return found


def test_quit_asks_while_calls_go_on_and_blocks_nothing(
    qtbot: QtBot, tray: Tray, bus: EventBus, phone_window: MainWindow, phone: RecordingPhone
) -> None:
    bus.publish(ev.CallChanged(a_call(1)))
    bus.publish(ev.CallChanged(a_call(2)))
    phone_window.hide()
    with qtbot.assertNotEmitted(phone_window.quit_requested):
        tray.quit.trigger()
    asked = question(phone_window)
    assert asked.text() == "2 calls are going on. Hang up and quit?"
    assert asked.isVisible()
    assert asked.defaultButton() is asked.stay
    bus.publish(ev.UserTurn(a_call(1).id, "Still talking."))
    assert phone_window.calls is not None
    assert phone_window.calls.live.cards[a_call(1).id].view.entries[-1].text == "Still talking."
    with qtbot.waitSignal(phone_window.quit_requested):
        asked.yes.click()
    assert phone.commands == [("hang_up_all",)]


def test_staying_keeps_everything_and_asks_again_next_time(
    qtbot: QtBot, bus: EventBus, phone_window: MainWindow, phone: RecordingPhone
) -> None:
    bus.publish(ev.CallChanged(a_call(1)))
    with qtbot.assertNotEmitted(phone_window.quit_requested):
        QTest.keyClick(phone_window, Qt.Key.Key_Q, Qt.KeyboardModifier.ControlModifier)
        phone_window.request_quit()
        asked = question(phone_window)
        assert asked.text() == "1 call is going on. Hang up and quit?"
        QTest.keyClick(asked, Qt.Key.Key_Escape)
        qtbot.waitUntil(lambda: phone_window.findChildren(QMessageBox) == [])
    phone_window.request_quit()
    assert question(phone_window).isVisible()
    assert phone.commands == []


def test_without_calls_quit_is_quit(qtbot: QtBot, bus: EventBus, phone_window: MainWindow) -> None:
    bus.publish(ev.CallChanged(a_call(1)))
    bus.publish(ended(1))
    with qtbot.waitSignal(phone_window.quit_requested):
        phone_window.request_quit()


def test_closing_where_there_is_no_tray_asks_too(
    qtbot: QtBot, bus: EventBus, phone_window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QSystemTrayIcon, "isSystemTrayAvailable", lambda: False)
    bus.publish(ev.CallChanged(a_call(1)))
    with qtbot.assertNotEmitted(phone_window.quit_requested):
        phone_window.close()
    assert question(phone_window).isVisible()
