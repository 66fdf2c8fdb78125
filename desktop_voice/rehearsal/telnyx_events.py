"""Telnyx's webhooks: signed JSON events, with what every one of them tells of the call."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from desktop_voice.rehearsal.call import Cause, NetworkCall
from desktop_voice.rehearsal.dialect import Exchange
from desktop_voice.rehearsal.telnyx_account import TelnyxAccount
from desktop_voice.rehearsal.webhooks import WebhookRequest, Webhooks

ATTEMPTS = 3


@dataclass(slots=True)
class CallIds:
    """What Telnyx knows of a call beside the network.

    Attributes:
        client_state: Base64 text that the app has set, or None: then events have null.
        webhook_url: The call's own address; empty for the application's.
    """

    call_leg_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    call_session_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    client_state: str | None = None
    webhook_url: str = ""


class TelnyxEvents:
    """Sends one account's events. Event loop only."""

    def __init__(self, exchange: Exchange, account: TelnyxAccount) -> None:
        self._webhooks = Webhooks("telnyx", exchange.tunnel, exchange.faults, exchange.reports)
        self._account = account

    def emit(
        self,
        call: NetworkCall,
        ids: CallIds,
        event_type: str,
        payload: Mapping[str, object] | None = None,
        *,
        client_state: str | None = None,
    ) -> None:
        """Send an event beside all others; ``client_state`` is that of a command, if it had one."""
        data: dict[str, object] = {
            "record_type": "event",
            "event_type": event_type,
            "id": str(uuid.uuid4()),
            "occurred_at": iso_time(self._account.standing.now_s()),
            "payload": {
                "call_control_id": call.ref,
                "call_leg_id": ids.call_leg_id,
                "call_session_id": ids.call_session_id,
                "connection_id": self._account.connection_id,
                "client_state": client_state or ids.client_state,
                **(payload or {}),
            },
        }
        url = ids.webhook_url or str(self._account.application["webhook_event_url"])
        call.spawn(self._send(call, event_type, url, data))

    async def _send(
        self, call: NetworkCall, event_type: str, url: str, data: dict[str, object]
    ) -> None:
        reply = await self._webhooks.send(
            event_type,
            url,
            lambda attempt: self._request(url, data, attempt),
            attempts=ATTEMPTS,
            may_reorder=True,
            ref=call.ref,
        )
        failover = self._account.application["webhook_event_failover_url"]
        if not reply.ok and failover:
            await self._webhooks.send(
                event_type,
                str(failover),
                lambda attempt: self._request(str(failover), data, ATTEMPTS + attempt),
                ref=call.ref,
            )

    def _request(self, url: str, data: dict[str, object], attempt: int) -> WebhookRequest:
        envelope = {"data": data, "meta": {"attempt": attempt, "delivered_to": url}}
        body = json.dumps(envelope, separators=(",", ":"), ensure_ascii=False).encode()
        headers = self._account.key.headers(body, int(self._account.standing.now_s()))
        return WebhookRequest("POST", body, {**headers, "Content-Type": "application/json"})

    async def close(self) -> None:
        """Close the connections."""
        await self._webhooks.close()


def parties(call: NetworkCall) -> dict[str, object]:
    """Return who calls whom."""
    return {"from": call.from_number, "to": call.to_number}


def initiated_fields(call: NetworkCall) -> dict[str, object]:
    """Return what ``call.initiated`` adds."""
    incoming = call.direction == "inbound"
    fields: dict[str, object] = {
        **parties(call),
        "direction": "incoming" if incoming else "outgoing",
        "state": "parked" if incoming else "bridging",
        "start_time": iso_time(call.created_s),
        "connection_codecs": "PCMU,PCMA",
        "offered_codecs": "PCMA,PCMU",
        "custom_headers": [],
        "sip_headers": [],
        "tags": [],
    }
    if incoming:
        fields["caller_id_name"] = call.from_number
        if call.stir:
            fields["shaken_stir_attestation"] = call.stir
            fields["shaken_stir_validated"] = call.stir in ("A", "B", "C")
    return fields


def answered_fields(call: NetworkCall) -> dict[str, object]:
    """Return what ``call.answered`` adds."""
    return {
        **parties(call),
        "state": "answered",
        "start_time": iso_time(call.created_s),
        "custom_headers": [],
        "sip_headers": [],
        "tags": [],
    }


def hangup_fields(call: NetworkCall) -> dict[str, object]:
    """Return what ``call.hangup`` adds."""
    cause, by = (call.ending.cause, call.ending.by) if call.ending else (Cause.FAILED, "network")
    causes = {
        Cause.COMPLETED: ("normal_clearing", "200"),
        Cause.BUSY: ("user_busy", "486"),
        Cause.NO_ANSWER: ("timeout", "480"),
        Cause.REJECTED: ("call_rejected", "603"),
        Cause.CANCELLED: ("originator_cancel", "487"),
        Cause.FAILED: ("unspecified", "500"),
        Cause.TIME_LIMIT: ("time_limit", "200"),
    }
    word, sip = causes[cause]
    app_side, far_side = (
        ("caller", "callee")
        if call.direction == "outbound"
        else (
            "callee",
            "caller",
        )
    )
    return {
        **parties(call),
        "state": "hangup",
        "start_time": iso_time(call.created_s),
        "hangup_cause": word,
        "hangup_source": {"app": app_side, "far_end": far_side}.get(by, "unknown"),
        "sip_hangup_cause": sip,
        "call_quality_stats": None,
        "custom_headers": [],
        "sip_headers": [],
        "tags": [],
    }


def iso_time(seconds: float) -> str:
    """Return seconds since the epoch as Telnyx writes times."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
