"""The history: newest first, searched, grown page by page, read, copied and forgotten."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import Call, CallState, Direction, EndReason, TranscriptLine
from desktop_voice.ui.pages.call_history import PAGE_SIZE, CallHistory
from desktop_voice.ui.pages.calls import CallsPage
from desktop_voice.ui.window import MainWindow
from tests.helpers.recording_phone import (
    RecordingPhone,
    a_call,
    broken_phone_error,
    some_lines,
)

Opened = Callable[[int], CallHistory]


def ended(number: int, far: str = "+14155550123") -> Call:
    return a_call(number, state=CallState.ENDED, reason=EndReason.FAR_END_HUNG_UP, far=far)


@pytest.fixture
def history(qtbot: QtBot, calls_page: CallsPage, phone: RecordingPhone) -> Opened:
    """Return a function that opens the history of so many calls."""

    def open_history(count: int) -> CallHistory:
        phone.past = [ended(number) for number in range(1, count + 1)]
        calls_page.show_history()
        qtbot.waitUntil(lambda: len(calls_page.history.calls) == min(count, PAGE_SIZE))
        return calls_page.history

    return open_history


def test_calls_stand_newest_first_with_their_outcome(history: Opened) -> None:
    page = history(3)
    assert [call.id for call in page.calls] == [ended(number).id for number in (3, 2, 1)]
    text = page.list.item(0).text()
    assert "+1 415-555-0123" in text
    assert "2:03" in text
    assert "The other side hung up." in text
    assert page.status.text() == "3 calls"


def test_the_list_grows_as_it_is_scrolled(
    qtbot: QtBot, history: Opened, phone: RecordingPhone
) -> None:
    page = history(120)
    page.list.setFocus()
    QTest.keyClick(page.list, Qt.Key.Key_End)
    qtbot.waitUntil(lambda: len(page.calls) == 100)
    QTest.keyClick(page.list, Qt.Key.Key_End)
    qtbot.waitUntil(lambda: len(page.calls) == 120)
    assert [call.id for call in page.calls] == [ended(n).id for n in range(120, 0, -1)]
    assert phone.questions[-1] == ("", PAGE_SIZE, ended(21).id)
    asked = len(phone.questions)
    QTest.keyClick(page.list, Qt.Key.Key_End)
    assert len(phone.questions) == asked


def test_search_waits_for_a_pause_in_typing(
    qtbot: QtBot, history: Opened, phone: RecordingPhone
) -> None:
    page = history(4)
    phone.past[1] = ended(2, far="+390612345678")
    before = len(phone.questions)
    QTest.keyClicks(page.search, "+3906")
    qtbot.waitUntil(lambda: len(page.calls) == 1)
    assert [words for words, _limit, _id in phone.questions[before:]] == ["+3906"]
    page.search.setText("nothing has these")
    QTest.keyClick(page.search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.status.text() == "No call has these words.")


def test_an_answer_to_an_older_question_is_dropped(
    qtbot: QtBot, history: Opened, phone: RecordingPhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = history(2)
    slow: Future[list[Call]] = Future()
    quick: Future[list[Call]] = Future()
    answers = iter((slow, quick))
    monkeypatch.setattr(phone, "history", lambda *_question: next(answers))
    page.reload()
    page.reload()
    quick.set_result([ended(2)])
    qtbot.waitUntil(lambda: len(page.calls) == 1)
    slow.set_result([ended(n) for n in range(10)])
    QApplication.sendPostedEvents()
    assert [call.id for call in page.calls] == [ended(2).id]


def test_a_chosen_call_shows_date_length_reason_and_words(
    qtbot: QtBot, history: Opened, phone: RecordingPhone
) -> None:
    page = history(2)
    phone.lines[ended(1).id] = some_lines(ended(1).id, 500)
    page.list.setFocus()
    QTest.keyClick(page.list, Qt.Key.Key_End)
    record = page.record
    qtbot.waitUntil(lambda: len(record.view.entries) == 500)
    assert "2026" in record.when.text()
    assert "2:03" in record.when.text()
    assert record.reason.text() == "The other side hung up."
    assert record.view.verticalScrollBar().value() == 0
    assert record.view.toPlainText().startswith("Other side")
    record.copy_button.click()
    copied = QApplication.clipboard().text()
    assert "The other side hung up." in copied
    assert "Assistant: Line 500 of what was said" in copied


def test_words_of_another_call_never_appear(
    qtbot: QtBot, history: Opened, phone: RecordingPhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = history(2)
    slow: Future[list[TranscriptLine]] = Future()
    quick: Future[list[TranscriptLine]] = Future()
    answers = {ended(2).id: slow, ended(1).id: quick}
    monkeypatch.setattr(phone, "transcript", answers.__getitem__)
    page.list.setCurrentRow(0)
    page.list.setCurrentRow(1)
    quick.set_result(some_lines(ended(1).id, 2))
    qtbot.waitUntil(lambda: len(page.record.view.entries) == 2)
    slow.set_result(some_lines(ended(2).id, 7))
    QApplication.sendPostedEvents()
    assert len(page.record.view.entries) == 2


def test_deleting_asks_first_and_takes_the_call_off_the_list(
    qtbot: QtBot, history: Opened, phone: RecordingPhone
) -> None:
    page = history(2)
    page.list.setFocus()
    page.list.setCurrentRow(0)
    QTest.keyClick(page.list, Qt.Key.Key_Delete)
    assert page.record.confirm_button.isVisible()
    assert page.record.keep_button.hasFocus()
    assert phone.commands == []
    QTest.keyClick(page.record.keep_button, Qt.Key.Key_Space)
    assert not page.record.confirm_button.isVisible()
    assert phone.commands == []
    page.record.delete_button.click()
    page.record.confirm_button.click()
    qtbot.waitUntil(lambda: len(page.calls) == 1)
    assert phone.commands == [("delete_call", ended(2).id)]


def test_a_call_that_goes_on_cannot_be_deleted(
    qtbot: QtBot, calls_page: CallsPage, phone: RecordingPhone
) -> None:
    phone.past = [a_call(1)]
    calls_page.show_history()
    qtbot.waitUntil(lambda: len(calls_page.history.calls) == 1)
    calls_page.history.list.setCurrentRow(0)
    calls_page.history.record.ask_to_delete()
    assert not calls_page.history.record.delete_button.isEnabled()
    assert not calls_page.history.record.confirm_button.isVisible()


def test_a_call_that_ends_is_shown_anew_and_a_new_one_comes_on_top(
    qtbot: QtBot, calls_page: CallsPage, phone: RecordingPhone, bus: EventBus
) -> None:
    phone.past = [a_call(1)]
    calls_page.show_history()
    page = calls_page.history
    qtbot.waitUntil(lambda: len(page.calls) == 1)
    assert "Talking" in page.list.item(0).text()
    bus.publish(ev.CallChanged(ended(1)))
    assert "hung up" in page.list.item(0).text()
    phone.past = [ended(1), a_call(2, direction=Direction.INBOUND)]
    bus.publish(ev.CallChanged(phone.past[1]))
    qtbot.waitUntil(lambda: [c.id for c in page.calls] == [a_call(2).id, ended(1).id])


def test_a_failure_is_told_and_tried_again_next_time(
    qtbot: QtBot, calls_page: CallsPage, phone: RecordingPhone
) -> None:
    phone.error = broken_phone_error()
    calls_page.show_history()
    page = calls_page.history
    qtbot.waitUntil(lambda: "not running" in page.status.text())
    phone.error = None
    phone.past = [ended(1)]
    calls_page.show_now()
    calls_page.show_history()
    qtbot.waitUntil(lambda: len(page.calls) == 1)


def test_ctrl_f_searches_the_history_or_the_open_call(
    history: Opened, phone_window: MainWindow, calls_page: CallsPage
) -> None:
    page = history(1)
    calls_page.show_now()
    QTest.keyClick(phone_window, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert page.search.hasFocus()
    page.list.setCurrentRow(0)
    page.record.view.setFocus()
    QTest.keyClick(phone_window, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert page.record.find_bar.isVisible()


def test_what_the_phone_could_not_tell_yet_is_asked_once_it_runs(
    qtbot: QtBot, bus: EventBus, calls_page: CallsPage, phone: RecordingPhone
) -> None:
    phone.past = [ended(1)]
    phone.error = broken_phone_error()
    calls_page.show_history()
    page = calls_page.history
    qtbot.waitUntil(lambda: phone.error is not None and phone.error.what in page.status.text())
    phone.error = None
    bus.publish(ev.PhoneStatusChanged(True, True, "Ready."))
    qtbot.waitUntil(lambda: page.status.text() == "1 call")
