"""Events are values: frozen, and each of them belongs to the common base."""

from __future__ import annotations

import dataclasses

import pytest

from desktop_voice.core import events as ev
from desktop_voice.core.errors import AudioError

EVENT_TYPES = [
    kind for kind in vars(ev).values() if isinstance(kind, type) and issubclass(kind, ev.Event)
]


@pytest.mark.parametrize("kind", EVENT_TYPES)
def test_an_event_cannot_be_changed_by_a_handler(kind: type[ev.Event]) -> None:
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert not hasattr(kind, "__dict__") or "__dict__" not in vars(kind)


@pytest.mark.parametrize("kind", EVENT_TYPES)
def test_a_conversation_event_names_its_line_first(kind: type[ev.Event]) -> None:
    if issubclass(kind, ev.ConversationEvent):
        assert dataclasses.fields(kind)[0].name == "line"


def test_an_error_becomes_an_event_with_all_it_says() -> None:
    error = AudioError("AUDIO-01", "No microphone.", "Plug one in.", retryable=True)
    assert ev.ErrorRaised.of(error) == ev.ErrorRaised(
        "AUDIO-01", "No microphone.", "Plug one in.", retryable=True
    )
