"""Nothing personal passes into a log entry."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.system.redaction import redact


def redacted(**entry: Any) -> dict[str, Any]:
    return dict(redact(None, "info", entry))


@pytest.mark.parametrize(
    "number",
    [
        "+4915123456789",
        "+1 (415) 555-2671",
        "(415) 555-2671",
        "415.555.2671",
        "5552671",
        "555-2671",
        "0049 30 / 1234 5678",
        "tel:+49-151-23456789",
        "sip:4915123456789@example.org",
        "call_4915123456789",
        "+٤٩١٥١٢٣٤٥٦٧٨٩",
    ],
)
def test_phone_numbers_are_masked_wherever_they_stand(number: str) -> None:
    entry = redacted(event=f"dialling {number} now", to=number, deep={"list": [number]})
    assert "[number]" in entry["event"]
    assert not sum(character.isdigit() for character in json.dumps(entry, ensure_ascii=False))


@pytest.mark.parametrize(
    "secret",
    [
        "sk-abcDEF123456789",
        "sk-proj-abc_DEF-123",
        "Authorization: Bearer eyJhbGciOi.abc.def",
        "https://example.org/?token=abcdef",
        "api_key='abcdef'",
        '{"password": "abcdef"}',
    ],
)
def test_keys_and_passwords_are_masked(secret: str) -> None:
    shown = redacted(event=f"refused: {secret}")["event"]
    assert "[key]" in shown
    assert "abc" not in shown


@pytest.mark.parametrize(
    "key",
    ["text", "transcript", "audio", "pcm", "password", "token", "api_key", "API-Key", "user_text"],
)
def test_words_sound_and_secrets_are_dropped_by_their_key(key: str) -> None:
    assert redacted(event="turn", **{key: "hello there"}) == {"event": "turn"}
    assert redacted(event="turn", more=[{key: "hello there"}])["more"] == [{}]


def test_ordinary_entries_stay_as_they_are() -> None:
    entry = {
        "timestamp": "2026-11-20T17:48:45.123456Z",
        "level": "info",
        "logger": "desktop_voice.desk",
        "event": "reply over",
        "first_audio_ms": 412.5,
        "samples": 12_345_678,
        "device": "hw:0,0",
        "url": "http://127.0.0.1:11434/v1",
        "context": "desk",
        "ok": True,
        "reason": None,
    }
    assert redacted(**entry) == entry


class Mood(StrEnum):
    CALM = "calm"


@dataclass
class Turn:
    text: str


def test_objects_do_not_bring_their_content_along() -> None:
    entry = redacted(
        event="odd",
        turn=Turn("hello there"),
        raw=b"\x01\x02hello",
        samples=np.zeros(3),
        mood=Mood.CALM,
        path=Path("models"),
        error=ValueError("call +4915123456789"),
        load=float("nan"),
    )
    assert entry == {
        "event": "odd",
        "turn": "<Turn>",
        "raw": "<bytes>",
        "samples": "<ndarray>",
        "mood": "calm",
        "path": "models",
        "error": "call [number]",
        "load": "nan",
    }


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True), st.text(max_size=20))
def test_no_e164_number_gets_through(number: str, around: str) -> None:
    assert number[1:] not in redacted(event=f"{around} {number} {around}")["event"]
