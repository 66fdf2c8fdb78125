"""Tools: what a language model may have done for it, and what it is told of that."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import structlog

from desktop_voice.agent.model import ToolCall, ToolSpec
from desktop_voice.core.errors import DesktopVoiceError

_log = structlog.get_logger()

MAX_CALLS_AT_ONCE = 8
MAX_ARGUMENT_CHARS = 16_000
MAX_RESULT_CHARS = 8_000


class Tool(Protocol):
    """Something that a language model may have done; used on one event loop."""

    @property
    def name(self) -> str:
        """Its name, which the model is told."""

    @property
    def aliases(self) -> Sequence[str]:
        """Other names that are understood, too."""

    @property
    def description(self) -> str:
        """What it does, for the model."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The JSON schema of its arguments, an object."""

    @property
    def budget_s(self) -> float:
        """How long it may take, in seconds."""

    async def run(self, arguments: Mapping[str, Any]) -> str:
        """Do it, and return what the model is told.

        The arguments are a model's and not checked against the schema: whatever is wrong with
        them is told in the result. Cancelled when the time is up, or the reply is cut.

        Raises:
            DesktopVoiceError: It cannot be done; the model is told why.
        """


@runtime_checkable
class ToolWithMemory(Protocol):
    """A tool that must know what it did before in the same reply."""

    def for_reply(self) -> Tool:
        """Return the tool for one reply."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What became of a model's call of a tool.

    Attributes:
        tool: The tool's own name; empty if there is no such tool.
        text: What the model is told.
    """

    tool: str
    text: str


class ToolBox:
    """The tools of one reply. Whatever a model asks of them, there is a result and no error."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        tools = [tool.for_reply() if isinstance(tool, ToolWithMemory) else tool for tool in tools]
        self._tools = {name: tool for tool in tools for name in (*tool.aliases, tool.name)}
        self.specs = tuple(ToolSpec(tool.name, tool.description, tool.parameters) for tool in tools)
        """What the model is told of them."""

    async def run(self, calls: Sequence[ToolCall]) -> list[ToolResult]:
        """Run ``calls`` side by side and return their results in the same order.

        Beyond ``MAX_CALLS_AT_ONCE`` they are refused.
        """
        running = [self._run(call) for call in calls[:MAX_CALLS_AT_ONCE]]
        refused = ToolResult(
            "", f"Error: not run, because at most {MAX_CALLS_AT_ONCE} run at once."
        )
        return [*await asyncio.gather(*running), *[refused] * (len(calls) - len(running))]

    async def _run(self, call: ToolCall) -> ToolResult:
        tool = self._tools.get(call.name)
        if tool is None:
            return ToolResult("", "Error: there is no such tool.")
        arguments = read_arguments(call.arguments)
        if arguments is None:
            return ToolResult(tool.name, "Error: the arguments are no JSON object.")
        return ToolResult(tool.name, (await _result(tool, arguments))[:MAX_RESULT_CHARS])


async def _result(tool: Tool, arguments: Mapping[str, Any]) -> str:
    try:
        async with asyncio.timeout(tool.budget_s):
            return await tool.run(arguments)
    except DesktopVoiceError as error:
        return f"Error: {error.what} {error.do}"
    except TimeoutError:
        return f"Error: it took longer than {tool.budget_s:g} seconds and was given up."
    except Exception as error:  # noqa: BLE001 - a broken tool must not end the reply
        # The message of an error may hold what was said or whom it was about.
        _log.error("tool failed", tool=tool.name, error=type(error).__name__)
        return "Error: the tool failed unexpectedly."


def read_arguments(text: str) -> dict[str, Any] | None:
    """Return the JSON object that a model wrote, empty if it wrote nothing; None if it is none."""
    if not text.strip():
        return {}
    if len(text) > MAX_ARGUMENT_CHARS:
        return None
    try:
        arguments = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return arguments if isinstance(arguments, dict) else None
