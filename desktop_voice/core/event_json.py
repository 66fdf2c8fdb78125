"""The JSON-lines form of events, as ``--json`` prints it."""

from __future__ import annotations

from typing import Any

from desktop_voice.core import events as ev

JsonObject = dict[str, Any]


def event_to_json(event: ev.Event) -> JsonObject | None:
    """Return the JSON object for ``event``, or None for events that ``--json`` does not print."""
    match event:
        case ev.WakeHeard(line=line, phrase=phrase):
            return {"type": "wake", "line": line, "phrase": phrase}
        case ev.SpeechStarted(line=line):
            return {"type": "speech_started", "line": line}
        case ev.SpeechEnded(line=line):
            return {"type": "speech_ended", "line": line}
        case ev.PartialTranscript(line=line, text=text):
            return {"type": "partial", "line": line, "text": text}
        case ev.UserTurn(line=line, text=text, source=source):
            return {"type": "user_turn", "line": line, "text": text, "source": source}
        case ev.AssistantTurn(line=line, text=text, heard=heard):
            return {"type": "assistant_turn", "line": line, "text": text, "heard": heard}
        case ev.ToolRan(line=line, name=name):
            return {"type": "tool", "line": line, "name": name}
        case ev.BargeIn(line=line, by=by):
            return {"type": "barge_in", "line": line, "by": by}
        case ev.LatencyMeasured(line=line, first_audio_ms=first_audio_ms, stages=stages):
            return {
                "type": "latency",
                "line": line,
                "first_audio_ms": round(first_audio_ms, 1),
                "stages": {stage.name: round(stage.ms, 1) for stage in stages},
            }
        case ev.CallChanged(call=call):
            return {
                "type": "call",
                "id": call.id,
                "state": str(call.state),
                "reason": str(call.reason),
                "carrier": str(call.carrier),
                "direction": str(call.direction),
                "mode": str(call.mode),
                "pipeline": str(call.pipeline),
                "detail": call.detail,
            }
        case ev.PairingRequested(call_id=call_id, number=number, code=code):
            return {**_pairing(call_id, number, "asked"), "code": code}
        case ev.PairingCodeGiven(call_id=call_id, number=number):
            return _pairing(call_id, number, "code_given")
        case ev.PairingSettled(call_id=call_id, number=number, is_paired=is_paired):
            return _pairing(call_id, number, "let_in" if is_paired else "refused")
        case ev.CallerRemoved(number=number):
            return {"type": "caller_removed", "number": number}
        case ev.ErrorRaised(code=code, what=what, do=do, retryable=retryable):
            return {"type": "error", "code": code, "what": what, "do": do, "retryable": retryable}
        case ev.Notice(what=what, do=do):
            return {"type": "notice", "what": what, "do": do}
        case ev.AlarmRang(text=text):
            return {"type": "alarm", "text": text}
        case ev.StateChanged(state=state, muted=muted):
            return {"type": "state", "state": str(state), "muted": muted}
    return None


def _pairing(call_id: str, number: str, state: str) -> JsonObject:
    return {"type": "pairing", "call_id": call_id, "number": number, "state": state}
