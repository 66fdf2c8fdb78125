"""The conversation: turns, the growing reply, what was not heard, find and copy."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from desktop_voice.ui.theme.tokens import DARK, LIGHT
from desktop_voice.ui.widgets.conversation import ConversationView, Entry, split_heard
from desktop_voice.ui.widgets.find_bar import FindBar


@pytest.fixture
def view(qtbot: QtBot) -> ConversationView:
    view = ConversationView(DARK)
    qtbot.addWidget(view)
    view.resize(420, 300)
    view.show()
    return view


def test_turns_stand_in_order_with_their_speakers(view: ConversationView) -> None:
    view.add_user("What time is it?")
    view.finish_reply("Half past seven.", "Half past seven.")
    assert view.toPlainText().splitlines() == [
        "You",
        "What time is it?",
        "Assistant",
        "Half past seven.",
    ]


def test_a_reply_grows_in_one_place(view: ConversationView) -> None:
    view.add_user("Tell me a story.")
    for piece in ("Once upon a time", "there was a lighthouse,", " by the sea."):
        view.extend_reply(piece)
    assert view.entries[-1] == Entry(
        "assistant", "Once upon a time there was a lighthouse, by the sea."
    )
    assert view.toPlainText().count("Assistant") == 1
    view.finish_reply("Once upon a time there was a lighthouse, by the sea.", "Once upon a time")
    assert view.toPlainText().splitlines()[-1] == (
        "Once upon a time — not heard: there was a lighthouse, by the sea."
    )


def test_a_reply_changes_only_the_last_block(view: ConversationView) -> None:
    for number in range(50):
        view.add_user(f"Question {number}")
    view.extend_reply("One")
    changes: list[int] = []
    view.document().contentsChange.connect(lambda at, _removed, _added: changes.append(at))
    last = view.document().lastBlock().position()
    view.extend_reply("two")
    assert changes
    assert min(changes) >= last


def test_what_was_cut_off_looks_different(view: ConversationView) -> None:
    view.finish_reply("Heard words and lost words", "Heard words")
    cursor = QTextCursor(view.document().lastBlock())
    cursor.movePosition(QTextCursor.MoveOperation.NextCharacter)
    assert not cursor.charFormat().fontStrikeOut()
    cursor.movePosition(QTextCursor.MoveOperation.End)
    assert cursor.charFormat().fontStrikeOut()
    assert cursor.charFormat().fontItalic()


def test_a_reply_nobody_heard_says_so(view: ConversationView) -> None:
    view.extend_reply("Never spoken.")
    view.finish_reply("Never spoken.", "")
    assert view.toPlainText().splitlines()[-1] == "not heard: Never spoken."


@pytest.mark.parametrize(
    ("text", "heard", "parts"),
    [
        ("One two three.", "One two three.", ("One two three.", "")),
        ("One two  three.", "one two", ("One two", "three.")),
        ("One two", "", ("", "One two")),
        ("One two", "one two three four", ("One two", "")),
    ],
)
def test_heard_part_ends_at_a_word(text: str, heard: str, parts: tuple[str, str]) -> None:
    assert split_heard(text, heard) == parts


def test_words_are_shown_as_they_are_not_as_markup(view: ConversationView) -> None:
    view.add_user("<b>bold</b> & <img src=x>")
    assert "<b>bold</b> & <img src=x>" in view.toPlainText()


def test_another_theme_keeps_every_turn(view: ConversationView) -> None:
    view.add_user("Keep me")
    view.finish_reply("And me too", "And me")
    before = view.toPlainText()
    view.set_tokens(LIGHT)
    assert view.toPlainText() == before


def test_newest_words_stay_in_view_unless_the_user_scrolled_up(view: ConversationView) -> None:
    bar = view.verticalScrollBar()
    for number in range(80):
        view.add_user(f"Question {number}")
    assert bar.value() == bar.maximum() > 0
    bar.setValue(0)
    view.add_user("One more")
    assert bar.value() == 0


def test_newest_words_stay_in_view_when_the_room_shrinks(view: ConversationView) -> None:
    for number in range(80):
        view.add_user(f"Question {number}")
    view.resize(300, 160)
    assert view.verticalScrollBar().value() == view.verticalScrollBar().maximum()


def test_long_conversations_forget_their_beginning(view: ConversationView) -> None:
    for number in range(2101):
        view.add_user(f"Question {number}")
    assert len(view.entries) <= 2000
    assert view.entries[-1].text == "Question 2100"
    assert "Question 2100" in view.toPlainText()


def test_selection_is_copied_by_keyboard(qtbot: QtBot, view: ConversationView) -> None:
    view.add_user("Copy me")
    QTest.keyClick(view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert "Copy me" in QApplication.clipboard().text()


def test_find_goes_round_and_says_when_there_is_nothing(
    qtbot: QtBot, view: ConversationView
) -> None:
    view.add_user("apples and pears")
    view.add_user("more apples")
    assert view.find_words("apples")
    first = view.textCursor().position()
    assert view.find_words("apples")
    assert view.textCursor().position() != first
    assert view.find_words("apples")
    assert view.textCursor().position() == first
    assert not view.find_words("bananas")
    bar = FindBar(view)
    qtbot.addWidget(bar)
    bar.open()
    QTest.keyClicks(bar.focusWidget(), "bananas")
    QTest.keyClick(bar.focusWidget(), Qt.Key.Key_Return)
    assert bar.result_text == "Not found"
