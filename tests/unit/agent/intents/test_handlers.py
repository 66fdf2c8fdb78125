"""What is said and done for each built-in intent."""

from pathlib import Path

import pytest

from desktop_voice.agent.alarms import Alarms
from desktop_voice.agent.history import History
from desktop_voice.agent.intents.desk import Desk
from desktop_voice.agent.intents.handlers import HANDLERS
from desktop_voice.agent.intents.recogniser import Recogniser
from desktop_voice.agent.intents.timers import announcement
from desktop_voice.agent.reply import (
    Call,
    ChangeVolume,
    Do,
    HangUpCalls,
    RepeatLast,
    ReplyPart,
    Say,
    SetMuted,
    SetVolume,
    StopTalking,
)
from tests.helpers.virtual_clock import VirtualClock


class Room:
    """A conversation with the built-in intents alone, at a quarter to four on a Friday."""

    def __init__(self, folder: Path, recogniser: Recogniser) -> None:
        self.clock = VirtualClock()
        self.alarms = Alarms(folder / "alarms.json", self.clock)
        self.history = History()
        self._recogniser = recogniser

    def parts(self, text: str) -> list[ReplyPart]:
        """Return the reply to ``text``."""
        match = self._recogniser.recognise(text)
        assert match is not None
        desk = Desk(self.clock, self.alarms, self.history)
        return list(HANDLERS[match.name](match.slots, desk))

    def said(self, text: str) -> str:
        """Return the words of the reply to ``text``."""
        return "".join(part.text for part in self.parts(text) if isinstance(part, Say))


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return Recogniser()


@pytest.fixture
def room(tmp_path: Path, recogniser: Recogniser) -> Room:
    return Room(tmp_path, recogniser)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("What time is it?", "It's three forty-five p.m."),
        ("What's the date?", "It's Friday, the twentieth of November, twenty twenty-six."),
        ("What day is it?", "It's Friday."),
        ("What month is it?", "It's November."),
        ("What year is it?", "It's twenty twenty-six."),
        ("What's 12 times 7?", "That's eighty-four."),
        ("What's ten divided by zero?", "Nothing can be divided by zero."),
        (
            "How many kilometers are in 5 miles?",
            "Five miles is about eight point zero five kilometres.",
        ),
        (
            "How many grams in a pound?",
            "One pound is about four hundred and fifty-three point five nine grams.",
        ),
        ("How many minutes in an hour?", "One hour is sixty minutes."),
        (
            "What is 100 degrees Celsius in Fahrenheit?",
            "One hundred degrees celsius is two hundred and twelve degrees fahrenheit.",
        ),
        (
            "What's minus 40 Celsius in Fahrenheit?",
            "Minus forty degrees celsius is minus forty degrees fahrenheit.",
        ),
        ("How many ounces in a cup?", "One cup is eight fluid ounces."),
        (
            "What is six foot two in centimetres?",
            "Six foot two is one hundred and eighty-seven point nine six centimetres.",
        ),
        (
            "How many grams in a mile?",
            "Miles measure length and grams measure mass, so I can't convert one to the other.",
        ),
        (
            "Convert 60 miles per hour to kilometers per hour.",
            "Sixty miles per hour is about ninety-six point five six kilometres per hour.",
        ),
        ("How many bytes are in a kilobyte?", "One kilobyte is one thousand bytes."),
        (
            "How many seconds are in an hour and a half?",
            "One point five hours is five thousand four hundred seconds.",
        ),
        ("Hello.", "Good afternoon. What can I do for you?"),
        ("Thank you.", "You're welcome."),
        ("Goodbye.", "Goodbye."),
        ("What's your name?", "I'm Desktop Voice, your assistant."),
    ],
)
def test_a_question_is_answered_in_one_breath(room: Room, text: str, said: str) -> None:
    assert room.said(text) == said


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("Stop.", StopTalking()),
        ("Never mind.", StopTalking()),
        ("Mute.", SetMuted(True)),
        ("Unmute.", SetMuted(False)),
        ("Set the volume to forty percent.", SetVolume(40)),
        ("Full volume.", SetVolume(100)),
        ("Increase the volume by 10 percent.", ChangeVolume(10)),
        ("Turn it down.", ChangeVolume(-15)),
        ("Call Anna.", Call("Anna")),
        (
            "Call +1 415 555 0123 and tell them the server is back up.",
            Call("+1 415 555 0123", "the server is back up."),
        ),
        (
            "Phone plus one four one five five five five zero one two three, please.",
            Call("+14155550123"),
        ),
        (
            "Could you ring 020 7946 0958 and say dinner is ready now, thanks?",
            Call("020 7946 0958", "dinner is ready now"),
        ),
        ("Dial five five five oh one double zero.", Call("5550100")),
        (
            "Call +1 415 555 0123 and have a conversation with them about their order.",
            Call("+1 415 555 0123", "I am calling about your order.", is_conversation=True),
        ),
        ("Call Anna and talk to her.", Call("Anna")),
        ("Please call John O'Neill, and ask him to wait.", Call("John O'Neill", "Please wait.")),
        ("Hang up.", HangUpCalls()),
        ("Give Doctor Smith a call, please.", Call("Doctor Smith")),
        ("Call the number 555-0100.", Call("555-0100")),
    ],
)
def test_a_command_is_carried_out(room: Room, text: str, action: object) -> None:
    done = [part.action for part in room.parts(text) if isinstance(part, Do)]
    assert done == [action]


def test_stopping_is_silent(room: Room) -> None:
    assert room.said("Stop.") == ""


def test_muting_says_how_to_be_heard_again(room: Room) -> None:
    assert "microphone button" in room.said("Mute yourself.")


@pytest.mark.parametrize("number", ["+1 415 555 0123", "four one five double five"])
def test_a_call_has_to_be_confirmed(room: Room, number: str) -> None:
    assert room.said(f"Call {number} and say hello.") == "I will ask you to confirm the call."


def test_a_name_without_a_number_is_asked_about(room: Room) -> None:
    assert "tell me the number" in room.said("Call Anna.")


def test_only_what_was_said_can_be_repeated(room: Room) -> None:
    assert room.parts("Repeat that.") == [Say("I haven't said anything yet.")]
    room.history.add_user("Hello.")
    room.history.add_assistant("Good day.")
    assert room.parts("Repeat that.") == [Do(RepeatLast())]


def test_a_timer_is_set_asked_about_and_cancelled(room: Room) -> None:
    assert room.said("Set a timer for 10 minutes.") == "Ten minutes, starting now."
    room.clock.advance(90)
    assert room.said("How long is left?") == "Eight minutes and thirty seconds left."
    assert room.said("Cancel the timer.") == "Cancelled the ten minute timer."
    assert room.said("How much time is left?") == "There is no timer set."


def test_named_timers_are_told_apart(room: Room) -> None:
    assert room.said("Set a pasta timer for 9 minutes.") == "Nine minutes for pasta, starting now."
    room.said("Set a timer for 4 minutes for the tea.")
    assert room.said("How long is left on the pasta timer?") == "Nine minutes left."
    assert room.said("Cancel the timer.").startswith("There are two timers: the tea timer and")
    assert room.said("What timers are running?") == (
        "You have two timers: the tea timer with four minutes left and "
        "the pasta timer with nine minutes left."
    )
    assert room.said("Cancel the tea timer.") == "Cancelled the tea timer."
    assert room.said("Cancel the soup timer.") == "There is no such timer."
    assert [alarm.label for alarm in room.alarms.pending()] == ["pasta"]


def test_an_alarm_is_set_and_listed(room: Room) -> None:
    assert room.said("Wake me up at 7.") == "Alarm set for seven a.m. tomorrow."
    assert room.said("Set an alarm for half past six tomorrow.") == (
        "Alarm set for six thirty a.m. tomorrow."
    )
    assert room.said("Set an alarm for five.") == "Alarm set for five p.m. today."
    assert room.said("What alarms do I have?") == (
        "You have three alarms: five p.m. today, six thirty a.m. tomorrow and seven a.m. tomorrow."
    )
    assert room.said("Cancel the 7 a.m. alarm.") == "Cancelled the seven a.m. alarm."
    assert room.said("Cancel all alarms.") == "All cancelled."
    assert room.said("When is my next alarm?") == "There is no alarm set."


def test_reminders_are_kept_apart_from_timers(room: Room) -> None:
    said = room.said("Remind me in ten minutes to call Mum.")
    assert said == "I'll remind you in ten minutes."
    said = room.said("Remind me to buy milk at 6:30.")
    assert said == "I'll remind you at six thirty p.m. today."
    assert room.said("Do I have any timers?") == "There is no timer set."
    assert room.said("What are my reminders?") == (
        "You have two reminders: call Mum in ten minutes and buy milk at six thirty p.m. today."
    )


@pytest.mark.parametrize(
    ("text", "on_time", "late"),
    [
        ("Set a timer for 10 minutes.", "Your ten minute timer is done.", "was due"),
        ("Set a pasta timer for 10 minutes.", "Your pasta timer is done.", "was due"),
        ("Wake me at 7.", "It's seven a.m.: here is your alarm.", "was due at seven a.m."),
        ("Remind me in ten minutes to call Mum.", "Here is your reminder: call Mum.", "call Mum"),
    ],
)
def test_ringing_says_what_for_and_whether_it_is_late(
    room: Room, text: str, on_time: str, late: str
) -> None:
    room.said(text)
    alarm = room.alarms.pending()[0]
    assert announcement(alarm, is_late=False) == on_time
    assert late in announcement(alarm, is_late=True)
    assert "while I was away" in announcement(alarm, is_late=True)


def test_half_a_request_is_answered_with_a_whole_one(room: Room) -> None:
    assert "set a timer for ten minutes" in room.said("Set a timer.")
    assert "wake me at seven" in room.said("Set an alarm.")
    assert room.alarms.pending() == []
