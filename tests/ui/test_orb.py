"""The orb: a face for each mood, and a button that knows tap from hold."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from desktop_voice.core.states import AssistantState
from desktop_voice.ui.app_icon import app_icon, tray_icon
from desktop_voice.ui.mood import Mood, hint_of, invitation, mood_of, title_of
from desktop_voice.ui.theme.tokens import DARK, LIGHT
from desktop_voice.ui.widgets.orb import Orb


@pytest.fixture
def orb(qtbot: QtBot) -> Orb:
    orb = Orb(DARK)
    qtbot.addWidget(orb)
    orb.resize(260, 240)
    orb.set_motion(allowed=False)
    orb.show()
    qtbot.waitExposed(orb)
    return orb


def grey(image: QImage) -> QImage:
    return image.convertToFormat(QImage.Format.Format_Grayscale8)


def test_moods_differ_by_shape_even_without_colour(orb: Orb) -> None:
    faces = []
    for mood in Mood:
        orb.set_mood(mood)
        faces.append(grey(orb.grab().toImage()))
    for index, face in enumerate(faces):
        assert all(face != other for other in faces[index + 1 :])


def test_every_mood_has_words_of_its_own() -> None:
    assert len({title_of(mood) for mood in Mood}) == len(Mood)
    for mood in Mood:
        assert hint_of(mood, muted=False, wake_phrases=("Hey Jarvis",), talk_key="F9")


def test_hint_names_what_the_user_can_do() -> None:
    assert hint_of(Mood.IDLE, muted=False, wake_phrases=("Alexa",), talk_key="F9") == (
        "Say “Alexa” or press F9"
    )
    assert hint_of(Mood.IDLE, muted=False, wake_phrases=(), talk_key="") == "Click the orb"
    assert invitation(wake_phrases=("Alexa", "Computer"), talk_key="F9", may_type=True) == (
        "Say “Alexa” or “Computer”, press F9 or type below"
    )


@pytest.mark.parametrize(
    ("state", "mood"),
    [
        (AssistantState.ARMED, Mood.MUTED),
        (AssistantState.FOLLOW_UP, Mood.MUTED),
        (AssistantState.SPEAKING, Mood.SPEAKING),
        (AssistantState.THINKING, Mood.THINKING),
        (AssistantState.FAULT, Mood.ERROR),
    ],
)
def test_mute_hides_no_reply_and_no_fault(state: AssistantState, mood: Mood) -> None:
    assert mood_of(state, muted=True) is mood


def test_a_reply_while_muted_still_says_so() -> None:
    hint = hint_of(Mood.SPEAKING, muted=True, wake_phrases=(), talk_key="F9")
    assert "muted" in hint


def test_it_moves_only_while_visible_and_in_a_moving_mood(orb: Orb) -> None:
    orb.set_motion(allowed=True)
    orb.set_mood(Mood.IDLE)
    assert not orb.is_animating
    orb.set_mood(Mood.LISTENING)
    assert orb.is_animating
    orb.hide()
    assert not orb.is_animating
    orb.show()
    assert orb.is_animating
    orb.set_motion(allowed=False)
    assert not orb.is_animating


def test_listening_follows_the_level(orb: Orb) -> None:
    orb.set_mood(Mood.LISTENING)
    quiet = orb.grab().toImage()
    orb.set_level(1.0)
    assert orb.grab().toImage() != quiet


def test_themes_colour_it_differently(orb: Orb) -> None:
    orb.set_mood(Mood.IDLE)
    dark = orb.grab().toImage()
    orb.set_tokens(LIGHT)
    assert orb.grab().toImage() != dark


def test_a_hold_that_strays_ends_only_with_the_release(qtbot: QtBot, orb: Orb) -> None:
    told: list[str] = []
    orb.pressed.connect(lambda: told.append("pressed"))
    orb.released.connect(lambda: told.append("released"))
    QTest.mousePress(orb, Qt.MouseButton.LeftButton)
    QTest.mouseMove(orb, QPoint(1, 1))
    assert told == ["pressed"]
    QTest.mouseRelease(orb, Qt.MouseButton.LeftButton, pos=QPoint(1, 1))
    assert told == ["pressed", "released"]


def test_corners_are_not_part_of_it(qtbot: QtBot, orb: Orb) -> None:
    told: list[str] = []
    orb.pressed.connect(lambda: told.append("pressed"))
    QTest.mouseClick(orb, Qt.MouseButton.LeftButton, pos=QPoint(2, 2))
    assert told == []


def test_space_is_the_talk_key_while_it_has_the_focus(qtbot: QtBot, orb: Orb) -> None:
    told: list[str] = []
    orb.pressed.connect(lambda: told.append("pressed"))
    orb.released.connect(lambda: told.append("released"))
    QTest.keyPress(orb, Qt.Key.Key_Space)
    assert told == ["pressed"]
    QTest.keyRelease(orb, Qt.Key.Key_Space)
    assert told == ["pressed", "released"]


def test_tray_icons_differ_by_shape(qtbot: QtBot) -> None:
    distinct = [mood for mood in Mood if mood is not Mood.FOLLOW_UP]
    faces = [grey(tray_icon(mood).pixmap(22, 22).toImage()) for mood in distinct]
    for index, face in enumerate(faces):
        assert all(face != other for other in faces[index + 1 :])


def test_app_icon_comes_in_small_and_large(qtbot: QtBot) -> None:
    sizes = {size.width() for size in app_icon().availableSizes()}
    assert {16, 48, 256} <= sizes
