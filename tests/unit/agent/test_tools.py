"""Tools: whatever a model asks of them, it is told what became of it."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.agent.model import ToolCall
from desktop_voice.agent.tools import (
    MAX_ARGUMENT_CHARS,
    MAX_CALLS_AT_ONCE,
    MAX_RESULT_CHARS,
    ToolBox,
    read_arguments,
)
from desktop_voice.core.errors import PhoneError


class Weather:
    """A tool that does as its argument says."""

    name = "weather"
    aliases = ("forecast",)
    description = "The weather."
    parameters: Mapping[str, Any] = {"type": "object", "properties": {"do": {"type": "string"}}}
    budget_s = 0.05

    async def run(self, arguments: Mapping[str, Any]) -> str:
        match arguments.get("do"):
            case "refuse":
                raise PhoneError("PHONE-99", "It rains.", "Take an umbrella.")
            case "break":
                raise ValueError("the caller is +14155550123")
            case "hang":
                await asyncio.Event().wait()
            case "talk":
                return "sun " * MAX_RESULT_CHARS
        return f"Sunny, {dict(arguments)}."


async def _told(name: str, arguments: str) -> str:
    (result,) = await ToolBox([Weather()]).run([ToolCall("1", name, arguments)])
    return result.text


@pytest.mark.parametrize("name", ["weather", "forecast"])
async def test_a_tool_is_run_by_any_of_its_names(name: str) -> None:
    (result,) = await ToolBox([Weather()]).run([ToolCall("1", name, '{"day": "today"}')])
    assert (result.tool, result.text) == ("weather", "Sunny, {'day': 'today'}.")


def test_the_model_is_told_of_each_tool_once() -> None:
    assert [spec.name for spec in ToolBox([Weather()]).specs] == ["weather"]


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("wether", "{}", "Error: there is no such tool."),
        ("weather", '{"day": ', "Error: the arguments are no JSON object."),
        ("weather", '["today"]', "Error: the arguments are no JSON object."),
        ("weather", "[" * 5000, "Error: the arguments are no JSON object."),
        ("weather", '{"do": "refuse"}', "Error: It rains. Take an umbrella."),
        ("weather", '{"do": "break"}', "Error: the tool failed unexpectedly."),
        (
            "weather",
            '{"do": "hang"}',
            "Error: it took longer than 0.05 seconds and was given up.",
        ),
        ("weather", "", "Sunny, {}."),
    ],
)
async def test_what_goes_wrong_is_told(name: str, arguments: str, told: str) -> None:
    assert await _told(name, arguments) == told


async def test_a_long_result_is_cut() -> None:
    assert len(await _told("weather", '{"do": "talk"}')) == MAX_RESULT_CHARS


async def test_results_stand_in_the_order_of_the_calls_and_too_many_are_refused() -> None:
    calls = [ToolCall(str(n), "weather", json.dumps({"n": n})) for n in range(MAX_CALLS_AT_ONCE)]
    calls.insert(0, ToolCall("slow", "weather", '{"do": "hang"}'))
    results = await ToolBox([Weather()]).run(calls)
    assert results[0].text.startswith("Error: it took longer")
    assert [f"'n': {n}" in result.text for n, result in enumerate(results[1:-1])] == [True] * 7
    assert (results[-1].tool, "not run" in results[-1].text) == ("", True)


@given(st.text(max_size=200) | st.just("x" * (MAX_ARGUMENT_CHARS + 1)))
def test_whatever_the_arguments_are_they_are_an_object_or_nothing(text: str) -> None:
    arguments = read_arguments(text)
    assert arguments is None or isinstance(arguments, dict)


class Counter(Weather):
    """A tool that knows how often it ran in this reply."""

    name = "counter"

    def __init__(self) -> None:
        self._runs = 0

    def for_reply(self) -> "Counter":
        return Counter()

    async def run(self, arguments: Mapping[str, Any]) -> str:
        self._runs += 1
        return str(self._runs)


async def test_a_tool_remembers_within_one_reply_only() -> None:
    counter = Counter()
    for _reply in range(2):
        box = ToolBox([counter])
        for expected in ("1", "2"):
            assert [r.text for r in await box.run([ToolCall("1", "counter", "")])] == [expected]
