"""Twilio's webhooks: whether they are genuine, and what they tell.

Source: Twilio's "Webhooks security" and "Voice request parameters" documentation. The signature is
an HMAC over the URL and the sorted form; it is SHA-1 with the account's Auth Token, or SHA-256 with
a shared key that the account set up.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from urllib.parse import parse_qs, urlsplit

from desktop_voice.core.calls import EndReason
from desktop_voice.telephony import addresses
from desktop_voice.telephony.carriers.carrier import (
    CarrierEvent,
    CarrierEventKind,
    WebhookRefusedError,
    WebhookRequest,
)
from desktop_voice.telephony.carriers.credentials import TwilioCredentials
from desktop_voice.telephony.carriers.webhook_forms import (
    Form,
    event_key,
    header,
    media_type,
    read_form,
    sorted_values,
    split_url,
)

_SIGNATURE = "x-twilio-signature"
_SETTINGS = "x-twilio-webhooks-signature-settings"
_NO_KEYS: Mapping[str, str] = MappingProxyType({})

_PROGRESS = {
    "initiated": CarrierEventKind.QUEUED,
    "queued": CarrierEventKind.QUEUED,
    "ringing": CarrierEventKind.RINGING,
    "in-progress": CarrierEventKind.ANSWERED,
}
END_REASONS = {
    # Twilio does not tell who hung up; the caller of this module knows whether we did.
    "completed": EndReason.FAR_END_HUNG_UP,
    "busy": EndReason.BUSY,
    "no-answer": EndReason.NO_ANSWER,
    "failed": EndReason.FAILED,
    "canceled": EndReason.CANCELLED,
}
"""The ``CallStatus`` values after which a call is over."""

_MACHINES = {
    "human": "human",
    "machine_start": "machine",
    "machine_end_beep": "beep",
    "machine_end_silence": "beep",
    "machine_end_other": "beep",
    "fax": "machine",
}
_STREAM_EVENTS = {
    "stream-started": CarrierEventKind.STREAM_STARTED,
    "stream-stopped": CarrierEventKind.STREAM_ENDED,
    "stream-error": CarrierEventKind.STREAM_ENDED,
}
_CONTINUED = ("poll", "steps", "after_stream")
_KEY_FIELDS = {
    "status": ("CallStatus", "SequenceNumber"),
    "stream": ("StreamSid", "StreamEvent"),
    "machine": ("AnsweredBy",),
}


class TwilioWebhooks:
    """Verifies and understands webhooks; pure, any thread.

    ``shared_keys`` maps ids of SharedKeys to their secrets; without any, only Auth Token signatures
    are accepted.
    """

    def __init__(
        self, credentials: TwilioCredentials, shared_keys: Mapping[str, str] = _NO_KEYS
    ) -> None:
        self._account_sid = credentials.account_sid
        self._auth_token = credentials.auth_token
        self._shared_keys = shared_keys

    def verify(self, request: WebhookRequest) -> None:
        """Check a POST's signature. Raises WebhookRefusedError."""
        if request.method != "POST":
            raise WebhookRefusedError("it is not a POST")
        split_url(request)
        signature = header(request, _SIGNATURE)
        if media_type(request) == "application/json":
            _check_body_hash(request)
            self._check(request, request.url, "", signature)
            return
        fields = "".join(
            name + value
            for name, values in sorted_values(read_form(request).pairs)
            for value in dict.fromkeys(values)
        )
        self._check(request, request.url, fields, signature)

    def verify_upgrade(self, request: WebhookRequest) -> None:
        """Check a media socket's handshake; Twilio signs its ``wss://`` address and nothing else.

        Raises:
            WebhookRefusedError: It is not signed by this account, or the address has a query.
        """
        scheme, _, rest = request.url.partition("://")
        socket_scheme = {"https": "wss", "http": "ws", "wss": "wss", "ws": "ws"}.get(scheme)
        if request.method != "GET" or socket_scheme is None or request.body:
            raise WebhookRefusedError("it is not a handshake")
        if split_url(request)[1]:
            raise WebhookRefusedError("a media address has no query")
        signature = header(request, _SIGNATURE)
        self._check(request, f"{socket_scheme}://{rest}", "", signature)

    def parse(self, request: WebhookRequest) -> CarrierEvent:
        """Understand a verified POST. Raises WebhookRefusedError."""
        if media_type(request) == "application/json":
            raise WebhookRefusedError("a voice webhook is a form")
        form = read_form(request)
        call_sid = form.one("CallSid")
        if not call_sid.startswith("CA"):
            raise WebhookRefusedError("it names no call")
        if form.one("AccountSid") != self._account_sid:
            raise WebhookRefusedError("it is about another account")
        address = addresses.read(request.url)
        signed = [form.one(name) for name in _KEY_FIELDS.get(address.what, ())]
        base = CarrierEvent(
            CarrierEventKind.OTHER,
            call_sid,
            event_key("twilio", request, call_sid, *signed),
            call_id=address.call_id,
            from_number=form.one("From"),
            to_number=form.one("To"),
            turn=address.turn,
            attestation=_attestation(form.one("StirVerstat")),
        )
        return _understood(base, address.what, form)

    def _check(self, request: WebhookRequest, url: str, fields: str, signature: str) -> None:
        secret, algorithm = self._secret(request)
        given = signature.encode("utf-8", "surrogatepass")
        is_good = False
        for spelling in _with_and_without_port(url):
            content = (spelling + fields).encode("utf-8", "surrogatepass")
            wanted = base64.b64encode(hmac.digest(secret.encode(), content, algorithm))
            is_good |= hmac.compare_digest(wanted, given)
        if not is_good:
            raise WebhookRefusedError("the signature does not match")

    def _secret(self, request: WebhookRequest) -> tuple[str, str]:
        if _SETTINGS not in request.headers:
            return self._auth_token, "sha1"
        settings: dict[str, str] = {}
        for part in header(request, _SETTINGS).split(","):
            name, _, value = part.strip().partition("=")
            if name in settings:
                raise WebhookRefusedError("the signature's settings are ambiguous")
            settings[name] = value
        secret = self._shared_keys.get(settings.get("key", ""))
        if secret is None or settings.get("algorithm") != "HMAC_SHA256":
            raise WebhookRefusedError("it is signed with a key that is not configured")
        return secret, "sha256"


def _understood(base: CarrierEvent, what: str, form: Form) -> CarrierEvent:
    status = form.one("CallStatus")
    if what == "status":
        return _progress(base, form)
    if what == "machine":
        machine = _MACHINES.get(form.one("AnsweredBy"), "unknown")
        return replace(base, kind=CarrierEventKind.MACHINE, machine=machine)
    if what == "stream":
        kind = _STREAM_EVENTS.get(form.one("StreamEvent"), CarrierEventKind.OTHER)
        return replace(base, kind=kind)
    if what == "gather" and form.one("Digits"):
        digits = form.one("Digits")
        return replace(base, kind=CarrierEventKind.DIGITS, digits=digits, wants_steps=True)
    if what == "gather" and form.one("SpeechResult").strip():
        text = form.one("SpeechResult").strip()
        return replace(base, kind=CarrierEventKind.SPEECH, text=text, wants_steps=True)
    if status in END_REASONS:
        return _progress(base, form)
    if what in ("gather", "silence"):
        return replace(base, kind=CarrierEventKind.SILENCE, wants_steps=True)
    if what in _CONTINUED:
        return replace(base, kind=CarrierEventKind.CONTINUE, wants_steps=True)
    if what == "answer":
        return replace(base, kind=CarrierEventKind.ANSWERED, wants_steps=True)
    if not what and form.one("Direction") == "inbound":
        return replace(base, kind=CarrierEventKind.INCOMING, wants_steps=True)
    return base


def _progress(base: CarrierEvent, form: Form) -> CarrierEvent:
    status, sequence = form.one("CallStatus"), form.one("SequenceNumber")
    order = float(sequence[:9]) + 1 if sequence.isascii() and sequence.isdigit() else 0.0
    if status in END_REASONS:
        return replace(
            base, kind=CarrierEventKind.ENDED, end_reason=END_REASONS[status], order=order
        )
    return replace(base, kind=_PROGRESS.get(status, CarrierEventKind.OTHER), order=order)


def _attestation(verdict: str) -> str:
    """Return the STIR/SHAKEN level of ``StirVerstat``, such as ``TN-Validation-Passed-A``."""
    if verdict.startswith("TN-Validation-Passed-"):
        level = verdict.removeprefix("TN-Validation-Passed-")[:1]
        return level if level in ("A", "B", "C") else ""
    return "failed" if verdict.startswith("TN-Validation-Failed") else ""


def _with_and_without_port(url: str) -> tuple[str, str]:
    """Return both spellings that Twilio may have signed; everything else stays as it was sent."""
    scheme, _, rest = url.partition("://")
    end = min((rest.find(mark) for mark in "/?#" if mark in rest), default=len(rest))
    host, tail = rest[:end], rest[end:]
    try:
        port = urlsplit(url).port
    except ValueError:
        raise WebhookRefusedError("the address is malformed") from None
    if port is not None:
        return url, f"{scheme}://{host.rpartition(':')[0]}{tail}"
    default = 443 if scheme in ("https", "wss") else 80
    return url, f"{scheme}://{host}:{default}{tail}"


def _check_body_hash(request: WebhookRequest) -> None:
    hashes = parse_qs(urlsplit(request.url).query).get("bodySHA256", [])
    actual = hashlib.sha256(request.body).hexdigest()
    if len(hashes) != 1 or not hmac.compare_digest(hashes[0].encode(), actual.encode()):
        raise WebhookRefusedError("the body's digest does not match")
