"""What was said in one conversation, as far as the model needs to remember it."""

from __future__ import annotations

from desktop_voice.agent.model import ChatMessage

MAX_MESSAGES = 40
MAX_CHARACTERS = 12_000


class History:
    """The turns of one conversation, oldest first; of replies only what was really heard.

    It forgets from the oldest on, beyond ``max_messages`` turns or ``max_characters`` of text.
    Not thread-safe: it belongs to the loop its conversation runs on.
    """

    def __init__(
        self, *, max_messages: int = MAX_MESSAGES, max_characters: int = MAX_CHARACTERS
    ) -> None:
        self._max_messages = max_messages
        self._max_characters = max_characters
        self._messages: list[ChatMessage] = []

    def add_user(self, text: str) -> None:
        """Append a turn of the user; blank text is ignored."""
        self._add(ChatMessage("user", text.strip()))

    def add_assistant(self, heard: str) -> None:
        """Append the part of a reply that was heard; blank text is ignored."""
        self._add(ChatMessage("assistant", heard.strip()))

    def remove_last_user(self) -> None:
        """Withdraw the user's turn if it is the last one, because the speaker went on."""
        if self._messages and self._messages[-1].role == "user":
            self._messages.pop()

    @property
    def last_reply(self) -> str:
        """The last reply as it was heard, or an empty string."""
        for message in reversed(self._messages):
            if message.role == "assistant":
                return message.content
        return ""

    def messages(self) -> list[ChatMessage]:
        """Return the turns in strict alternation, beginning with the user.

        Turns in a row by one side (a reply cut before its first word leaves two questions)
        become one message: many chat templates refuse them otherwise.
        """
        merged: list[ChatMessage] = []
        for message in self._messages:
            if not merged and message.role == "assistant":
                continue
            if merged and merged[-1].role == message.role:
                content = f"{merged[-1].content}\n{message.content}"
                merged[-1] = ChatMessage(message.role, content)
            else:
                merged.append(message)
        return merged

    def _add(self, message: ChatMessage) -> None:
        if not message.content:
            return
        self._messages.append(message)
        while len(self._messages) > 1 and (
            len(self._messages) > self._max_messages
            or sum(len(kept.content) for kept in self._messages) > self._max_characters
        ):
            self._messages.pop(0)
