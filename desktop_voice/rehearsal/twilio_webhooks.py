"""Twilio's webhooks: the fields of voice requests and status callbacks, signed and sent."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import urlencode, urlsplit, urlunsplit

from desktop_voice.rehearsal.call import Cause, NetworkCall, State
from desktop_voice.rehearsal.twilio_signatures import SharedKey, signature_headers
from desktop_voice.rehearsal.webhooks import WebhookReply, WebhookRequest, Webhooks

API_VERSION = "2010-04-01"

_FINAL: dict[Cause, str] = {
    Cause.COMPLETED: "completed",
    Cause.TIME_LIMIT: "completed",
    Cause.BUSY: "busy",
    Cause.REJECTED: "busy",
    Cause.NO_ANSWER: "no-answer",
    Cause.CANCELLED: "canceled",
    Cause.FAILED: "failed",
}
_SIP: dict[Cause, str] = {
    Cause.COMPLETED: "200",
    Cause.TIME_LIMIT: "200",
    Cause.BUSY: "486",
    Cause.REJECTED: "603",
    Cause.NO_ANSWER: "487",
    Cause.CANCELLED: "487",
    Cause.FAILED: "500",
}


def new_sid(prefix: str) -> str:
    """Return a fresh SID: two letters and 32 hexadecimal digits."""
    return prefix + secrets.token_hex(16)


def http_date(seconds: float | None = None) -> str:
    """Return a time as Twilio writes it (RFC 2822, UTC); now if none is given."""
    moment = datetime.now(UTC) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return format_datetime(moment)


def status_of(call: NetworkCall) -> str:
    """Return the call's status in Twilio's words."""
    if call.ending is None:
        return call.state.value
    if call.answered_s is not None:
        return "completed"
    return _FINAL[call.ending.cause]


def direction_of(call: NetworkCall) -> str:
    """Return the call's direction in Twilio's words; a dialled leg has a parent."""
    if call.direction == "inbound":
        return "inbound"
    return "outbound-dial" if "parent" in call.notes else "outbound-api"


@dataclass(slots=True)
class TwilioAccount:
    """Who signs: the account's SID and token, and a SharedKey if webhooks are signed with it."""

    sid: str
    auth_token: str
    shared_key: SharedKey
    sign_with_shared_key: bool = False

    def headers(self, url: str, parameters: list[tuple[str, str]]) -> dict[str, str]:
        """Return the headers that sign a request."""
        key = self.shared_key if self.sign_with_shared_key else None
        return signature_headers(url, parameters, auth_token=self.auth_token, shared_key=key)


class TwilioWebhooks:
    """Sends everything that Twilio asks or tells the app about its calls. Event loop only."""

    def __init__(self, account: TwilioAccount, webhooks: Webhooks) -> None:
        self._account = account
        self._webhooks = webhooks

    async def ask(
        self, call: NetworkCall, event: str, url: str, extra: Mapping[str, str], *, method: str
    ) -> WebhookReply:
        """Send a voice request, whose answer is instructions: once, and once more without."""
        return await self._send(event, url, {**self._fields(call), **extra}, method, call, tries=1)

    async def tell(
        self, call: NetworkCall, event: str, url: str, extra: Mapping[str, str], *, method: str
    ) -> None:
        """Send a callback whose answer does not matter."""
        fields = {**self._fields(call), **extra}
        await self._send(event, url, fields, method, call, tries=2, may_reorder=True)

    async def tell_status(
        self, call: NetworkCall, status: str, sequence: int, url: str, *, method: str
    ) -> None:
        """Send a status callback; at the end of the call with its length."""
        extra = {
            "CallStatus": status,
            "Timestamp": http_date(),
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(sequence),
        }
        if call.state is State.ENDED and call.ending is not None:
            seconds = int(call.duration_s + 0.999)
            extra |= {
                "CallDuration": str(seconds),
                "Duration": str((seconds + 59) // 60),
                "SipResponseCode": _SIP[call.ending.cause],
            }
        await self.tell(call, status, url, extra, method=method)

    def stream_headers(self, url: str) -> dict[str, str]:
        """Return the headers of a WebSocket's upgrade, signed for its ``wss`` URL."""
        return {"User-Agent": "TwilioMediaStreams/1.0", **self._account.headers(url, [])}

    def _fields(self, call: NetworkCall) -> dict[str, str]:
        fields = {
            "AccountSid": self._account.sid,
            "ApiVersion": API_VERSION,
            "CallSid": call.ref,
            "CallStatus": status_of(call),
            "Called": call.to_number,
            "Caller": call.from_number,
            "Direction": direction_of(call),
            "From": call.from_number,
            "To": call.to_number,
        }
        for side in ("From", "To", "Caller", "Called"):
            fields |= {f"{side}City": "", f"{side}State": "CA", f"{side}Zip": ""}
            fields[f"{side}Country"] = "US"
        if call.direction == "inbound":
            fields["CallToken"] = f"%7B%22parentCallInfoToken%22%3A%22{call.ref}%22%7D"
            if call.stir:
                fields["StirVerstat"] = f"TN-Validation-Passed-{call.stir}"
        answered_by = call.notes.get("answered_by")
        if answered_by:
            fields["AnsweredBy"] = str(answered_by)
        return fields

    async def _send(
        self,
        event: str,
        url: str,
        fields: Mapping[str, str],
        method: str,
        call: NetworkCall,
        *,
        tries: int,
        may_reorder: bool = False,
    ) -> WebhookReply:
        pairs = list(fields.items())
        token = str(uuid.uuid4())
        bare = url.partition("#")[0]
        if method == "GET":
            parts = urlsplit(bare)
            query = "&".join(filter(None, (parts.query, urlencode(pairs))))
            bare, pairs = urlunsplit(parts._replace(query=query)), []

        def sign(_attempt: int) -> WebhookRequest:
            headers = {
                "User-Agent": "TwilioProxy/1.1",
                "Accept": "*/*",
                "I-Twilio-Idempotency-Token": token,
                **self._account.headers(bare, pairs),
            }
            body = b""
            if method == "POST":
                headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
                body = urlencode(pairs).encode()
            return WebhookRequest(method, body, headers)

        return await self._webhooks.send(
            event, bare, sign, attempts=tries, may_reorder=may_reorder, ref=call.ref
        )
