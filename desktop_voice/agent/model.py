"""The language model as the brain sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a chat, as language models take it."""

    role: Literal["system", "user", "assistant"]
    content: str


class LanguageModel(Protocol):
    """Something that answers a chat, piece by piece."""

    @property
    def name(self) -> str:
        """The model's name, for people."""

    async def warm_up(self) -> None:
        """Load what the first answer needs, so that it does not wait for it."""

    def stream(self, messages: Sequence[ChatMessage]) -> AsyncIterator[str]:
        """Yield the answer's text in pieces; closing the iterator closes the connection.

        Raises:
            ModelError: The model refused, answered rubbish or died.
        """

    async def close(self) -> None:
        """Give back all connections."""
