"""What the model is told of a conversation."""

from desktop_voice.agent.history import History
from desktop_voice.agent.model import ChatMessage


def test_turns_come_back_in_order() -> None:
    history = History()
    history.add_user("Hello.")
    history.add_assistant("Good morning.")
    history.add_user("How far is the moon?")
    assert history.messages() == [
        ChatMessage("user", "Hello."),
        ChatMessage("assistant", "Good morning."),
        ChatMessage("user", "How far is the moon?"),
    ]


def test_the_last_reply_can_be_repeated() -> None:
    history = History()
    assert history.last_reply == ""
    history.add_user("Hello.")
    history.add_assistant("Good morning.")
    history.add_user("Say that again.")
    assert history.last_reply == "Good morning."


def test_a_reply_of_which_nothing_was_heard_is_not_remembered() -> None:
    history = History()
    history.add_user("How far is")
    history.add_assistant("  ")
    history.add_user("the moon?")
    assert history.messages() == [ChatMessage("user", "How far is\nthe moon?")]


def test_only_a_users_turn_can_be_withdrawn() -> None:
    history = History()
    history.add_user("How far is")
    history.remove_last_user()
    assert history.messages() == []
    history.add_user("Hello.")
    history.add_assistant("Good morning.")
    history.remove_last_user()
    assert len(history.messages()) == 2


def test_the_oldest_turns_are_forgotten() -> None:
    history = History(max_messages=4)
    for number in range(5):
        history.add_user(f"question {number}")
        history.add_assistant(f"answer {number}")
    assert [m.content for m in history.messages()] == [
        "question 3",
        "answer 3",
        "question 4",
        "answer 4",
    ]


def test_what_is_left_after_forgetting_begins_with_the_user() -> None:
    history = History(max_messages=3)
    history.add_user("one")
    history.add_assistant("two")
    history.add_user("three")
    history.add_assistant("four")
    assert [m.content for m in history.messages()] == ["three", "four"]


def test_a_long_turn_pushes_out_older_ones_but_stays_itself() -> None:
    history = History(max_characters=20)
    history.add_user("short")
    history.add_assistant("short too")
    history.add_user("x" * 50)
    assert history.messages() == [ChatMessage("user", "x" * 50)]
