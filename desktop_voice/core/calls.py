"""Phone calls: what one is, its states, and the one table that says which may follow which."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal


class CarrierName(StrEnum):
    """A phone company's interface that the app speaks."""

    TWILIO = "twilio"
    TELNYX = "telnyx"
    PLIVO = "plivo"


class Direction(StrEnum):
    """Who dialled: the far end, or this app."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class CallMode(StrEnum):
    """``notify`` speaks a message and hangs up; ``conversation`` goes on until a side hangs up."""

    NOTIFY = "notify"
    CONVERSATION = "conversation"


class PipelineKind(StrEnum):
    """Who hears, thinks and speaks on a call."""

    GATHER = "gather"
    MANAGED = "managed"
    CASCADING = "cascading"
    REALTIME = "realtime"


class CallState(StrEnum):
    """Where a call is; every call ends in ENDED, and nothing follows that."""

    PLANNED = "planned"
    """Stored here; the carrier was not asked yet, or has not answered yet."""
    QUEUED = "queued"
    """The carrier has taken the order."""
    RINGING = "ringing"
    ANSWERED = "answered"
    """Somebody, or a machine, picked up; nobody speaks for us yet."""
    TALKING = "talking"
    """A pipeline serves the call."""
    ENDING = "ending"
    """The carrier was asked to hang up."""
    ENDED = "ended"

    @property
    def is_live(self) -> bool:
        """Whether the call can still cost money."""
        return self is not CallState.ENDED


class CallTrigger(StrEnum):
    """What can move a call on."""

    ACCEPTED = "accepted"
    RANG = "rang"
    ANSWERED = "answered"
    CONNECTED = "connected"
    HANG_UP_ASKED = "hang_up_asked"
    ENDED = "ended"


class EndReason(StrEnum):
    """Why a call ended; :attr:`text` is what people read."""

    NONE = ""
    FAR_END_HUNG_UP = "far_end_hung_up"
    WE_HUNG_UP = "we_hung_up"
    MESSAGE_DELIVERED = "message_delivered"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SOFT_LIMIT = "soft_limit"
    HARD_LIMIT = "hard_limit"
    SILENT_CALLER = "silent_caller"
    CARRIER_REFUSED = "carrier_refused"
    MEDIA_LOST = "media_lost"
    ENGINE_FAILED = "engine_failed"
    INBOUND_DISABLED = "inbound_disabled"
    CALLER_NOT_ALLOWED = "caller_not_allowed"
    CALLER_WITHHELD = "caller_withheld"
    PAIRING_FAILED = "pairing_failed"
    TOO_MANY_CALLS = "too_many_calls"
    OTHER_CARRIER = "other_carrier"
    APP_QUIT = "app_quit"
    FOUND_ENDED = "found_ended"
    UNKNOWN = "unknown"

    @property
    def text(self) -> str:
        """One short sentence for people."""
        return _REASON_TEXTS[self]


_REASON_TEXTS = {
    EndReason.NONE: "",
    EndReason.FAR_END_HUNG_UP: "The other side hung up.",
    EndReason.WE_HUNG_UP: "Hung up from here.",
    EndReason.MESSAGE_DELIVERED: "The message was delivered.",
    EndReason.BUSY: "The line was busy.",
    EndReason.NO_ANSWER: "Nobody answered.",
    EndReason.REJECTED: "The call was rejected.",
    EndReason.FAILED: "The carrier could not connect the call.",
    EndReason.CANCELLED: "The call was cancelled before it was answered.",
    EndReason.SOFT_LIMIT: "The call reached its time limit.",
    EndReason.HARD_LIMIT: "The call reached the longest time allowed.",
    EndReason.SILENT_CALLER: "Nobody spoke for too long.",
    EndReason.CARRIER_REFUSED: "The carrier refused the call.",
    EndReason.MEDIA_LOST: "The sound connection to the carrier was lost.",
    EndReason.ENGINE_FAILED: "Speech or language failed, so the call was ended politely.",
    EndReason.INBOUND_DISABLED: "Incoming calls are switched off.",
    EndReason.CALLER_NOT_ALLOWED: "The caller is not on the list of allowed numbers.",
    EndReason.CALLER_WITHHELD: "The caller's number was withheld or not a real number.",
    EndReason.PAIRING_FAILED: "The caller was not paired.",
    EndReason.TOO_MANY_CALLS: "All lines were in use.",
    EndReason.OTHER_CARRIER: "The call came through a carrier that is not in use any more.",
    EndReason.APP_QUIT: "Desktop Voice was closed.",
    EndReason.FOUND_ENDED: "The call had ended while Desktop Voice was not running.",
    EndReason.UNKNOWN: "The carrier gave no reason.",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it stands; a new value replaces it at every change.

    Attributes:
        id: Our own id, sortable by time; also the ``line`` of the call's conversation events.
        number: The far end in E.164, or an empty string when it is withheld.
        own_number: The number on our side in E.164.
        carrier_ref: The carrier's id of the call; empty until the carrier gave one.
        message: What is said first on a call from here.
        created_at: When it was stored here; all times are UTC.
        soft_limit_s: Seconds after the answer at which it ends unless extended.
        hard_limit_s: Seconds that no extension passes; the carrier was told as well.
        detail: More than ``reason`` says, for people: never a secret, a number or what was said.
    """

    id: str
    carrier: CarrierName
    direction: Direction
    mode: CallMode
    pipeline: PipelineKind
    number: str
    own_number: str
    created_at: datetime
    state: CallState = CallState.PLANNED
    reason: EndReason = EndReason.NONE
    detail: str = ""
    carrier_ref: str = ""
    message: str = ""
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    soft_limit_s: int = 300
    hard_limit_s: int = 3600
    approval_id: str = ""


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """One side's turn on a call.

    Attributes:
        seq: 1, 2, 3 ... within the call.
        text: What was said, or meant to be said by us.
        heard: For our side what was really heard; equal to ``text`` for the far end.
    """

    call_id: str
    seq: int
    role: Literal["caller", "assistant", "operator"]
    text: str
    heard: str
    at: datetime


class ImpossibleCallTransitionError(Exception):
    """A trigger arrived in a state that has no place for it, not even as a late repetition."""

    def __init__(self, state: CallState, trigger: CallTrigger) -> None:
        super().__init__(f"{trigger} cannot happen while {state}")
        self.state = state
        self.trigger = trigger


_S = CallState
_T = CallTrigger

CALL_TRANSITIONS: dict[tuple[CallState, CallTrigger], CallState] = {
    (_S.PLANNED, _T.ACCEPTED): _S.QUEUED,
    # A webhook may overtake the answer to the request that created the call.
    (_S.PLANNED, _T.RANG): _S.RINGING,
    (_S.PLANNED, _T.ANSWERED): _S.ANSWERED,
    (_S.QUEUED, _T.RANG): _S.RINGING,
    (_S.QUEUED, _T.ANSWERED): _S.ANSWERED,
    (_S.QUEUED, _T.CONNECTED): _S.TALKING,
    (_S.RINGING, _T.ANSWERED): _S.ANSWERED,
    (_S.RINGING, _T.CONNECTED): _S.TALKING,
    (_S.ANSWERED, _T.CONNECTED): _S.TALKING,
}
LATE: frozenset[tuple[CallState, CallTrigger]] = frozenset(
    (state, trigger)
    for trigger, states in {
        _T.ACCEPTED: (_S.QUEUED, _S.RINGING, _S.ANSWERED, _S.TALKING, _S.ENDING, _S.ENDED),
        _T.RANG: (_S.RINGING, _S.ANSWERED, _S.TALKING, _S.ENDING, _S.ENDED),
        _T.ANSWERED: (_S.ANSWERED, _S.TALKING, _S.ENDING, _S.ENDED),
        _T.CONNECTED: (_S.TALKING, _S.ENDING, _S.ENDED),
        _T.HANG_UP_ASKED: (_S.ENDING, _S.ENDED),
        _T.ENDED: (_S.ENDED,),
    }.items()
    for state in states
)
"""Pairs that change nothing: a webhook was repeated, or came after a later one."""

for _state in CallState:
    if _state not in (_S.ENDING, _S.ENDED):
        CALL_TRANSITIONS[(_state, _T.HANG_UP_ASKED)] = _S.ENDING
    if _state is not _S.ENDED:
        CALL_TRANSITIONS[(_state, _T.ENDED)] = _S.ENDED


def next_call_state(state: CallState, trigger: CallTrigger) -> CallState:
    """Return the state that follows; the same one for what is late or repeated.

    Raises:
        ImpossibleCallTransitionError: Neither table has this pair.
    """
    if (state, trigger) in LATE:
        return state
    try:
        return CALL_TRANSITIONS[(state, trigger)]
    except KeyError:
        raise ImpossibleCallTransitionError(state, trigger) from None


def new_call_id() -> str:
    """Return an id that nobody can guess and that sorts by time."""
    return f"{int(time.time() * 1000):012x}{secrets.token_hex(10)}"
