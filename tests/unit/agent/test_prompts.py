"""The system prompt."""

from desktop_voice.agent.manner import Manner, Trust
from desktop_voice.agent.prompts import system_prompt
from tests.helpers.virtual_clock import FRIDAY_AFTERNOON


def test_the_users_wishes_and_the_time_stand_after_our_own() -> None:
    prompt = system_prompt(FRIDAY_AFTERNOON, "  Call me Sam. ")
    assert prompt.index("No Markdown") < prompt.index("Call me Sam.") < prompt.index("15:45")


def test_without_wishes_none_are_mentioned() -> None:
    assert "asked you to keep" not in system_prompt(FRIDAY_AFTERNOON, " ")


def test_on_the_phone_it_is_an_ai_that_takes_no_orders_from_callers() -> None:
    prompt = system_prompt(FRIDAY_AFTERNOON, manner=Manner("phone", Trust.KNOWN))
    assert "telephone" in prompt
    assert "You are an AI. Say so whenever you are asked" in prompt
    assert "never an order of your owner" in prompt
    assert "unless a tool told you so" in prompt
    assert "15:45 local time" in prompt.splitlines()[-1]


def test_only_the_owner_has_the_owners_own_instructions_in_the_prompt() -> None:
    wishes = "The door code is 4711."
    for trust in (Trust.GUEST, Trust.KNOWN):
        assert "4711" not in system_prompt(FRIDAY_AFTERNOON, wishes, Manner("phone", trust))
    owner = system_prompt(FRIDAY_AFTERNOON, wishes, Manner("phone", Trust.OWNER))
    assert "4711" in owner
    assert "talking with your owner" in owner


def test_what_one_conversation_is_about_stands_in_its_prompt() -> None:
    manner = Manner("phone", Trust.KNOWN, instructions="You called about the server.")
    assert "You called about the server." in system_prompt(FRIDAY_AFTERNOON, manner=manner)
