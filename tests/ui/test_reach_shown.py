"""A dead hop before a caller meets it: the tray, the banner and the calls page's card."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.reach import Hop, HopReport, HopState, Reach, ReachState
from desktop_voice.ui.pages.calls import CallsPage
from desktop_voice.ui.tray import Tray
from desktop_voice.ui.window import MainWindow
from tests.helpers.recording_phone import RecordingPhone, a_call
from tests.ui.setup_parts import BASE, NUMBER, a_failure

DEAD = "Callers cannot get through: cloudflared has stopped."


@pytest.fixture
def tray(phone_window: MainWindow, messages: list[tuple[str, str]]) -> Iterator[Tray]:
    tray = Tray(phone_window)
    yield tray
    tray.close()


def tell(bus: EventBus, state: ReachState, *hops: HopReport) -> None:
    bus.publish(ev.ReachChanged(Reach(state, BASE, NUMBER, hops)))


def test_the_tray_shows_a_dead_hop_until_callers_get_through(tray: Tray, bus: EventBus) -> None:
    assert tray.reach is not None
    action = tray.reach.action
    before = tray.icon.icon().pixmap(22, 22).toImage()
    assert not action.isVisible()
    tell(bus, ReachState.BROKEN, a_failure(text="A & B has stopped."))
    assert action.isVisible()
    assert action.text() == "Callers cannot get through: A && B has stopped."
    assert tray.icon.toolTip().endswith("Callers cannot get through: A & B has stopped.")
    assert tray.icon.icon().pixmap(22, 22).toImage() != before
    tell(bus, ReachState.CHECKING, HopReport(Hop.TUNNEL, HopState.RUNNING))
    assert action.isVisible()
    tell(bus, ReachState.READY, HopReport(Hop.TUNNEL, HopState.OK))
    assert not action.isVisible()
    assert tray.icon.toolTip() == "Desktop Voice: Ready"
    assert tray.icon.icon().pixmap(22, 22).toImage() == before


def test_the_trays_line_opens_the_set_up(
    tray: Tray, bus: EventBus, phone_window: MainWindow
) -> None:
    tell(bus, ReachState.BROKEN, a_failure())
    phone_window.hide()
    assert tray.reach is not None
    tray.reach.action.trigger()
    assert phone_window.isVisible()
    assert phone_window.setup_page is not None
    assert phone_window.setup_page.isVisible()


def test_a_break_is_told_once_however_often_it_is_tried(
    tray: Tray, bus: EventBus, phone_window: MainWindow, messages: list[tuple[str, str]]
) -> None:
    phone_window.hide()
    tell(bus, ReachState.CHECKING)
    for _ in range(5):
        tell(bus, ReachState.BROKEN, a_failure())
        tell(bus, ReachState.CHECKING, HopReport(Hop.TUNNEL, HopState.RUNNING))
    assert messages == [(DEAD, "Restart it.")]
    tell(bus, ReachState.BROKEN, a_failure(Hop.DNS, text="The name is gone."))
    tell(bus, ReachState.BROKEN, a_failure())
    assert [title for title, _text in messages] == [
        DEAD,
        "Callers cannot get through: The name is gone.",
    ]
    tell(bus, ReachState.READY)
    tell(bus, ReachState.BROKEN, a_failure())
    assert len(messages) == 3
    tray.icon.messageClicked.emit()
    assert phone_window.setup_page is not None
    assert phone_window.setup_page.isVisible()


def test_a_visible_window_has_a_banner_instead(
    tray: Tray,
    bus: EventBus,
    phone_window: MainWindow,
    phone: RecordingPhone,
    messages: list[tuple[str, str]],
) -> None:
    phone_window.open_assistant()
    tell(bus, ReachState.BROKEN, a_failure())
    tell(bus, ReachState.BROKEN, a_failure())
    assert messages == []
    assert [m.what for m in phone_window.banners.messages] == [DEAD]
    tell(bus, ReachState.READY)
    assert phone_window.banners.messages == ()
    tell(bus, ReachState.BROKEN, a_failure())
    buttons = phone_window.banners.findChildren(QPushButton)
    (repair,) = [b for b in buttons if b.text() == "Repair" and b.isVisible()]
    repair.click()
    assert phone_window.setup_page is not None
    assert phone_window.setup_page.isVisible()
    assert phone.commands == [("repair", a_failure().fix)]


def test_the_page_that_shows_it_needs_no_banner(bus: EventBus, phone_window: MainWindow) -> None:
    tell(bus, ReachState.BROKEN, a_failure())
    assert phone_window.banners.messages == ()


def test_the_card_tells_how_callers_get_through(
    bus: EventBus, phone_window: MainWindow, calls_page: CallsPage
) -> None:
    card = calls_page.status
    bus.publish(ev.PhoneStatusChanged(True, True, "Ready to call through Twilio."))
    phone_window.settings.change("inbound", "policy", "pairing")
    tell(bus, ReachState.CHECKING)
    assert "Checking" in card.heading.text()
    tell(bus, ReachState.READY)
    assert card.heading.text() == "Ready for calls"
    assert card.text.text() == (
        "Calls to +1 415-555-0100 reach this machine. New callers need a code from this window."
    )
    phone_window.settings.change("inbound", "policy", "open")
    assert "Anybody may call in." in card.text.text()
    assert card.repair.isHidden()
    assert card.set_up.isHidden()
    tell(bus, ReachState.BROKEN, a_failure())
    assert card.heading.text() == "Callers cannot get through"
    assert card.text.text() == "cloudflared has stopped."
    assert card.advice.text() == "Restart it."
    assert card.repair.isVisible()
    tell(bus, ReachState.CHECKING, HopReport(Hop.TUNNEL, HopState.RUNNING))
    assert card.text.text() == "cloudflared has stopped."
    assert "checking again" in card.heading.text()


def test_a_dead_hop_is_told_beside_live_calls(
    bus: EventBus, phone_window: MainWindow, calls_page: CallsPage
) -> None:
    bus.publish(ev.CallChanged(a_call(1)))
    tell(bus, ReachState.BROKEN, a_failure())
    assert calls_page.status.isHidden()
    assert calls_page._status_line.text() == "cloudflared has stopped."
    assert calls_page._status_line.isVisible()


def test_the_set_up_is_a_click_away_from_the_calls_and_back(
    qtbot: QtBot, phone_window: MainWindow, calls_page: CallsPage
) -> None:
    calls_page.setup_button.click()
    page = phone_window.setup_page
    assert page is not None
    assert page.isVisible()
    page.back.click()
    assert calls_page.isVisible()


def test_a_window_without_a_phone_has_no_set_up(window: MainWindow) -> None:
    window.open_phone_setup()
    window.mend_reach()
    assert window.setup_page is None
    assert window.assistant.isVisible()
