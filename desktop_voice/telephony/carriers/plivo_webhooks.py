"""Plivo's webhooks: whether they are genuine, and what they tell.

Source: Plivo's "Signature validation" (V3) and "XML request" documentation. The older V2 signature
does not cover the body and is refused. V3 holds a nonce but no time: repetitions are told by the
event's ``key``, which leaves the nonce out because a genuine repetition may have a new one.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import replace

from desktop_voice.core.calls import EndReason
from desktop_voice.telephony import addresses
from desktop_voice.telephony.carriers.carrier import (
    CarrierEvent,
    CarrierEventKind,
    WebhookRefusedError,
    WebhookRequest,
)
from desktop_voice.telephony.carriers.credentials import PlivoCredentials
from desktop_voice.telephony.carriers.numbers import with_plus
from desktop_voice.telephony.carriers.webhook_forms import (
    Form,
    event_key,
    header,
    read_form,
    read_pairs,
    sorted_values,
    split_url,
)

_SIGNATURE = "x-plivo-signature-v3"
_NONCE = "x-plivo-signature-v3-nonce"
_MOST_SIGNATURES = 8
_LONGEST_NONCE = 256

END_REASONS = {
    # Plivo's status does not tell who hung up.
    "completed": EndReason.FAR_END_HUNG_UP,
    "busy": EndReason.BUSY,
    "failed": EndReason.FAILED,
    "timeout": EndReason.NO_ANSWER,
    "no-answer": EndReason.NO_ANSWER,
    "cancel": EndReason.CANCELLED,
    "cancelled": EndReason.CANCELLED,
    "canceled": EndReason.CANCELLED,
}
"""The ``CallStatus`` values after which a call is over."""

_HANGUP_CODES = {
    **dict.fromkeys((1000,), EndReason.CANCELLED),
    **dict.fromkeys((1010, 1020), EndReason.CARRIER_REFUSED),
    **dict.fromkeys((2000, 2010, 2020, 2060), EndReason.FAILED),
    **dict.fromkeys((2030, 2040, 2050, 2070), EndReason.CARRIER_REFUSED),
    **dict.fromkeys((3000, 6010), EndReason.NO_ANSWER),
    **dict.fromkeys((3010, 3100), EndReason.BUSY),
    **dict.fromkeys((3020, 3040, 3110), EndReason.REJECTED),
    **dict.fromkeys((3030, 3130, 3140), EndReason.CARRIER_REFUSED),
    **dict.fromkeys((3050, 3070, 3080, 3090, 3120), EndReason.FAILED),
    # Our own document came to its end.
    4010: EndReason.WE_HUNG_UP,
    **dict.fromkeys((5000, 5010, 5020), EndReason.FAILED),
    6000: EndReason.HARD_LIMIT,
    6020: EndReason.MEDIA_LOST,
    # An address of ours was not reached, or did not answer with XML that Plivo takes.
    **dict.fromkeys((7011, 7012, 7013, 7014), EndReason.FAILED),
    **dict.fromkeys((7022, 7023, 7024, 7032, 7033, 7034), EndReason.FAILED),
    **dict.fromkeys((8011, 8012, 8013, 8014), EndReason.FAILED),
    9100: EndReason.WE_HUNG_UP,
}
"""By ``HangupCauseCode``; 4000, a normal hang-up, says no more than the status."""

_HANGUP_CAUSES = {
    "USER_BUSY": EndReason.BUSY,
    "NO_ANSWER": EndReason.NO_ANSWER,
    "CALL_REJECTED": EndReason.REJECTED,
    "ORIGINATOR_CANCEL": EndReason.CANCELLED,
}
_OUR_DOING = ("API Request", "Answer XML")
"""The hang-up sources that are ours."""

_STREAM_EVENTS = {
    "StartStream": CarrierEventKind.STREAM_STARTED,
    "StopStream": CarrierEventKind.STREAM_ENDED,
    "DroppedStream": CarrierEventKind.STREAM_ENDED,
}
_CONTINUED = ("poll", "steps", "after_stream")
_KEY_FIELDS = {
    "": ("Event", "CallStatus"),
    "status": ("Event", "CallStatus"),
    "stream": ("Event", "StreamID"),
    "machine": ("Event", "Machine"),
}


class PlivoWebhooks:
    """Verifies and understands webhooks; pure, any thread."""

    def __init__(self, credentials: PlivoCredentials) -> None:
        self._auth_token = credentials.auth_token.encode()

    def verify(self, request: WebhookRequest) -> None:
        """Check a POST's V3 signature; of several, one has to match. Raises WebhookRefusedError."""
        if request.method != "POST":
            raise WebhookRefusedError("it is not a POST")
        signatures = header(request, _SIGNATURE).split(",")
        nonce = header(request, _NONCE)
        if "" in signatures or len(signatures) > _MOST_SIGNATURES or len(nonce) > _LONGEST_NONCE:
            raise WebhookRefusedError("the signature is malformed")
        content = f"{_signed(request, read_form(request))}.{nonce}"
        digest = hmac.digest(self._auth_token, content.encode("utf-8", "surrogatepass"), "sha256")
        wanted = base64.b64encode(digest)
        is_good = False
        for place, signature in enumerate(signatures):
            # Only the space that follows a comma belongs to the list and not to the signature.
            own = signature.removeprefix(" ") if place else signature
            given = own.encode("utf-8", "surrogatepass")
            is_good |= hmac.compare_digest(wanted, given)
        if not is_good:
            raise WebhookRefusedError("the signature does not match")

    def parse(self, request: WebhookRequest) -> CarrierEvent:
        """Understand a verified POST. Raises WebhookRefusedError.

        ``carrier_ref`` is the ``CallUUID``: for a call from here the first event that brings it
        replaces the ``request_uuid`` that the creation returned.
        """
        form = read_form(request)
        call_uuid = form.one("CallUUID")
        if not call_uuid:
            raise WebhookRefusedError("it names no call")
        address = addresses.read(request.url)
        signed = [form.one(name) for name in _KEY_FIELDS.get(address.what, ())]
        base = CarrierEvent(
            CarrierEventKind.OTHER,
            call_uuid,
            event_key("plivo", request, call_uuid, *signed),
            call_id=address.call_id,
            from_number=with_plus(form.one("From")),
            to_number=with_plus(form.one("To")),
            turn=address.turn,
            attestation=_attestation(form),
        )
        return _understood(base, address.what, form)


def end_reason(status: str, code: str, cause: str = "", source: str = "") -> EndReason:
    """Return why a call that is over ended; what is known of the hang-up says more than the status.

    Args:
        status: ``CallStatus``.
        code: ``HangupCauseCode``, a number as text.
        cause: ``HangupCause``, the older word, where there is no code that is known.
        source: ``HangupSource``.
    """
    by_code = _HANGUP_CODES.get(int(code)) if code.isascii() and code.isdigit() else None
    known = by_code or _HANGUP_CAUSES.get(cause)
    if known is not None:
        return known
    reason = END_REASONS.get(status, EndReason.UNKNOWN)
    if reason is EndReason.FAR_END_HUNG_UP and source in _OUR_DOING:
        return EndReason.WE_HUNG_UP
    return reason


def _signed(request: WebhookRequest, form: Form) -> str:
    """Return what V3 signs of a POST, without the nonce."""
    base, coded_query = split_url(request)
    pairs = read_pairs(coded_query) if coded_query else ()
    query = "&".join(f"{name}={value}" for name, values in sorted_values(pairs) for value in values)
    fields = "".join(name + value for name, values in sorted_values(form.pairs) for value in values)
    if not fields:
        return f"{base}?{query}" if query else base
    return f"{base}?{query}.{fields}" if query else f"{base}?{fields}"


def _understood(base: CarrierEvent, what: str, form: Form) -> CarrierEvent:
    status, event = form.one("CallStatus"), form.one("Event")
    if what == "machine":
        machine = {"true": "machine", "false": "human"}.get(form.one("Machine").lower(), "unknown")
        return replace(base, kind=CarrierEventKind.MACHINE, machine=machine)
    if what == "stream":
        return replace(base, kind=_STREAM_EVENTS.get(event, CarrierEventKind.OTHER))
    if what == "gather" and form.one("Digits"):
        digits = form.one("Digits")
        return replace(base, kind=CarrierEventKind.DIGITS, digits=digits, wants_steps=True)
    if what == "gather" and form.one("Speech").strip():
        text = form.one("Speech").strip()
        return replace(base, kind=CarrierEventKind.SPEECH, text=text, wants_steps=True)
    if event == "Hangup" or status in END_REASONS:
        reason = end_reason(
            status,
            form.one("HangupCauseCode"),
            form.one("HangupCause"),
            form.one("HangupSource"),
        )
        return replace(base, kind=CarrierEventKind.ENDED, end_reason=reason)
    if what == "status":
        is_ringing = event == "Ring" or status == "ringing"
        kind = CarrierEventKind.RINGING if is_ringing else CarrierEventKind.OTHER
        return replace(base, kind=kind)
    if what in ("gather", "silence"):
        return replace(base, kind=CarrierEventKind.SILENCE, wants_steps=True)
    if what in _CONTINUED:
        return replace(base, kind=CarrierEventKind.CONTINUE, wants_steps=True)
    if what == "answer":
        return replace(base, kind=CarrierEventKind.ANSWERED, wants_steps=True)
    if not what and form.one("Direction") == "inbound":
        return replace(base, kind=CarrierEventKind.INCOMING, wants_steps=True)
    return base


def _attestation(form: Form) -> str:
    verdict, level = form.one("STIRVerification"), form.one("STIRAttestation")
    if verdict == "Verified":
        # By Plivo's description that is level A, whether or not it says so.
        return level if level in ("A", "B", "C") else "A"
    if verdict == "Not Verified":
        return level if level in ("B", "C") else "failed"
    return ""
