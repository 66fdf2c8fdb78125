"""The gather pipeline: a text turn is answered, in time or later, and never with an exception."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.agent.brain import Brain
from desktop_voice.agent.history import History
from desktop_voice.agent.model import ChatMessage
from desktop_voice.agent.reply import (
    ChangeVolume,
    Did,
    Do,
    EndCall,
    Filler,
    Problem,
    RepeatLast,
    ReplyPart,
    Say,
)
from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.errors import ModelError
from desktop_voice.dialogue.gather import APOLOGY, GatherPipeline, GatherReply, bounded
from tests.helpers.dialogue import Events, ScriptedBrain, settle

Replies = Mapping[str, Sequence[ReplyPart | Exception]]


@dataclass
class Talk:
    pipeline: GatherPipeline
    brain: ScriptedBrain
    history: History
    events: Events


def talk(replies: Replies | None = None) -> Talk:
    bus, brain, history = EventBus(), ScriptedBrain(replies or {}), History()
    pipeline = GatherPipeline(cast(Brain, brain), bus, "call_1", history)
    return Talk(pipeline, brain, history, Events(bus))


async def test_a_turn_is_answered_in_plain_words() -> None:
    t = talk({"hello": [Did("smalltalk"), Say("**Hi** "), Say("[there](http://x.y)!")]})
    assert await t.pipeline.answer("hello") == GatherReply("Hi there!")
    assert t.events.of(ev.UserTurn) == [ev.UserTurn("call_1", "hello", "voice")]
    assert t.events.of(ev.ToolRan) == [ev.ToolRan("call_1", "smalltalk")]
    assert not t.pipeline.is_thinking


async def test_typed_digits_are_a_turn_of_their_own_kind() -> None:
    t = talk()
    await t.pipeline.answer("1 2", "dtmf")
    assert t.events.of(ev.UserTurn) == [ev.UserTurn("call_1", "1 2", "dtmf")]


async def test_a_slow_model_is_asked_for_again() -> None:
    t = talk({"hello": [Say("Hi.")]})
    t.brain.gate.clear()
    t.pipeline.begin("hello")
    assert await t.pipeline.reply_within(0.01) is None
    assert t.pipeline.is_thinking
    t.brain.gate.set()
    assert await t.pipeline.reply_within(5) == GatherReply("Hi.")
    assert not t.pipeline.is_thinking
    assert await t.pipeline.reply_within(5) is None
    assert t.brain.asked == ["hello"]


async def test_what_was_said_and_heard_is_remembered() -> None:
    t = talk({"hello": [Say("Hi. How are you?")]})
    reply = await t.pipeline.answer("hello")
    t.pipeline.say(reply.text)
    assert t.events.of(ev.ReplyText) == [ev.ReplyText("call_1", "Hi. How are you?")]
    assert t.events.of(ev.AssistantTurn) == []
    t.pipeline.heard("Hi.")
    assert t.events.of(ev.AssistantTurn) == [ev.AssistantTurn("call_1", "Hi. How are you?", "Hi.")]
    assert t.history.messages() == [ChatMessage("user", "hello"), ChatMessage("assistant", "Hi.")]


async def test_where_nobody_knows_what_was_heard_it_was_all() -> None:
    t = talk()
    t.pipeline.say("Good morning.")
    t.pipeline.heard()
    t.pipeline.heard()
    assert t.events.of(ev.AssistantTurn) == [
        ev.AssistantTurn("call_1", "Good morning.", "Good morning.")
    ]
    assert t.history.last_reply == "Good morning."


async def test_a_second_turn_gives_up_the_first() -> None:
    t = talk({"second": [Say("To the second.")]})
    t.brain.gate.clear()
    t.pipeline.begin("first")
    polling = asyncio.ensure_future(t.pipeline.reply_within(30))
    await settle()
    t.pipeline.begin("second")
    assert await polling is None
    assert t.brain.given_up == 1
    t.brain.gate.set()
    assert await t.pipeline.reply_within(5) == GatherReply("To the second.")
    assert t.brain.histories[-1] == [ChatMessage("user", "first\nsecond")]


@pytest.mark.parametrize("error", [ModelError("LLM-02", "It refused.", "Retry."), ValueError("x")])
async def test_a_broken_brain_is_apologised_for(error: Exception) -> None:
    t = talk({"hello": [Say("Well. "), error]})
    reply = await t.pipeline.answer("hello")
    assert reply.text == f"Well. {APOLOGY}"
    (raised,) = t.events.of(ev.ErrorRaised)
    assert raised.code in {"LLM-02", "TURN-01"}
    assert raised.what
    assert raised.do


async def test_a_problem_is_shown_and_a_filler_is_left_to_the_carrier() -> None:
    problem = ModelError("LLM-01", "It is slow.", "Wait.")
    t = talk({"hello": [Filler("One moment."), Say("Sorry."), Problem(problem)]})
    assert (await t.pipeline.answer("hello")).text == "Sorry."
    assert t.events.of(ev.ErrorRaised) == [ev.ErrorRaised.of(problem)]


async def test_actions_come_with_the_reply() -> None:
    t = talk({"bye": [Say("Bye."), Do(EndCall())], "louder": [Do(ChangeVolume(10))]})
    assert await t.pipeline.answer("bye") == GatherReply("Bye.", (EndCall(),), ends_call=True)
    assert await t.pipeline.answer("louder") == GatherReply("", (ChangeVolume(10),))


async def test_the_last_reply_is_repeated() -> None:
    t = talk({"again": [Do(RepeatLast())]})
    assert "not said anything" in (await t.pipeline.answer("again")).text
    t.pipeline.heard("It is noon.")
    assert (await t.pipeline.answer("again")).text == "It is noon."


async def test_closing_gives_up_what_is_thought_about() -> None:
    before = asyncio.all_tasks()
    t = talk()
    t.brain.gate.clear()
    t.pipeline.begin("hello")
    await settle()
    await t.pipeline.close()
    await t.pipeline.close()
    assert t.brain.given_up == 1
    assert asyncio.all_tasks() == before


async def test_an_endless_reply_ends_with_a_sentence() -> None:
    t = talk({"story": [Say("Once upon a time there was a king. ") for _ in range(200)]})
    text = (await t.pipeline.answer("story")).text
    assert 2000 < len(text) <= 2500
    assert text.endswith("king.")


@given(st.text(alphabet="ab .!?\n", max_size=60), st.integers(1, 40))
def test_bounded_text_is_a_beginning_that_fits(text: str, most: int) -> None:
    cut = bounded(text, most)
    assert len(cut) <= most
    assert text.startswith(cut)
    assert cut == text or len(text) > most


def test_a_text_is_cut_at_a_sentence_else_at_a_word() -> None:
    assert bounded("One. Two. Three.", 10) == "One. Two."
    assert bounded("One. Two. Three.", 9) == "One. Two."
    assert bounded("one two three", 8) == "one two"
    assert bounded("onetwothree", 5) == "onetw"


async def test_a_callers_key_is_seen_by_nobody() -> None:
    token = "fedcba9876543210" * 2
    t = talk()
    await t.pipeline.answer(f"My auth token is {token}.")
    masked = "My auth token is [twilio_auth_token]."
    assert t.brain.asked == [masked]
    assert t.history.messages() == [ChatMessage("user", masked)]
    assert t.events.of(ev.UserTurn) == [ev.UserTurn("call_1", masked)]
    assert token not in repr(t.events.all)
