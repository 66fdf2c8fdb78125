"""An authorised request to the local API: the ids of its path, its query and its JSON body."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from desktop_voice.core.errors import CommandError
from desktop_voice.server.local_json import Json

ID = "([^/]{1,200})"
"""The pattern of an id in a path."""


class Asked:
    """What was asked; a part of the body that cannot be raises ``CommandError`` (``LOCAL-02``).

    Attributes:
        id: The id in the path; empty if the path has none.
        query: What follows the path's question mark.
        body: The whole body; empty if there was none.
    """

    def __init__(self, ids: tuple[str, ...], query: Mapping[str, str], body: Json) -> None:
        self.id = ids[0] if ids else ""
        self.query = query
        self.body = body

    def text(self, name: str, most: int, default: str | None = None) -> str:
        """Return a text of the body, up to ``most`` characters long."""
        value = self.body.get(name, default)
        if not isinstance(value, str) or len(value) > most:
            raise not_understood(f"“{name}” must be a text of at most {most} characters.")
        return value

    def flag(self, name: str, default: bool | None = None) -> bool:
        """Return a true or false of the body."""
        value = self.body.get(name, default)
        if not isinstance(value, bool):
            raise not_understood(f"“{name}” must be true or false.")
        return value


Route: TypeAlias = tuple[str, str, Callable[[Asked], Awaitable[Json]]]
"""Method, pattern of the path below ``/api/voice/``, and what answers."""


def not_understood(why: str) -> CommandError:
    """Return the error for a request that cannot be, because of ``why``."""
    return CommandError(
        "LOCAL-02", f"The running app does not take this: {why}", "Correct it and try again."
    )
