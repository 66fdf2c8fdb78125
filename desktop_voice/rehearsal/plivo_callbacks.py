"""Plivo's callbacks: signed forms to the app, with what every one of them tells of the call."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlencode, urlsplit, urlunsplit

from desktop_voice.rehearsal.call import NetworkCall
from desktop_voice.rehearsal.dialect import Exchange
from desktop_voice.rehearsal.plivo_hangups import call_status, hangup
from desktop_voice.rehearsal.plivo_signatures import signature_headers
from desktop_voice.rehearsal.webhooks import WebhookReply, WebhookRequest, Webhooks

ATTEMPTS = 3
_TWO_TOKENS_EVERY = 3
"""Every third request is signed as while the account's token is being exchanged."""


class PlivoCallbacks:
    """Sends one account's callbacks. Event loop only."""

    def __init__(self, exchange: Exchange, auth_id: str, auth_token: str) -> None:
        self._webhooks = Webhooks("plivo", exchange.tunnel, exchange.faults, exchange.reports)
        self._auth_id = auth_id
        self._token = auth_token
        self._retired_token = base64.b32encode(secrets.token_bytes(25)).decode()
        self._sent = 0

    async def send(
        self,
        call: NetworkCall,
        event: str,
        url: str,
        method: str = "POST",
        extra: Mapping[str, str] | None = None,
        *,
        wants_xml: bool = False,
    ) -> WebhookReply:
        """Send one callback, up to three times, and return the last reply.

        Args:
            call: What it is about.
            event: ``StartApp``, ``Redirect``, ``GetInput``, ``Ring``, ``Hangup``, ...
            url: The public URL.
            method: ``POST`` (a form) or ``GET`` (all in the query).
            extra: Further parameters.
            wants_xml: Whether the reply is executed; others may come out of order.
        """
        fields = [*common_fields(call, self._auth_id).items(), ("Event", event)]
        fields += list((extra or {}).items())
        if method == "GET":
            parts = urlsplit(url)
            query = "&".join(part for part in (parts.query, urlencode(fields)) if part)
            url, fields = urlunsplit(parts._replace(query=query)), []

        def sign(_attempt: int) -> WebhookRequest:
            self._sent += 1
            both = self._sent % _TWO_TOKENS_EVERY == 0
            tokens = [self._retired_token, self._token] if both else [self._token]
            headers = signature_headers(tokens, method, url, fields)
            if method == "GET":
                return WebhookRequest("GET", b"", headers)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            return WebhookRequest("POST", urlencode(fields).encode(), headers)

        return await self._webhooks.send(
            event, url, sign, attempts=ATTEMPTS, may_reorder=not wants_xml, ref=call.ref
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._webhooks.close()


def common_fields(call: NetworkCall, auth_id: str) -> dict[str, str]:
    """Return what every callback tells; numbers are without ``+``."""
    fields = {
        "CallUUID": call.ref,
        "From": call.from_number.lstrip("+"),
        "To": call.to_number.lstrip("+"),
        "CallStatus": call_status(call),
        "Direction": call.direction,
        "ALegUUID": call.ref,
        "ParentAuthID": auth_id,
        "SessionStart": clock_time(call.created_s),
        "BillRate": "0.01",
    }
    if request_uuid := call.notes.get("request_uuid"):
        fields |= {"ALegRequestUUID": str(request_uuid), "RequestUUID": str(request_uuid)}
    if call.direction == "inbound":
        fields["CallerName"] = fields["From"]
        fields["STIRVerification"] = {"": "Not Applicable", "A": "Verified"}.get(
            call.stir, "Not Verified"
        )
        known = call.stir in ("A", "B", "C")
        fields["STIRAttestation"] = call.stir if known else "Not Applicable"
    return fields


def hangup_fields(call: NetworkCall) -> dict[str, str]:
    """Return what the hangup callback adds."""
    why = hangup(call)
    answered_s = call.answered_s
    return {
        "HangupCause": why.cause,
        "HangupCauseCode": str(why.code),
        "HangupCauseName": why.name,
        "HangupSource": why.source,
        "Duration": str(round(call.duration_s)),
        "BillDuration": str(billed_s(call)),
        "TotalCost": f"{billed_s(call) / 60 * 0.01:.5f}",
        "AnswerTime": "" if answered_s is None else clock_time(answered_s),
        "StartTime": clock_time(call.created_s),
        "EndTime": "" if call.ended_s is None else clock_time(call.ended_s),
    }


def billed_s(call: NetworkCall) -> int:
    """Return the seconds that are billed: whole minutes."""
    return -(-int(call.duration_s * 1000) // 60_000) * 60


def clock_time(seconds: float) -> str:
    """Return seconds since the epoch as Plivo writes times."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
