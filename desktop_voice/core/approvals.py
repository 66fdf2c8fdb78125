"""Approvals: the user's consent to one call, bound to every word and limit of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from desktop_voice.core.calls import CallMode, CarrierName, PipelineKind

APPROVAL_LIFE_S = 120


@dataclass(frozen=True, slots=True)
class CallOrder:
    """A call that somebody wants placed, complete: nothing is added to it after the approval.

    Attributes:
        number: Whom to call, E.164.
        own_number: The caller id, E.164.
        message: The first words, after the disclosure.
        origin: Who asked: the user at the window or the terminal, or the assistant.
        at_night: Whether the quiet hours are to be passed over.
    """

    number: str
    own_number: str
    carrier: CarrierName
    mode: CallMode
    pipeline: PipelineKind
    message: str
    disclosure: str
    soft_limit_s: int
    hard_limit_s: int
    origin: Literal["window", "terminal", "assistant"]
    at_night: bool = False

    @property
    def sha256(self) -> str:
        """A digest over every field; a call is placed only if it is the approved one's."""
        canonical = json.dumps(asdict(self), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Approval:
    """A question to the user: may this call be placed? Good once, until ``expires_at`` (UTC)."""

    id: str
    order: CallOrder
    sha256: str
    expires_at: datetime


ApprovalOutcome = Literal["approved", "denied", "expired"]
