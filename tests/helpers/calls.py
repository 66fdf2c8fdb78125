"""Calls as tests need them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from desktop_voice.core.approvals import CallOrder
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


def an_order(**changes: Any) -> CallOrder:
    """Return a call that the assistant wants placed, with ``changes``."""
    order = CallOrder(
        number="+14155550123",
        own_number="+14155550100",
        carrier=CarrierName.TWILIO,
        mode=CallMode.NOTIFY,
        pipeline=PipelineKind.GATHER,
        message="The server is back up.",
        disclosure="Hello, this is an AI assistant.",
        soft_limit_s=300,
        hard_limit_s=3600,
        origin="assistant",
    )
    return replace(order, **changes)
