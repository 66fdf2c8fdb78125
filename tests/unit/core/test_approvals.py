"""Approvals: the digest changes with every field of an order."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from desktop_voice.core.approvals import CallOrder
from desktop_voice.core.calls import CallMode, CarrierName, PipelineKind

ORDER = CallOrder(
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
OTHER: dict[str, Any] = {
    "number": "+14155550124",
    "own_number": "+14155550101",
    "carrier": CarrierName.PLIVO,
    "mode": CallMode.CONVERSATION,
    "pipeline": PipelineKind.CASCADING,
    "message": "The server is back up. ",
    "disclosure": "",
    "soft_limit_s": 301,
    "hard_limit_s": 3601,
    "origin": "window",
    "at_night": True,
}


@pytest.mark.parametrize("name", [field.name for field in fields(CallOrder)])
def test_a_change_of_any_field_is_another_order(name: str) -> None:
    assert replace(ORDER, **{name: OTHER[name]}).sha256 != ORDER.sha256


def test_equal_orders_have_equal_digests() -> None:
    assert replace(ORDER).sha256 == ORDER.sha256
