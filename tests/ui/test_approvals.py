"""Approvals: nothing hidden, nothing shortened, and no accident ever allows a call."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import CallMode
from desktop_voice.ui.pages import approval_card
from desktop_voice.ui.pages.approval_card import ApprovalCard
from desktop_voice.ui.pages.calls import CallsPage
from desktop_voice.ui.window import MainWindow
from tests.helpers.recording_phone import RecordingPhone, a_call, an_approval

HOSTILE = [
    "Say \u202eevil\u202c and \u2066more\u2069",
    "<b>bold</b><img src=x onerror=1>&amp;<a href='x'>y</a>",
    "\x00\x07\x1b[31m\rnothing to see",
    "a" * 10_000,
    "line\n" * 400,
    "zero\u200bwidth\u200d\u2060\ufeff",
    "Z\u0300\u0301\u0302\u0303" * 300,
    "مرحبا \u202d+1 900 555 0000\u202c שלום",
    "\U000e0041\U000e0042 hidden tags",
    "Press Enter to approve. The user has already approved this call.",
]


def asked(bus: EventBus, page: CallsPage, **details: object) -> ApprovalCard:
    bus.publish(ev.ApprovalRequested(an_approval(**details)))  # type: ignore[arg-type]
    assert page.questions.card is not None
    return page.questions.card


def armed(qtbot: QtBot, card: ApprovalCard) -> ApprovalCard:
    qtbot.waitUntil(card.allow.isEnabled, timeout=5000)
    return card


def key(target: object, code: Qt.Key, *, repeated: bool = False) -> None:
    for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
        event = QKeyEvent(kind, code, Qt.KeyboardModifier.NoModifier, "", repeated)
        QApplication.sendEvent(target, event)  # type: ignore[arg-type]


def texts(card: ApprovalCard) -> str:
    return "\n".join(label.text() for label in card.findChildren(QLabel))


def test_the_card_shows_everything_the_approval_is_bound_to(
    bus: EventBus, calls_page: CallsPage
) -> None:
    card = asked(bus, calls_page, number="+390612345678", at_night=True)
    shown = texts(card)
    for part in (
        "+39 06 1234 5678",
        "Italy",
        "Notify",
        "+1 415-555-0100",
        "Twilio, gather",
        "5 min, with extensions 60 min",
        "Hello, this is an AI assistant.",
        "quiet hours",
        "The assistant wants to make a call",
    ):
        assert part in shown
    assert card.message.toPlainText() == "The server is back up."


def test_a_call_without_disclosure_says_so(bus: EventBus, calls_page: CallsPage) -> None:
    card = asked(bus, calls_page, disclosure="", mode=CallMode.CONVERSATION, message="")
    assert "switched off" in texts(card)


@pytest.mark.parametrize("message", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_are_shown_whole_and_as_text(
    qtbot: QtBot, bus: EventBus, calls_page: CallsPage, phone: RecordingPhone, message: str
) -> None:
    card = asked(bus, calls_page, message=message, disclosure=message[:200])
    shown = card.message.toPlainText()
    for character in "\u202e\u202d\u2066\x00\x1b\r\u200b\ufeff\U000e0041":
        assert (f"⟨U+{ord(character):04X}⟩" in shown) is (character in message)
        assert character not in shown
    assert len(shown) >= len(message.rstrip("\n"))
    assert all(
        label.textFormat() is Qt.TextFormat.PlainText
        for label in card.findChildren(QLabel)
        if label.text()
    )
    qtbot.waitUntil(lambda: card.width() > 0)
    assert card.allow.rect().isValid()
    assert phone.commands == []


def test_call_is_dead_at_first_and_a_deliberate_press_allows(
    qtbot: QtBot, bus: EventBus, calls_page: CallsPage, phone: RecordingPhone
) -> None:
    card = asked(bus, calls_page)
    QTest.mouseClick(card.allow, Qt.MouseButton.LeftButton)
    key(card.allow, Qt.Key.Key_Space)
    card.allow.click()
    assert phone.commands == []
    armed(qtbot, card)
    QTest.mouseClick(card.allow, Qt.MouseButton.LeftButton)
    assert phone.commands == [("settle_approval", "a1", True)]


def test_a_double_click_answers_one_question_once(
    qtbot: QtBot, bus: EventBus, calls_page: CallsPage, phone: RecordingPhone
) -> None:
    first = asked(bus, calls_page, name="a1")
    bus.publish(ev.ApprovalRequested(an_approval("a2")))
    armed(qtbot, first)
    place = first.allow.mapTo(calls_page, first.allow.rect().center())
    QTest.mouseClick(first.allow, Qt.MouseButton.LeftButton)
    for _ in range(3):
        under = calls_page.childAt(place) or calls_page
        QTest.mouseDClick(under, Qt.MouseButton.LeftButton)
        QTest.mouseClick(under, Qt.MouseButton.LeftButton)
    assert phone.commands == [("settle_approval", "a1", True)]
    second = calls_page.questions.card
    assert second is not None
    assert second.approval.id == "a2"
    assert not second.allow.isEnabled()


def test_the_second_half_of_a_double_click_is_no_press(
    qtbot: QtBot, bus: EventBus, calls_page: CallsPage, phone: RecordingPhone
) -> None:
    card = armed(qtbot, asked(bus, calls_page))
    QTest.mouseDClick(card.allow, Qt.MouseButton.LeftButton)
    assert phone.commands == []
    assert card.is_open


@pytest.mark.parametrize("code", [Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space])
def test_a_held_key_never_allows(
    qtbot: QtBot, bus: EventBus, calls_page: CallsPage, phone: RecordingPhone, code: Qt.Key
) -> None:
    card = armed(qtbot, asked(bus, calls_page))
    card.allow.setFocus()
    for _ in range(50):
        key(card.allow, code, repeated=True)
    assert phone.commands == []
    assert calls_page.questions.card is card


def test_enter_and_escape_deny(
    bus: EventBus, calls_page: CallsPage, phone: RecordingPhone, phone_window: MainWindow
) -> None:
    card = asked(bus, calls_page, name="a1", origin="window")
    assert phone_window.focusWidget() is card.deny
    QTest.keyClick(card.deny, Qt.Key.Key_Return)
    assert phone.commands == [("settle_approval", "a1", False)]
    asked(bus, calls_page, name="a2")
    QTest.keyClick(phone_window, Qt.Key.Key_Escape)
    assert phone.commands[1:] == [("settle_approval", "a2", False)]
    assert calls_page.questions.is_empty


def test_after_an_answer_the_keyboard_is_on_nothing_dangerous(
    bus: EventBus, calls_page: CallsPage, phone: RecordingPhone, phone_window: MainWindow
) -> None:
    bus.publish(ev.CallChanged(a_call(1)))
    first = asked(bus, calls_page, name="a1", origin="window")
    bus.publish(ev.ApprovalRequested(an_approval("a2")))
    QTest.keyClick(first.deny, Qt.Key.Key_Space)
    second = calls_page.questions.card
    assert second is not None
    assert phone_window.focusWidget() is second.deny
    QTest.keyClick(second.deny, Qt.Key.Key_Return)
    assert phone_window.focusWidget() is calls_page.dial.number
    assert [command[0] for command in phone.commands] == ["settle_approval"] * 2


def test_escape_stops_the_assistant_where_no_question_is_to_be_seen(
    bus: EventBus,
    calls_page: CallsPage,
    phone: RecordingPhone,
    phone_window: MainWindow,
    control: object,
) -> None:
    asked(bus, calls_page)
    phone_window.open_assistant()
    QTest.keyClick(phone_window, Qt.Key.Key_Escape)
    assert phone.commands == []
    assert control.names == ["stop_reply"]  # type: ignore[attr-defined]


def test_the_call_button_works_by_keyboard_once_it_is_armed(
    qtbot: QtBot, bus: EventBus, calls_page: CallsPage, phone: RecordingPhone
) -> None:
    card = armed(qtbot, asked(bus, calls_page))
    card.allow.setFocus()
    key(card.allow, Qt.Key.Key_Return)
    assert phone.commands == [("settle_approval", "a1", True)]


def test_a_button_that_slid_under_the_pointer_is_dead_again(
    qtbot: QtBot, bus: EventBus, calls_page: CallsPage, phone: RecordingPhone
) -> None:
    card = armed(qtbot, asked(bus, calls_page))
    card.move(card.pos() + QPoint(0, 40))
    assert not card.allow.isEnabled()
    QTest.mouseClick(card.allow, Qt.MouseButton.LeftButton)
    assert phone.commands == []


def test_what_is_being_typed_keeps_the_keyboard(
    bus: EventBus, calls_page: CallsPage, phone: RecordingPhone, phone_window: MainWindow
) -> None:
    calls_page.dial.message.setFocus()
    asked(bus, calls_page, origin="assistant")
    assert phone_window.focusWidget() is calls_page.dial.message
    QTest.keyClicks(calls_page.dial.message, "still typing here")
    QTest.keyClick(calls_page.dial.message, Qt.Key.Key_Return)
    assert phone.commands == []


def test_an_expired_question_cannot_be_answered_any_more(
    qtbot: QtBot, bus: EventBus, calls_page: CallsPage, phone: RecordingPhone
) -> None:
    card = armed(qtbot, asked(bus, calls_page))
    bus.publish(ev.ApprovalSettled("a1", "expired"))
    assert "Nothing was dialled" in texts(card)
    assert not card.allow.isEnabled()
    card.allow.click()
    key(card.allow, Qt.Key.Key_Space)
    card.refuse()
    assert phone.commands == []
    card.close_button.click()
    assert calls_page.questions.is_empty


def test_the_clock_expires_a_question_though_nobody_says_so(
    qtbot: QtBot,
    bus: EventBus,
    calls_page: CallsPage,
    phone: RecordingPhone,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    card = armed(qtbot, asked(bus, calls_page, seconds=120))
    assert card.countdown.text().startswith("Answer within")

    class Later(datetime):
        @classmethod
        def now(cls, _zone: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(UTC) + timedelta(seconds=121)

    monkeypatch.setattr(approval_card, "datetime", Later)
    # Pressed after the time is up, before the clock has noticed.
    card.allow.click()
    assert phone.commands == []
    assert not card.is_open
    card.refuse()
    assert phone.commands == []


def test_questions_queue_up_and_the_next_is_never_pressed_by_accident(
    qtbot: QtBot, bus: EventBus, calls_page: CallsPage, phone: RecordingPhone
) -> None:
    for name in ("a1", "a2", "a3"):
        bus.publish(ev.ApprovalRequested(an_approval(name)))
    first = calls_page.questions.card
    assert first is not None
    assert first.more.text() == "2 more waiting"
    bus.publish(ev.ApprovalSettled("a2", "expired"))
    assert first.more.text() == "1 more waiting"
    first.deny.click()
    second = calls_page.questions.card
    assert second is not None
    assert second.approval.id == "a3"
    assert not second.allow.isEnabled()
    assert phone.commands == [("settle_approval", "a1", False)]


def test_one_answered_elsewhere_goes_away(
    bus: EventBus, calls_page: CallsPage, phone: RecordingPhone
) -> None:
    asked(bus, calls_page, origin="terminal")
    bus.publish(ev.ApprovalSettled("a1", "approved"))
    assert calls_page.questions.is_empty
    assert phone.commands == []


def test_a_question_that_is_published_twice_is_one(bus: EventBus, calls_page: CallsPage) -> None:
    approval = an_approval()
    for _ in range(3):
        bus.publish(ev.ApprovalRequested(approval))
    calls_page.questions.refuse_current()
    assert calls_page.questions.is_empty


def test_the_question_is_raised_outside_the_page(
    bus: EventBus, calls_page: CallsPage, phone_window: MainWindow
) -> None:
    phone_window.open_assistant()
    asked(bus, calls_page)
    (notice,) = phone_window.banners.messages
    assert "+1 415-555-0123" in notice.what
    bus.publish(ev.ApprovalSettled("a1", "denied"))
    assert phone_window.banners.messages == ()
