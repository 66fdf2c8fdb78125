"""Live calls: state, words, time, and everything that can be done about a call."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import CallState, CarrierName, Direction, EndReason
from desktop_voice.storage.settings_file import SettingsFile
from desktop_voice.ui.call_words import state_shape, state_text
from desktop_voice.ui.pages.calls import CallsPage
from desktop_voice.ui.pages.live_call_card import LiveCallCard
from desktop_voice.ui.theme.tokens import LIGHT
from desktop_voice.ui.widgets.conversation import Entry
from desktop_voice.ui.window import MainWindow
from tests.helpers.recording_control import RecordingControl
from tests.helpers.recording_phone import NOW, RecordingPhone, a_call, some_lines
from tests.ui.conftest import dispose


def on_air(bus: EventBus, page: CallsPage, number: int = 1, **details: object) -> LiveCallCard:
    call = a_call(number, **details)  # type: ignore[arg-type]
    bus.publish(ev.CallChanged(call))
    return page.live.cards[call.id]


def test_a_card_names_number_state_direction_carrier_and_pipeline(
    bus: EventBus, calls_page: CallsPage
) -> None:
    card = on_air(
        bus,
        calls_page,
        far="+390612345678",
        direction=Direction.INBOUND,
        carrier=CarrierName.TELNYX,
        detail="Fell back to gather.",
    )
    assert card.number.text() == "+39 06 1234 5678"
    assert card.state.text() == "Talking"
    for part in ("Incoming", "Conversation", "Telnyx", "cascading", "Fell back to gather."):
        assert part in card.details.text()


def test_each_state_has_a_shape_and_a_text_of_its_own() -> None:
    assert len({state_shape(state) for state in CallState}) == len(CallState)
    assert len({state_text(state) for state in CallState}) == len(CallState)


@pytest.mark.parametrize("state", [state for state in CallState if state.is_live])
def test_state_is_shown_as_it_changes(
    bus: EventBus, calls_page: CallsPage, state: CallState
) -> None:
    card = on_air(bus, calls_page, state=CallState.PLANNED)
    bus.publish(ev.CallChanged(a_call(1, state=state)))
    assert card.state.text() == state_text(state)
    assert card.shape.text() == state_shape(state)


def test_time_runs_from_the_answer(bus: EventBus, calls_page: CallsPage) -> None:
    card = on_air(bus, calls_page)
    card.tick(NOW + timedelta(seconds=5 + 42))
    assert card.timer.text() == "0:42"
    card.tick(NOW + timedelta(seconds=5 + 3723))
    assert card.timer.text() == "1:02:03"
    ringing = on_air(bus, calls_page, 2, state=CallState.RINGING)
    ringing.tick(NOW)
    assert ringing.timer.isHidden()


def test_both_sides_words_appear_on_their_own_card(bus: EventBus, calls_page: CallsPage) -> None:
    first, second = on_air(bus, calls_page, 1), on_air(bus, calls_page, 2)
    line = first.call.id
    bus.publish(ev.PartialTranscript(line, "a table for"))
    assert first.live.accessibleName() == "Other side: a table for…"
    bus.publish(ev.UserTurn(line, "A table for two, please."))
    assert first.live.text() == ""
    bus.publish(ev.ReplyText(line, "Of course."))
    bus.publish(ev.ReplyText(line, "Anything else?"))
    bus.publish(ev.AssistantTurn(line, "Of course. Anything else?", "Of course."))
    bus.publish(ev.UserTurn(line, "42#", "dtmf"))
    bus.publish(ev.ToolRan(line, "book_table"))
    assert first.view.entries == (
        Entry("user", "A table for two, please."),
        Entry("assistant", "Of course.", "Anything else?"),
        Entry("user", "Keys 42#"),
    )
    assert "book_table" in first.live.accessibleName()
    assert first.view.toPlainText().splitlines()[0] == "Other side"
    assert second.view.entries == ()


def test_words_of_callers_are_text_and_never_markup(bus: EventBus, calls_page: CallsPage) -> None:
    card = on_air(bus, calls_page, detail="<b>x</b>")
    bus.publish(ev.UserTurn(card.call.id, "<img src=x><b>bold</b>"))
    bus.publish(ev.PartialTranscript(card.call.id, "<i>partial</i>"))
    assert "<img src=x><b>bold</b>" in card.view.toPlainText()
    assert "<i>partial</i>" in card.live.accessibleName()
    assert card.live.textFormat() is Qt.TextFormat.PlainText
    assert card.details.textFormat() is Qt.TextFormat.PlainText


def test_words_for_a_call_nobody_knows_are_left_out(bus: EventBus, calls_page: CallsPage) -> None:
    bus.publish(ev.UserTurn("unknown", "hello"))
    bus.publish(ev.CallLimitNear("unknown", 30))
    assert calls_page.live.is_empty


def test_hang_up_say_keys_and_more_time_reach_the_phone(
    bus: EventBus, calls_page: CallsPage, phone: RecordingPhone
) -> None:
    card = on_air(bus, calls_page)
    name = card.call.id
    QTest.keyClicks(card.say_field, "One moment.")
    QTest.keyClick(card.say_field, Qt.Key.Key_Return)
    card.keypad_button.click()
    card.keypad.keys["5"].click()
    card.keypad.keys["#"].setFocus()
    QTest.keyClicks(card.keypad.keys["#"], "9")
    bus.publish(ev.CallLimitNear(name, 30))
    assert card.extend_button.isVisible()
    assert "0:30" in card.extend_button.text()
    card.extend_button.click()
    assert card.extend_button.isHidden()
    card.hang_up_button.setFocus()
    QTest.keyClick(card.hang_up_button, Qt.Key.Key_Space)
    assert phone.commands == [
        ("speak", name, "One moment."),
        ("send_dtmf", name, "5"),
        ("send_dtmf", name, "9"),
        ("extend", name),
        ("hang_up", name),
    ]
    assert card.say_field.text() == ""


def test_the_offer_of_more_time_goes_when_there_is_more(
    bus: EventBus, calls_page: CallsPage
) -> None:
    card = on_air(bus, calls_page)
    bus.publish(ev.CallLimitNear(card.call.id, 30))
    bus.publish(ev.CallChanged(a_call(1, soft_limit_s=600)))
    assert card.extend_button.isHidden()


def test_after_an_extension_the_time_left_is_that_to_the_new_end(
    bus: EventBus, calls_page: CallsPage
) -> None:
    card = on_air(bus, calls_page)
    bus.publish(ev.CallLimitNear(card.call.id, 30))
    card.extend_button.click()
    bus.publish(ev.CallChanged(a_call(1, soft_limit_s=600)))
    bus.publish(ev.CallLimitNear(card.call.id, 30))
    card.tick(NOW + timedelta(seconds=5 + 575))
    assert card.extend_button.text() == "+5 min (0:25 left)"
    assert card.extend_button.isEnabled()


def test_no_more_time_is_offered_to_a_call_at_its_longest(
    bus: EventBus, calls_page: CallsPage
) -> None:
    card = on_air(bus, calls_page, soft_limit_s=3600)
    bus.publish(ev.CallLimitNear(card.call.id, 30))
    assert card.extend_button.text() == "0:30 left"
    assert not card.extend_button.isEnabled()


def test_nothing_can_be_said_before_somebody_answers(bus: EventBus, calls_page: CallsPage) -> None:
    card = on_air(bus, calls_page, state=CallState.RINGING)
    assert not card.say_field.isEnabled()
    assert not card.keypad_button.isEnabled()
    assert card.hang_up_button.isEnabled()


def test_an_ended_call_says_why_until_it_is_closed(bus: EventBus, calls_page: CallsPage) -> None:
    card = on_air(bus, calls_page)
    ended = a_call(1, state=CallState.ENDED, reason=EndReason.MEDIA_LOST)
    bus.publish(ev.CallChanged(ended))
    assert "The sound connection to the carrier was lost." in card.state.text()
    assert card.hang_up_button.isHidden()
    assert card.say_field.isHidden()
    card.close_button.click()
    assert calls_page.live.is_empty
    assert calls_page.status.isVisible()


def test_only_the_last_few_ended_calls_stay(bus: EventBus, calls_page: CallsPage) -> None:
    for number in range(8):
        on_air(bus, calls_page, number)
        bus.publish(
            ev.CallChanged(a_call(number, state=CallState.ENDED, reason=EndReason.WE_HUNG_UP))
        )
    assert [card.call.id for card in calls_page.live.cards.values()] == [
        a_call(number).id for number in (5, 6, 7)
    ]


def test_ten_calls_stand_one_below_the_other(
    qtbot: QtBot, bus: EventBus, calls_page: CallsPage
) -> None:
    cards = [on_air(bus, calls_page, number) for number in range(10)]
    assert [card.is_expanded for card in cards] == [True, True, *[False] * 8]
    qtbot.waitUntil(lambda: cards[-1].y() > cards[-2].y() > 0)
    for above, below in pairwise(cards):
        assert not above.geometry().intersects(below.geometry())
    cards[5].expand.click()
    assert cards[5].view.isVisible()


def test_calls_that_lived_before_the_window_are_there_with_their_words(
    qtbot: QtBot, control: RecordingControl, bus: EventBus, store: SettingsFile
) -> None:
    phone = RecordingPhone()
    call = a_call(3)
    phone.calls = (call,)
    phone.lines[call.id] = some_lines(call.id, 500)
    window = MainWindow(control, bus, store, phone=phone)
    assert window.calls is not None
    card = window.calls.live.cards[call.id]
    qtbot.waitUntil(lambda: len(card.view.entries) == 500)
    dispose(window)


def test_another_theme_keeps_the_words(
    bus: EventBus, calls_page: CallsPage, phone_window: MainWindow
) -> None:
    card = on_air(bus, calls_page)
    bus.publish(ev.UserTurn(card.call.id, "Keep me."))
    before = card.view.toPlainText()
    phone_window.settings.change("general", "theme", "light")
    assert phone_window.theme.tokens is LIGHT
    assert card.view.toPlainText() == before
