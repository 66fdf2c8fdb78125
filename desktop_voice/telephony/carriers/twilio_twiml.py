"""TwiML: steps as Twilio's documents.

Source: Twilio's TwiML reference for Say, Gather, Connect, Stream, Pause, Redirect, Hangup, Reject
and Dial.
"""

from __future__ import annotations

from collections.abc import Sequence

from desktop_voice.core.calls import EndReason
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

TICKET = "ticket"
"""The name of the stream's parameter that carries the ticket."""

_LISTEN_S = 5
_RING_S = 25
_HINT_CHARS = 100
_HINTS = 50


def render(steps: Sequence[Step], language: str) -> Element:
    """Return the document; unless it goes on elsewhere it ends with a hang-up."""
    root = response()
    for step in steps:
        _add(root, step, language)
        if isinstance(step, Gather | Redirect | HangUp | Reject):
            return root
    if steps:
        add(root, "Hangup")
    return root


def transfer(to_number: str, caller_id: str) -> Element:
    """Return the document that connects the far end with ``to_number``, both E.164."""
    root = response()
    attributes = {"answerOnBridge": "true", "timeout": str(_RING_S)}
    if caller_id:
        attributes["callerId"] = caller_id
    add(add(root, "Dial", attributes=attributes), "Number", to_number)
    add(root, "Hangup")
    return root


def _add(root: Element, step: Step, language: str) -> None:
    match step:
        case Say(text):
            add(root, "Say", text, {"language": language})
        case Gather():
            _add_gather(root, step, language)
        case ConnectStream(url, ticket, status_url):
            attributes = {
                "url": url,
                "statusCallback": status_url,
                "statusCallbackMethod": "POST",
            }
            stream = add(add(root, "Connect"), "Stream", attributes=attributes)
            add(stream, "Parameter", attributes={"name": TICKET, "value": ticket})
        case Pause(seconds):
            add(root, "Pause", attributes={"length": str(max(1, seconds))})
        case Redirect(url):
            add(root, "Redirect", once(url), {"method": "POST"})
        case HangUp():
            add(root, "Hangup")
        case Reject(reason):
            is_busy = reason in (EndReason.BUSY, EndReason.TOO_MANY_CALLS)
            add(root, "Reject", attributes={"reason": "busy" if is_busy else "rejected"})


def _add_gather(root: Element, step: Gather, language: str) -> None:
    attributes = {
        "input": "dtmf speech",
        "action": step.result_url,
        "method": "POST",
        "timeout": str(_LISTEN_S),
        # "auto" must not be combined with a speechModel (warning 13335).
        "speechTimeout": "auto",
        "enhanced": "true",
        "language": language,
        "actionOnEmptyResult": "false",
    }
    hints = [hint.replace(",", " ").strip()[:_HINT_CHARS] for hint in step.hints[:_HINTS]]
    if any(hints):
        attributes["hints"] = ",".join(hint for hint in hints if hint)
    gather = add(root, "Gather", attributes=attributes)
    if step.prompt:
        add(gather, "Say", step.prompt, {"language": language})
    # Silence falls through the gather: without this the call would end.
    add(root, "Redirect", once(step.silence_url), {"method": "POST"})
