"""The system prompt."""

from desktop_voice.agent.prompts import system_prompt
from tests.helpers.virtual_clock import FRIDAY_AFTERNOON


def test_the_users_wishes_and_the_time_stand_after_our_own() -> None:
    prompt = system_prompt(FRIDAY_AFTERNOON, "  Call me Sam. ")
    assert prompt.index("No Markdown") < prompt.index("Call me Sam.") < prompt.index("15:45")


def test_without_wishes_none_are_mentioned() -> None:
    assert "asked you to keep" not in system_prompt(FRIDAY_AFTERNOON, " ")
