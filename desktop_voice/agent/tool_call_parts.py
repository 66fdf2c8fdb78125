"""Puts a model's calls of tools together from the pieces in which servers stream them."""

from __future__ import annotations

import json
from dataclasses import dataclass

from desktop_voice.agent.model import ToolCall

MAX_CALLS = 32
MAX_ARGUMENT_CHARS = 64_000


@dataclass(slots=True)
class _Part:
    id: str
    name: str = ""
    arguments: str = ""


class ToolCallParts:
    """Collects the deltas of one answer.

    A piece belongs to the call of its ``index``. Some servers send no index, or the same one for
    every call: then another id begins another call.
    """

    def __init__(self) -> None:
        self._parts: list[_Part] = []
        self._at: dict[object, _Part] = {}

    def feed(self, deltas: object) -> bool:
        """Take the ``tool_calls`` of a chunk's delta; tell whether there were any.

        What is not understood is left.
        """
        if not isinstance(deltas, list):
            return False
        for delta in deltas:
            self._take(delta)
        return bool(deltas)

    def finish(self) -> list[ToolCall]:
        """Return the calls, in the order in which they were begun."""
        return [
            ToolCall(part.id or f"call_{number}", part.name, part.arguments)
            for number, part in enumerate(self._parts)
            if part.name
        ]

    def _take(self, delta: object) -> None:
        index, given_id = getattr(delta, "index", None), _text(getattr(delta, "id", None))
        function = getattr(delta, "function", None)
        part = self._at.get(index)
        if part is None or (given_id and part.id and given_id != part.id):
            if len(self._parts) >= MAX_CALLS:
                self._at[index] = _Part(given_id)
                return
            part = self._at[index] = _Part(given_id)
            self._parts.append(part)
        part.id = part.id or given_id
        part.name = part.name or _text(getattr(function, "name", None))
        arguments = getattr(function, "arguments", None)
        if isinstance(arguments, dict):
            arguments = json.dumps(arguments)
        part.arguments = (part.arguments + _text(arguments))[:MAX_ARGUMENT_CHARS]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
