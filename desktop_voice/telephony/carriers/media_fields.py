"""Media fields: reading media-stream messages strictly; ValueError for whatever is malformed."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

Message = Mapping[str, object]

LARGEST_PAYLOAD = 8192
"""Bytes of sound in one message; a carrier sends some 20 ms."""

_DIGITS = frozenset("0123456789ABCD*#")


def part(message: Message, name: str) -> Message:
    """Return an object within a message."""
    value = message.get(name)
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} is no object")
    return value


def word(message: Message, name: str) -> str:
    """Return a text that must be there and is not empty."""
    value = message.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} is no text")
    return value


def number(message: Message, name: str) -> int | None:
    """Return a whole number, written as one or as text; None if it is absent."""
    value = message.get(name)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:
        return int(value)
    raise ValueError(f"{name} is no number")


def sound(message: Message, name: str = "payload") -> bytes:
    """Return base64-coded sound."""
    coded = word(message, name)
    if len(coded) > LARGEST_PAYLOAD * 4 // 3 + 4:
        raise ValueError(f"{name} is too long")
    return base64.b64decode(coded, validate=True)


def digit(message: Message, name: str = "digit") -> str:
    """Return a key."""
    key = word(message, name)
    if key not in _DIGITS:
        raise ValueError(f"{name} is no key")
    return key


def frame(message: Message) -> str:
    """Return a message as it is sent."""
    return json.dumps(message, separators=(",", ":"))


def coded(payload: bytes) -> str:
    """Return sound as it stands in a message."""
    return base64.b64encode(payload).decode("ascii")
