"""Rounds of tools, against a real server that calls them."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from desktop_voice.agent.model import ChatMessage
from desktop_voice.agent.model_reply import (
    APOLOGY,
    BROKEN_OFF,
    MAX_TOOL_ROUNDS,
    TOOL_FILLERS,
    Delays,
    model_reply,
)
from desktop_voice.agent.openai_chat import OpenAIChatModel
from desktop_voice.agent.reply import Did, Filler, Problem, ReplyPart, Say
from desktop_voice.agent.tools import Tool
from tests.helpers.model_server import Mode, ModelServer, calling, model_server

QUESTION = [ChatMessage("system", "Be brief."), ChatMessage("user", "Is it sunny?")]
PATIENT = Delays(30.0, 40.0, 60.0)
Script = Callable[[dict[str, Any]], list[dict[str, Any]]]


class Weather:
    """Tells the weather, when it is let."""

    name = "weather"
    aliases: Sequence[str] = ()
    description = "The weather of a town."
    parameters: Mapping[str, Any] = {
        "type": "object",
        "properties": {"town": {"type": "string"}},
        "required": ["town"],
    }
    budget_s = 30.0

    def __init__(self, *, is_slow: bool = False) -> None:
        self.release = asyncio.Event()
        self.begun = asyncio.Event()
        self.was_cancelled = asyncio.Event()
        self.towns: list[object] = []
        if not is_slow:
            self.release.set()

    async def run(self, arguments: Mapping[str, Any]) -> str:
        self.towns.append(arguments.get("town"))
        self.begun.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.was_cancelled.set()
            raise
        return f"It is sunny in {arguments.get('town')}."


def _results(request: dict[str, Any]) -> list[str]:
    return [m["content"] for m in request["messages"] if m["role"] == "tool"]


def _script(*rounds: list[dict[str, Any]]) -> Script:
    """Answer with one round after the other, by how many times tools were called already."""

    def deltas(request: dict[str, Any]) -> list[dict[str, Any]]:
        asked = sum(bool(message.get("tool_calls")) for message in request["messages"])
        return rounds[min(asked, len(rounds) - 1)]

    return deltas


async def _reply(server: ModelServer, *tools: Tool) -> list[ReplyPart]:
    model = OpenAIChatModel(server.base_url, "small-model")
    try:
        return [part async for part in model_reply([model], QUESTION, PATIENT, tools)]
    finally:
        await model.close()


def _sunny(town: str) -> tuple[str, str]:
    return "weather", json.dumps({"town": town})


async def test_a_model_is_told_of_the_tools_and_of_what_they_said() -> None:
    async with model_server() as server:
        server.script = _script(
            [calling(_sunny("Rome"))], [{"content": "Yes, "}, {"content": "it is."}]
        )
        parts = await _reply(server, Weather())
        first, second = server.requests
    assert parts == [Did("weather"), Say("Yes, "), Say("it is.")]
    assert first["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "weather",
                "description": Weather.description,
                "parameters": Weather.parameters,
            },
        }
    ]
    assert second["messages"][2:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_0",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"town": "Rome"}'},
                }
            ],
        },
        {"role": "tool", "content": "It is sunny in Rome.", "tool_call_id": "call_0"},
    ]


async def test_words_around_a_call_are_kept_apart() -> None:
    async with model_server() as server:
        server.script = _script(
            [{"content": "I will look."}, calling(_sunny("Rome"))], [{"content": "It is."}]
        )
        parts = await _reply(server, Weather())
    assert parts == [Say("I will look."), Did("weather"), Say(" It is.")]


async def test_several_tools_are_called_at_once_and_again() -> None:
    weather = Weather()
    async with model_server() as server:
        server.script = _script(
            [calling(_sunny("Rome"), _sunny("Oslo"))],
            [calling(_sunny("Bern"))],
            [{"content": "Yes."}],
        )
        parts = await _reply(server, weather)
        assert _results(server.requests[-1]) == [
            f"It is sunny in {town}." for town in ("Rome", "Oslo", "Bern")
        ]
    assert parts == [Did("weather")] * 3 + [Say("Yes.")]
    assert weather.towns == ["Rome", "Oslo", "Bern"]


async def test_calls_that_are_no_calls_are_told_to_the_model_and_it_goes_on() -> None:
    async with model_server() as server:
        server.script = _script(
            [calling(("weather", '{"town": '), ("erase the disk!", "{}"))], [{"content": "Sorry."}]
        )
        parts = await _reply(server, Weather())
        assert _results(server.requests[-1]) == [
            "Error: the arguments are no JSON object.",
            "Error: there is no such tool.",
        ]
        echoed = server.requests[-1]["messages"][2]["tool_calls"]
    assert parts == [Did("weather"), Say("Sorry.")]
    assert [call["function"]["arguments"] for call in echoed] == ["{}", "{}"]
    assert echoed[1]["function"]["name"] == "erase_the_disk_"


async def test_a_model_that_never_stops_calling_has_to_answer_in_words() -> None:
    weather = Weather()
    async with model_server() as server:
        server.script = lambda request: (
            [calling(_sunny("Rome"))] if "tools" in request else [{"content": "It is."}]
        )
        parts = await _reply(server, weather)
        assert len(server.requests) == MAX_TOOL_ROUNDS + 1
    assert parts == [Did("weather")] * MAX_TOOL_ROUNDS + [Say("It is.")]
    assert len(weather.towns) == MAX_TOOL_ROUNDS


async def test_a_model_that_calls_even_then_is_apologised_for() -> None:
    weather = Weather()
    async with model_server() as server:
        server.script = _script([calling(_sunny("Rome"))])
        parts = await _reply(server, weather)
    assert parts == [Did("weather")] * MAX_TOOL_ROUNDS + [Say(APOLOGY)]
    assert len(weather.towns) == MAX_TOOL_ROUNDS


async def test_a_slow_tool_is_bridged() -> None:
    weather = Weather(is_slow=True)
    async with model_server() as server:
        server.script = _script([calling(_sunny("Rome"))], [{"content": "Yes."}])
        model = OpenAIChatModel(server.base_url, "small-model")
        parts = []
        async for part in model_reply([model], QUESTION, PATIENT, [weather]):
            parts.append(part)
            weather.release.set()
        await model.close()
    assert parts == [Filler(TOOL_FILLERS[0]), Did("weather"), Say("Yes.")]


async def test_a_reply_that_is_closed_cancels_the_tool() -> None:
    weather = Weather(is_slow=True)
    async with model_server() as server:
        server.script = _script([calling(_sunny("Rome"))])
        model = OpenAIChatModel(server.base_url, "small-model")
        async with aclosing(model_reply([model], QUESTION, PATIENT, [weather])) as parts:
            assert await anext(parts) == Filler(TOOL_FILLERS[0])
        assert weather.was_cancelled.is_set()
        await model.close()


async def test_a_reply_that_is_cancelled_cancels_the_tool() -> None:
    weather = Weather(is_slow=True)
    async with model_server() as server:
        server.script = _script([calling(_sunny("Rome"))])
        task = asyncio.create_task(_reply(server, weather))
        await weather.begun.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert weather.was_cancelled.is_set()


async def test_a_server_that_refuses_tools_answers_without_and_is_not_asked_again() -> None:
    async with model_server(Mode.REFUSES_TOOLS) as server:
        model = OpenAIChatModel(server.base_url, "small-model")
        for _ in range(2):
            parts = [part async for part in model_reply([model], QUESTION, PATIENT, [Weather()])]
            assert parts[0] == Say("Paris ")
        await model.close()
        assert ["tools" in request for request in server.requests] == [True, False, False]


async def test_a_question_that_is_refused_for_another_reason_is_told() -> None:
    async with model_server(Mode.BAD_REQUEST) as server:
        parts = await _reply(server, Weather())
    assert parts[0] == Say(APOLOGY)
    assert [part.error.code for part in parts if isinstance(part, Problem)] == ["MODEL-10"]


async def test_a_model_that_fails_after_a_tool_ran_is_apologised_for() -> None:
    def fails_then(mode: Mode, *before: dict[str, Any]) -> Script:
        def deltas(request: dict[str, Any]) -> list[dict[str, Any]]:
            server.mode = mode
            return [*before, calling(_sunny("Rome"))]

        return deltas

    async with model_server() as server:
        server.script = fails_then(Mode.SERVER_ERROR)
        parts = await _reply(server, Weather())
        assert parts[:2] == [Did("weather"), Say(APOLOGY)]
        server.mode = Mode.NORMAL
        server.script = fails_then(Mode.SERVER_ERROR, {"content": "I will look."})
        parts = await _reply(server, Weather())
        assert parts[:3] == [Say("I will look."), Did("weather"), Say(BROKEN_OFF)]
        assert isinstance(parts[-1], Problem)
