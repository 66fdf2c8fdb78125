"""The language model as the brain sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """What a model is told of a tool; ``parameters`` is the JSON schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's wish to have a tool run; ``arguments`` should be a JSON object, and may be junk."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a chat, as language models take it.

    Attributes:
        calls: Of the assistant's: which tools it called.
        call_id: Of a tool's: which call this is the result of.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""


class LanguageModel(Protocol):
    """Something that answers a chat, piece by piece."""

    @property
    def name(self) -> str:
        """The model's name, for people."""

    async def warm_up(self) -> None:
        """Load what the first answer needs, so that it does not wait for it."""

    def stream(
        self, messages: Sequence[ChatMessage], tools: Sequence[ToolSpec] = ()
    ) -> AsyncIterator[str | ToolCall]:
        """Yield the answer's text in pieces, then the tools that it wants run, if any.

        An empty piece only tells that more is coming. Closing the iterator closes the connection.
        Tools that the server does not take are left out.

        Raises:
            ModelError: The model refused, answered rubbish or died.
        """

    async def close(self) -> None:
        """Give back all connections."""
