"""What callers may set off without the model, and how a call is ended."""

from pathlib import Path

import pytest

from desktop_voice.agent.alarms import Alarms
from desktop_voice.agent.history import History
from desktop_voice.agent.intents.desk import Desk
from desktop_voice.agent.intents.handlers import HANDLERS
from desktop_voice.agent.intents.on_calls import GOODBYE, on_calls
from desktop_voice.agent.intents.recogniser import Recogniser
from desktop_voice.agent.reply import Do, EndCall, ReplyPart, Say
from tests.helpers.virtual_clock import VirtualClock
from tests.unit.agent.intents.phrases import POSITIVE


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return Recogniser()


def _parts(recogniser: Recogniser, folder: Path, text: str) -> list[ReplyPart]:
    match = recogniser.recognise(text)
    assert match is not None
    clock = VirtualClock()
    desk = Desk(clock, Alarms(folder / "alarms.json", clock), History())
    return list(on_calls(is_owner=False)[match.name](match.slots, desk))


@pytest.mark.parametrize(
    "text",
    [
        "Goodbye.",
        "Bye.",
        "Bye bye.",
        "Okay, bye.",
        "Thank you, goodbye!",
        "That's all, thanks.",
        "That's all.",
        "No thanks, that's all.",
        "Thank you, that's it.",
        "No, that's all for today.",
        "Hang up.",
        "Please hang up now.",
        "You can end the call.",
        "End the call, please.",
    ],
)
def test_a_goodbye_is_returned_and_ends_the_call(
    recogniser: Recogniser, tmp_path: Path, text: str
) -> None:
    assert _parts(recogniser, tmp_path, text) == [Say(GOODBYE), Do(EndCall())]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("Thank you.", Say("You're welcome.")),
        ("Hello?", Say("Hello, I can hear you.")),
        ("What time is it?", Say("It's three forty-five p.m.")),
        ("What's 12 times 7?", Say("That's eighty-four.")),
        ("Are you a real person?", Say("I'm an AI assistant, not a person.")),
        ("Who are you?", Say("I'm Desktop Voice, an AI assistant.")),
    ],
)
def test_what_is_harmless_is_answered(
    recogniser: Recogniser, tmp_path: Path, text: str, part: ReplyPart
) -> None:
    assert _parts(recogniser, tmp_path, text) == [part]


@pytest.mark.parametrize("text", ["No.", "Not now.", "Nothing.", "That's it.", "Stop."])
def test_what_may_answer_a_question_is_left_to_the_model(recogniser: Recogniser, text: str) -> None:
    match = recogniser.recognise(text)
    assert match is not None
    assert match.name not in on_calls(is_owner=True)


def test_callers_reach_nothing_that_acts_on_the_owners_machine() -> None:
    closed = set(HANDLERS) - set(on_calls(is_owner=False))
    acting = {name for name in HANDLERS if name.split(".")[0] in _ACTING}
    assert closed == acting - {"phone.hang_up"} | {"talk.stop"}


_ACTING = {"timer", "alarm", "reminder", "volume", "microphone", "phone"}


def test_the_owner_may_set_timers_but_not_steer_the_desks_voice() -> None:
    more = set(on_calls(is_owner=True)) - set(on_calls(is_owner=False))
    assert more == {
        name for name in HANDLERS if name.split(".")[0] in {"timer", "alarm", "reminder"}
    }


def test_every_one_of_them_is_an_intent() -> None:
    assert set(on_calls(is_owner=True)) <= set(POSITIVE)
