"""The local API's JSON forms of calls, transcripts, approvals and errors."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from desktop_voice.core.approvals import Approval
from desktop_voice.core.calls import Call, TranscriptLine
from desktop_voice.core.errors import DesktopVoiceError

Json = dict[str, Any]


def call_json(call: Call) -> Json:
    """Return a call with all its fields, ``reason_text`` in words, times in ISO 8601."""
    form = {key: _plain(value) for key, value in asdict(call).items()}
    return {**form, "is_live": call.state.is_live, "reason_text": call.reason.text}


def line_json(line: TranscriptLine) -> Json:
    """Return one line of a transcript."""
    return {key: _plain(value) for key, value in asdict(line).items()}


def approval_json(approval: Approval) -> Json:
    """Return a question to the user, with every field of the order."""
    return {
        "id": approval.id,
        "sha256": approval.sha256,
        "expires_at": _plain(approval.expires_at),
        "order": {key: _plain(value) for key, value in asdict(approval.order).items()},
    }


def error_json(error: DesktopVoiceError) -> Json:
    """Return an error as it is told."""
    return {
        "error": {
            "code": error.code,
            "what": error.what,
            "do": error.do,
            "retryable": error.retryable,
        }
    }


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
