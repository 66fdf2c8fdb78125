"""Calls as tests need them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from desktop_voice.core.calls import (
    Call,
    CallMode,
    CarrierName,
    Direction,
    PipelineKind,
    new_call_id,
)

NOON = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)


def a_call(**changes: Any) -> Call:
    """Return an outgoing call that was just planned, with ``changes``."""
    call = Call(
        id=new_call_id(),
        carrier=CarrierName.TWILIO,
        direction=Direction.OUTBOUND,
        mode=CallMode.CONVERSATION,
        pipeline=PipelineKind.CASCADING,
        number="+14155550123",
        own_number="+14155550100",
        created_at=NOON,
        message="The server is back up.",
    )
    return replace(call, **changes)
