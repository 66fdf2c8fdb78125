"""Why a Plivo call ended, in Plivo's words (protocol: Plivo, "Hangup causes and sources")."""

from __future__ import annotations

from dataclasses import dataclass

from desktop_voice.rehearsal.call import Cause, NetworkCall, State


@dataclass(frozen=True, slots=True)
class Hangup:
    """A hangup as callbacks and call records tell it.

    Attributes:
        code: ``HangupCauseCode``.
        name: ``HangupCauseName``.
        source: ``HangupSource``.
        cause: ``HangupCause``, the older word.
    """

    code: int
    name: str
    source: str
    cause: str = "NORMAL_CLEARING"


END_OF_XML = Hangup(4010, "End Of XML Instructions", "Plivo")
BY_XML = Hangup(4000, "Normal Hangup", "Answer XML")
BY_API = Hangup(4000, "Normal Hangup", "API Request")
CANCELLED_BY_API = Hangup(1000, "Canceled", "API Request", "ORIGINATOR_CANCEL")
REJECTED_BY_XML = Hangup(3020, "Rejected", "Answer XML", "CALL_REJECTED")
BUSY_BY_XML = Hangup(3010, "Busy Line", "Answer XML", "USER_BUSY")
MACHINE = Hangup(9100, "Machine Detected", "Plivo")
UNKNOWN_CALLER_ID = Hangup(3030, "Unknown Caller ID", "Plivo", "CALL_REJECTED")
NO_APPLICATION = Hangup(3020, "Rejected", "Plivo", "CALL_REJECTED")
_URLS = {"answer": 1, "action": 2, "transfer": 3, "redirect": 4}


def unreachable(kind: str) -> Hangup:
    """The answer, action, transfer or redirect URL gave no usable response."""
    return Hangup(7010 + _URLS[kind], f"Error Reaching {kind.title()} URL", "Error")


def invalid_xml(kind: str) -> Hangup:
    """The answer, action, transfer or redirect URL gave no XML that can be executed."""
    return Hangup(8010 + _URLS[kind], f"Invalid {kind.title()} XML", "Error")


def hangup(call: NetworkCall) -> Hangup:
    """Return why an ended call has ended: as noted on it, or as the network knows it."""
    noted = call.notes.get("hangup")
    if isinstance(noted, Hangup):
        return noted
    ending = call.ending
    if ending is None:
        return Hangup(0, "Unknown", "Unknown", "")
    source = {"app": "API Request", "network": "Plivo"}.get(ending.by, _party(call))
    code, name, cause = {
        Cause.COMPLETED: (4000, "Normal Hangup", "NORMAL_CLEARING"),
        Cause.BUSY: (3010, "Busy Line", "USER_BUSY"),
        Cause.NO_ANSWER: (6010, "Ring Timeout Reached", "NO_ANSWER"),
        Cause.REJECTED: (3020, "Rejected", "CALL_REJECTED"),
        Cause.CANCELLED: (1000, "Canceled", "ORIGINATOR_CANCEL"),
        Cause.FAILED: (5010, "Internal Error", "NORMAL_TEMPORARY_FAILURE"),
        Cause.TIME_LIMIT: (6000, "Scheduled Hangup", "ALLOTTED_TIMEOUT"),
    }[ending.cause]
    return Hangup(code, name, source, cause)


def call_status(call: NetworkCall) -> str:
    """Return ``CallStatus``."""
    if call.state is not State.ENDED:
        return "in-progress" if call.state is State.IN_PROGRESS else "ringing"
    if call.answered_s is not None or call.ending is None:
        return "completed"
    if call.direction == "inbound":
        return "completed"
    return {
        Cause.BUSY: "busy",
        Cause.NO_ANSWER: "no-answer",
        Cause.CANCELLED: "cancel",
    }.get(call.ending.cause, "failed")


def _party(call: NetworkCall) -> str:
    return "Callee" if call.direction == "outbound" else "Caller"
