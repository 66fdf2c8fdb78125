"""Telnyx webhooks: their Ed25519 signature, and what they tell.

Source: Telnyx, "Receiving webhooks for Programmable Voice" and the published webhook schemas.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from desktop_voice.core.calls import EndReason
from desktop_voice.telephony.carriers.carrier import (
    CarrierEvent,
    CarrierEventKind,
    WebhookRefusedError,
    WebhookRequest,
)

SIGNATURE_HEADER = "telnyx-signature-ed25519"
TIMESTAMP_HEADER = "telnyx-timestamp"
WINDOW_S = 300
"""How far the signed time may be from now, either way; exactly this far still passes."""

_MAX_DEPTH = 16
_MAX_REF_LENGTH = 300
_TIMESTAMP = re.compile(r"[1-9][0-9]{8,10}", re.ASCII)
_REF = re.compile(rf"[!-~]{{1,{_MAX_REF_LENGTH}}}", re.ASCII)
_CALL_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_TURN = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_DIGIT = re.compile(r"[0-9A-D*#]", re.ASCII)

_KINDS = {
    "call.answered": CarrierEventKind.ANSWERED,
    "call.hangup": CarrierEventKind.ENDED,
    "call.dtmf.received": CarrierEventKind.DIGITS,
    "streaming.started": CarrierEventKind.STREAM_STARTED,
    "streaming.stopped": CarrierEventKind.STREAM_ENDED,
    "streaming.failed": CarrierEventKind.STREAM_ENDED,
}
_HANGUP_CAUSES = {
    "normal_clearing": EndReason.FAR_END_HUNG_UP,
    "call_rejected": EndReason.REJECTED,
    "originator_cancel": EndReason.CANCELLED,
    "timeout": EndReason.NO_ANSWER,
    "no_answer": EndReason.NO_ANSWER,
    "time_limit": EndReason.HARD_LIMIT,
    "user_busy": EndReason.BUSY,
    "not_found": EndReason.FAILED,
}
_SIP_CAUSES = {
    "403": EndReason.CARRIER_REFUSED,
    "404": EndReason.FAILED,
    "408": EndReason.NO_ANSWER,
    "480": EndReason.NO_ANSWER,
    "484": EndReason.FAILED,
    "486": EndReason.BUSY,
    "487": EndReason.CANCELLED,
    "503": EndReason.FAILED,
    "600": EndReason.BUSY,
    "603": EndReason.REJECTED,
    "604": EndReason.FAILED,
}
_MACHINES = {
    "human": "human",
    "human_residence": "human",
    "human_business": "human",
    "machine": "machine",
    "fax_detected": "machine",
}


def check_signature(request: WebhookRequest, key: Ed25519PublicKey, now_s: float) -> None:
    """Check that Telnyx signed the raw body within the last five minutes.

    Args:
        request: The request as it came; the address is not signed by Telnyx.
        key: The account's public key.
        now_s: Seconds since 1970 by the carrier's clock.

    Raises:
        WebhookRefusedError: It did not, or the headers are missing, repeated or malformed.
    """
    if request.method != "POST":
        raise WebhookRefusedError("not a POST")
    timestamp = _single(request.headers, TIMESTAMP_HEADER)
    signature = _decode_strictly(_single(request.headers, SIGNATURE_HEADER))
    if not _TIMESTAMP.fullmatch(timestamp):
        raise WebhookRefusedError("malformed timestamp")
    if signature is None or len(signature) != 64:
        raise WebhookRefusedError("malformed signature")
    try:
        key.verify(signature, timestamp.encode("ascii") + b"|" + request.body)
    except InvalidSignature:
        raise WebhookRefusedError("wrong signature") from None
    if abs(int(now_s) - int(timestamp)) > WINDOW_S:
        raise WebhookRefusedError("signed too long ago or in the future")


@dataclass(frozen=True, slots=True)
class ClientState:
    """What we have Telnyx send back with every event of a call."""

    call_id: str
    turn: str = ""

    def encode(self) -> str:
        """Return it as Telnyx wants it: base64. A turn that is not a plain nonce is left out."""
        plain = f"{self.call_id}.{self.turn}" if _TURN.fullmatch(self.turn) else self.call_id
        return base64.b64encode(plain.encode("ascii")).decode("ascii")

    @staticmethod
    def decode(text: object) -> ClientState:
        """Return what :meth:`encode` put in; empty for anything that is not ours."""
        raw = _decode_strictly(text) if isinstance(text, str) else None
        if raw is None or not raw.isascii():
            return ClientState("")
        call_id, dot, turn = raw.decode("ascii").partition(".")
        if not _CALL_ID.fullmatch(call_id) or (dot and not _TURN.fullmatch(turn)):
            return ClientState("")
        return ClientState(call_id, turn)


def parse_event(body: bytes, connection_id: str = "") -> CarrierEvent:
    """Understand a verified webhook.

    Telnyx never tells that a phone rings: an outgoing ``call.initiated`` stands for it. Speech that
    was not said to its end because the call or the wait for a machine ended is OTHER.

    Args:
        body: The raw body, at most a few tens of kilobytes.
        connection_id: The only connection whose events are ours; empty: any.

    Raises:
        WebhookRefusedError: It is not a well-formed event, or another connection's.
    """
    data = _mapping(_mapping(_load(body)).get("data"))
    payload = _mapping(data.get("payload"))
    event_type, event_id = _text(data, "event_type"), _text(data, "id")
    carrier_ref = _text(payload, "call_control_id")
    if data.get("record_type") != "event" or not event_type or not event_id:
        raise WebhookRefusedError("not an event")
    if carrier_ref and not _REF.fullmatch(carrier_ref):
        raise WebhookRefusedError("malformed call id")
    if connection_id and _text(payload, "connection_id") not in ("", connection_id):
        raise WebhookRefusedError("another connection's event")
    state = ClientState.decode(payload.get("client_state"))
    fields = _understand(event_type, payload)
    if fields["kind"] is CarrierEventKind.SPOKEN:
        fields["turn"] = state.turn
    return CarrierEvent(
        carrier_ref=carrier_ref,
        call_id=state.call_id,
        key=_key(event_id, event_type, carrier_ref),
        from_number=_text(payload, "from"),
        to_number=_text(payload, "to"),
        order=_seconds(data.get("occurred_at")),
        **fields,
    )


def _understand(event_type: str, payload: Mapping[str, object]) -> dict[str, Any]:
    other: dict[str, Any] = {"kind": CarrierEventKind.OTHER}
    kind = _KINDS.get(event_type)
    if event_type == "call.initiated":
        return _initiated(payload)
    if event_type == "call.transcription":
        return _transcription(payload) or other
    if event_type == "call.speak.ended":
        is_over = payload.get("status") not in ("call_hangup", "cancelled_amd")
        return {"kind": CarrierEventKind.SPOKEN} if is_over else other
    if event_type.startswith("call.machine.") and event_type.endswith("detection.ended"):
        machine = _MACHINES.get(_text(payload, "result"), "unknown")
        return {"kind": CarrierEventKind.MACHINE, "machine": machine}
    if event_type.startswith("call.machine.") and event_type.endswith("greeting.ended"):
        # Whatever the result: nothing further comes, and a message may be left from here.
        return {"kind": CarrierEventKind.MACHINE, "machine": "beep"}
    if kind is CarrierEventKind.ENDED:
        return {"kind": kind, "end_reason": _end_reason(payload)}
    if kind is CarrierEventKind.DIGITS:
        digit = _text(payload, "digit")
        if not _DIGIT.fullmatch(digit):
            raise WebhookRefusedError("malformed digit")
        return {"kind": kind, "digits": digit}
    return other if kind is None else {"kind": kind}


def _initiated(payload: Mapping[str, object]) -> dict[str, Any]:
    direction = payload.get("direction")
    if direction == "incoming":
        return {"kind": CarrierEventKind.INCOMING, "attestation": _attestation(payload)}
    if direction == "outgoing":
        return {"kind": CarrierEventKind.RINGING}
    raise WebhookRefusedError("no direction")


def _transcription(payload: Mapping[str, object]) -> dict[str, Any] | None:
    said = _mapping(payload.get("transcription_data"))
    text, is_final = _text(said, "transcript").strip(), said.get("is_final", True)
    if not isinstance(is_final, bool):
        raise WebhookRefusedError("malformed transcription")
    if not text or said.get("transcription_track") == "outbound":
        return None
    return {"kind": CarrierEventKind.SPEECH, "text": text, "is_final": is_final}


def _attestation(payload: Mapping[str, object]) -> str:
    level = _text(payload, "shaken_stir_attestation")
    is_valid = payload.get("shaken_stir_validated")
    if level and is_valid is False:
        return "failed"
    return level if level in ("A", "B", "C") and is_valid is True else ""


def _end_reason(payload: Mapping[str, object]) -> EndReason:
    known = _HANGUP_CAUSES.get(_text(payload, "hangup_cause"))
    return known or _SIP_CAUSES.get(_text(payload, "sip_hangup_cause"), EndReason.UNKNOWN)


def _key(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode("ascii")).hexdigest()


def _seconds(value: object) -> float:
    if not isinstance(value, str):
        return 0.0
    try:
        at = datetime.fromisoformat(value)
        return at.replace(tzinfo=at.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _single(headers: Mapping[str, Sequence[str]], name: str) -> str:
    values = headers.get(name, ())
    if len(values) != 1:
        raise WebhookRefusedError(f"{len(values)} values of {name}")
    return values[0]


def _decode_strictly(text: str) -> bytes | None:
    """Return the bytes of canonical base64; None for any other spelling of the same bytes."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
    return raw if base64.b64encode(raw).decode("ascii") == text else None


def _load(body: bytes) -> object:
    try:
        value: object = json.loads(
            body.decode("utf-8"),
            parse_constant=_refuse,
            parse_float=_finite,
            object_pairs_hook=_distinct,
        )
    except (ValueError, RecursionError):
        raise WebhookRefusedError("not JSON") from None
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    if level:
        raise WebhookRefusedError("nested too deeply")
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("number out of range")
    return number


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise ValueError("a name stands twice")
    return names


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise WebhookRefusedError("an object is missing")
    return value


def _text(mapping: Mapping[str, object], name: str) -> str:
    """Return a text, or "" for null and for a name that is missing."""
    value = mapping.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or not _is_unicode(value):
        raise WebhookRefusedError(f"malformed {name}")
    return value


def _is_unicode(text: str) -> bool:
    """Return whether it can be stored: half a surrogate pair cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
