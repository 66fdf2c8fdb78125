"""Twilio's error codes, and what they mean to the user.

Source: Twilio's error and warning dictionary. Both of its error bodies have ``code``.
"""

from __future__ import annotations

from collections.abc import Callable

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.errors import PhoneError
from desktop_voice.telephony.carriers import errors, fields
from desktop_voice.telephony.carriers.http import Json

_BY_CODE: dict[Callable[[CarrierName], PhoneError], tuple[int, ...]] = {
    errors.key_refused: (20003,),
    errors.account_suspended: (10001, 20005, 90010),
    errors.too_many_calls: (10004,),
    errors.callee_invalid: (13223, 13224, 13225, 21201, 21211, 21214, 21217),
    errors.caller_id_refused: (21210, 21212, 21213),
    errors.country_closed: (13227, 21215, 21216),
    errors.trial_number: (21219,),
    errors.call_not_in_progress: (21220,),
    errors.webhook_unreachable: (11200, 11205, 11210, 20101, 21205, 21609),
}
_DIAGNOSES = {str(code): make for make, codes in _BY_CODE.items() for code in codes}
_BY_STATUS = {
    401: errors.key_refused,
    402: errors.no_credit,
    403: errors.account_forbidden,
    404: errors.account_unknown,
}


def diagnose(status: int, body: Json) -> PhoneError:
    """Return what a refusal means. A 404 is about the account: other 404s are dealt with before."""
    code = fields.text(body, "code")
    make = _DIAGNOSES.get(code) or _BY_STATUS.get(status)
    return make(CarrierName.TWILIO) if make else errors.refused(CarrierName.TWILIO, status, code)
