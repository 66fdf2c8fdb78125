"""Redaction: what must never stand in a log is masked or dropped before an entry is written."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from enum import Enum

from structlog.typing import EventDict, WrappedLogger

_OWN_KEYS = {"timestamp", "level", "logger"}
_DROPPED = ("text", "transcript", "audio", "pcm", "password", "token", "api_key", "authorization")
_MASKS = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[^\s\"',;]+"), r"\1 [key]"),
    (
        re.compile(r"(?i)\b((?:api[_-]?key|token|password|secret)[\"']?\s*[=:]\s*)[^\s&,;}]+"),
        r"\1[key]",
    ),
    (re.compile(r"(?<![^\W_])sk-[A-Za-z0-9_\-]{6,}"), "[key]"),
    (re.compile(r"(?<![^\W_])\+?\(?\d(?:[ ().\-/\u2010-\u2013\u00a0]{0,3}\d){6,}"), "[number]"),
)


def redact(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """Return the entry without personal data; a structlog processor, for any thread.

    Keys that hold words, sound or secrets are dropped, whatever their value. In all other text,
    keys and passwords and whatever looks like a phone number (seven digits or more) are masked.
    Objects of unknown types are named by their type only.
    """
    return {
        key: value if key in _OWN_KEYS else _redacted(value)
        for key, value in event_dict.items()
        if not _is_dropped(key)
    }


def _is_dropped(key: object) -> bool:
    name = str(key).lower().replace("-", "_")
    return any(name == dropped or name.endswith(f"_{dropped}") for dropped in _DROPPED)


def _redacted(value: object) -> object:
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case str():
            return _masked(value)
        case Mapping():
            return {
                _masked(str(key)): _redacted(item)
                for key, item in value.items()
                if not _is_dropped(key)
            }
        case list() | tuple() | set() | frozenset():
            return [_redacted(item) for item in value]
        case Enum() | BaseException() | os.PathLike():
            return _masked(str(value))
    return f"<{type(value).__name__}>"


def _masked(text: str) -> str:
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return text
