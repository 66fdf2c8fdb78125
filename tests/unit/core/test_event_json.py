"""The JSON lines that scripts rely on."""

from __future__ import annotations

import json

import pytest

from desktop_voice.core import events as ev
from desktop_voice.core.event_json import event_to_json
from desktop_voice.core.states import AssistantState

LATENCY = ev.LatencyMeasured(
    "desk", 412.345, (ev.LatencyStage("endpoint", 250.04), ev.LatencyStage("tts", 162.31))
)


@pytest.mark.parametrize(
    ("event", "shape"),
    [
        (ev.WakeHeard("desk", "hey_jarvis"), {"type": "wake", "phrase": "hey_jarvis"}),
        (ev.SpeechStarted("desk"), {"type": "speech_started"}),
        (ev.SpeechEnded("desk"), {"type": "speech_ended"}),
        (ev.PartialTranscript("desk", "how f"), {"type": "partial", "text": "how f"}),
        (ev.UserTurn("desk", "Hi."), {"type": "user_turn", "text": "Hi.", "source": "voice"}),
        (
            ev.UserTurn("desk", "Hi.", "keyboard"),
            {"type": "user_turn", "text": "Hi.", "source": "keyboard"},
        ),
        (
            ev.AssistantTurn("desk", "One. Two.", "One."),
            {"type": "assistant_turn", "text": "One. Two.", "heard": "One."},
        ),
        (ev.ToolRan("desk", "timer.set"), {"type": "tool", "name": "timer.set"}),
        (ev.BargeIn("desk", "stop_word"), {"type": "barge_in", "by": "stop_word"}),
        (
            LATENCY,
            {
                "type": "latency",
                "first_audio_ms": 412.3,
                "stages": {"endpoint": 250.0, "tts": 162.3},
            },
        ),
    ],
)
def test_a_conversation_event_has_its_shape_and_its_line(
    event: ev.Event, shape: dict[str, object]
) -> None:
    assert event_to_json(event) == {**shape, "line": "desk"}


@pytest.mark.parametrize(
    ("event", "shape"),
    [
        (
            ev.ErrorRaised("AUDIO-01", "No microphone.", "Plug one in.", retryable=True),
            {
                "type": "error",
                "code": "AUDIO-01",
                "what": "No microphone.",
                "do": "Plug one in.",
                "retryable": True,
            },
        ),
        (
            ev.PairingRequested("c1", "+14155550123", "12345678"),
            {
                "type": "pairing",
                "call_id": "c1",
                "number": "+14155550123",
                "state": "asked",
                "code": "12345678",
            },
        ),
        (
            ev.PairingCodeGiven("c1", "+14155550123"),
            {"type": "pairing", "call_id": "c1", "number": "+14155550123", "state": "code_given"},
        ),
        (
            ev.PairingSettled("c1", "+14155550123", True),
            {"type": "pairing", "call_id": "c1", "number": "+14155550123", "state": "let_in"},
        ),
        (
            ev.PairingSettled("c1", "+14155550123", False),
            {"type": "pairing", "call_id": "c1", "number": "+14155550123", "state": "refused"},
        ),
        (
            ev.CallerRemoved("+14155550123"),
            {"type": "caller_removed", "number": "+14155550123"},
        ),
        (ev.Notice("Changed.", "Look."), {"type": "notice", "what": "Changed.", "do": "Look."}),
        (ev.AlarmRang("Tea"), {"type": "alarm", "text": "Tea"}),
        (
            ev.StateChanged(AssistantState.FOLLOW_UP, muted=False),
            {"type": "state", "state": "follow_up", "muted": False},
        ),
    ],
)
def test_an_event_of_the_app_has_its_shape(event: ev.Event, shape: dict[str, object]) -> None:
    assert event_to_json(event) == shape


def test_what_belongs_to_the_window_alone_is_not_printed() -> None:
    assert event_to_json(ev.AudioLevel("microphone", -30.0)) is None
    assert event_to_json(ev.ReplyText("desk", "One.")) is None
    assert event_to_json(ev.DevicesChanged("a", "b")) is None


def test_a_line_of_json_stays_one_line() -> None:
    printed = json.dumps(event_to_json(ev.UserTurn("desk", "one\ntwo “three”")))
    assert "\n" not in printed
    assert json.loads(printed)["text"] == "one\ntwo “three”"
