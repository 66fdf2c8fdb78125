"""The JSON forms: every field, in plain values."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from desktop_voice.core.calls import (
    Call,
    CallMode,
    CallState,
    CarrierName,
    Direction,
    EndReason,
    PipelineKind,
)
from desktop_voice.core.errors import PhoneError
from desktop_voice.server.local_json import call_json, error_json


def test_a_call_has_its_fields_and_its_reason_in_words() -> None:
    now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    call = Call(
        id="1",
        carrier=CarrierName.TELNYX,
        direction=Direction.INBOUND,
        mode=CallMode.CONVERSATION,
        pipeline=PipelineKind.CASCADING,
        number="",
        own_number="+14155550100",
        created_at=now,
        state=CallState.ENDED,
        reason=EndReason.BUSY,
    )
    form = json.loads(json.dumps(call_json(call)))
    assert form["carrier"] == "telnyx"
    assert form["created_at"] == "2026-11-20T12:00:00+00:00"
    assert form["answered_at"] is None
    assert form["is_live"] is False
    assert form["reason_text"] == "The line was busy."


def test_an_error_says_what_to_do() -> None:
    error = PhoneError("PHONE-10", "There is no such call.", "List the calls.", retryable=True)
    assert error_json(error) == {
        "error": {
            "code": "PHONE-10",
            "what": "There is no such call.",
            "do": "List the calls.",
            "retryable": True,
        }
    }
