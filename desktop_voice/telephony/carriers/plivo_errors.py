"""Plivo's refusals, and what they mean to the user.

Source: Plivo's "API response" documentation. Plivo has statuses and sentences but no error codes:
a few words of the sentence are looked for, none is repeated.
"""

from __future__ import annotations

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.errors import PhoneError
from desktop_voice.telephony.carriers import errors, fields
from desktop_voice.telephony.carriers.http import Json

_PLIVO = CarrierName.PLIVO
_BY_STATUS = {
    401: errors.key_refused,
    402: errors.no_credit,
    403: errors.account_forbidden,
    404: errors.account_unknown,
}
_OUT_OF_USE = ("suspended", "blocked", "disabled", "deactivated", "inactive")
_BY_WORDS = (
    (("insufficient", "credit", "balance"), errors.no_credit),
    (("concurrent", "concurrency"), errors.too_many_calls),
    (("geo", "country", "destination"), errors.country_closed),
    (("trial", "verified", "sandbox"), errors.trial_number),
    (("answer_url", "ring_url", "hangup_url"), errors.webhook_unreachable),
    (("from number", "from_number", "'from'", "caller id", "src"), errors.caller_id_refused),
    (("to number", "to_number", "'to'", "dst", "phone number"), errors.callee_invalid),
)


def diagnose(status: int, body: Json) -> PhoneError:
    """Return what a refusal means. A 404 is about the account: other 404s are dealt with before."""
    said = fields.text(body, "error").lower()
    is_denied = status in (401, 403) and "account" in said
    if is_denied and any(word in said for word in _OUT_OF_USE):
        return errors.account_suspended(_PLIVO)
    if status in (400, 403, 422):
        for words, make in _BY_WORDS:
            if any(word in said for word in words):
                return make(_PLIVO)
    known = _BY_STATUS.get(status)
    return known(_PLIVO) if known else errors.refused(_PLIVO, status)
