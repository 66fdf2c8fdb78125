"""Plivo XML: steps as Plivo's documents.

Source: Plivo's XML reference for Speak, GetInput, Stream, Wait, Redirect and Hangup.
"""

from __future__ import annotations

from collections.abc import Sequence

from desktop_voice.core.calls import EndReason
from desktop_voice.dialogue.lines.media_socket import Encoding
from desktop_voice.telephony.carriers.xml import Element, add, once, response
from desktop_voice.telephony.steps import (
    ConnectStream,
    Gather,
    HangUp,
    Pause,
    Redirect,
    Reject,
    Say,
    Step,
)

CONTENT_TYPES = {
    Encoding.MULAW_8K: ("audio/x-mulaw", 8000),
    Encoding.L16_8K: ("audio/x-l16", 8000),
    Encoding.L16_16K: ("audio/x-l16", 16_000),
}
"""What Plivo calls an encoding: the type and the rate."""

_LISTEN_S = 15  # 5 to 60, speech and silence together
_STREAM_S = 14_400
_HINTS = 50
_HINT_CHARS = 100


def render(steps: Sequence[Step], language: str, encoding: Encoding) -> Element:
    """Return the document; unless it goes on elsewhere it ends with a hang-up."""
    root = response()
    for step in steps:
        _add(root, step, language, encoding)
        if isinstance(step, Gather | Redirect | HangUp | Reject):
            return root
    if steps:
        add(root, "Hangup")
    return root


def _add(root: Element, step: Step, language: str, encoding: Encoding) -> None:
    match step:
        case Say(text):
            add(root, "Speak", text, {"language": language})
        case Gather():
            _add_gather(root, step, language)
        case ConnectStream(url, _, status_url):
            content_type, rate_hz = CONTENT_TYPES[encoding]
            attributes = {
                "bidirectional": "true",
                "audioTrack": "inbound",
                # Without it the document goes on at once, to its hang-up.
                "keepCallAlive": "true",
                "contentType": f"{content_type};rate={rate_hz}",
                "streamTimeout": str(_STREAM_S),
                "statusCallbackUrl": status_url,
                "statusCallbackMethod": "POST",
            }
            add(root, "Stream", url, attributes)
        case Pause(seconds):
            add(root, "Wait", attributes={"length": str(max(1, seconds))})
        case Redirect(url):
            add(root, "Redirect", once(url), {"method": "POST"})
        case HangUp():
            add(root, "Hangup")
        case Reject(reason):
            is_busy = reason in (EndReason.BUSY, EndReason.TOO_MANY_CALLS)
            add(root, "Hangup", attributes={"reason": "busy" if is_busy else "rejected"})


def _add_gather(root: Element, step: Gather, language: str) -> None:
    attributes = {
        "action": step.result_url,
        "method": "POST",
        "inputType": "dtmf speech",
        "executionTimeout": str(_LISTEN_S),
        "speechEndTimeout": "auto",
        "digitEndTimeout": "auto",
        "language": language,
        "redirect": "true",
    }
    hints = [hint.replace(",", " ").strip()[:_HINT_CHARS] for hint in step.hints[:_HINTS]]
    if any(hints):
        attributes["hints"] = ",".join(hint for hint in hints if hint)
    gather = add(root, "GetInput", attributes=attributes)
    if step.prompt:
        add(gather, "Speak", step.prompt, {"language": language})
    # Silence falls through the gather: without this the call would end.
    add(root, "Redirect", once(step.silence_url), {"method": "POST"})
