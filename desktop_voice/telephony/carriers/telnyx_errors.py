"""Telnyx's refusals: what its error codes mean.

Source: the error responses of the Call Control API's published description.
"""

from __future__ import annotations

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.errors import PhoneError
from desktop_voice.telephony.carriers import errors
from desktop_voice.telephony.carriers.fields import inner, objects, text
from desktop_voice.telephony.carriers.http import Json

CALL_UNKNOWN = "90015"
CALL_ENDED = "90018"
CALL_NOT_ANSWERED = "90034"
MEDIA_STREAMING_USED = "90045"
TRANSCRIPTION_RUNNING = "90054"

_ME = CarrierName.TELNYX
_OUT_OF_USE = ("suspended", "blocked", "disabled", "deactivated", "inactive")


def error_code(body: Json) -> str:
    """Return the code of the first error in a reply; an empty string if there is none."""
    return text(_first(body), "code")


def diagnose(status: int, body: Json) -> PhoneError:
    """Explain a refusal."""
    code = error_code(body)
    if status == 401:
        return errors.key_refused(_ME)
    if status == 402:
        return errors.no_credit(_ME)
    if status == 403:
        return _forbidden(body)
    if status == 404 or code == CALL_UNKNOWN:
        return errors.call_unknown(_ME)
    if code in (CALL_ENDED, CALL_NOT_ANSWERED):
        return errors.call_not_in_progress(_ME)
    if code == "90103":
        return errors.too_many_requests(_ME)
    pointer = text(inner(_first(body), "source"), "pointer")
    if pointer == "/connection_id":
        return errors.account_unknown(_ME)
    if pointer == "/to":
        return errors.callee_invalid(_ME)
    if pointer == "/from":
        return errors.caller_id_refused(_ME)
    if pointer in ("/webhook_url", "/webhook_event_url", "/stream_url"):
        return errors.webhook_unreachable(_ME)
    return errors.refused(_ME, status, code)


def no_outbound_profile() -> PhoneError:
    """The application can take calls, but not place any."""
    return PhoneError(
        "CARRIER-25",
        "The Telnyx application has no outbound voice profile, so it cannot place calls.",
        "Assign one to it in the Telnyx portal under “Voice API applications”, “Outbound”.",
    )


def application_inactive() -> PhoneError:
    """The application is switched off."""
    return PhoneError(
        "CARRIER-26",
        "The Telnyx application of this connection id is switched off.",
        "Activate it in the Telnyx portal under “Voice API applications”.",
    )


def _forbidden(body: Json) -> PhoneError:
    # The reasons behind a 403 are told apart only by the SIP reason at the detail's end.
    reasons = text(_first(body), "detail").replace(".", " ").split()
    if "D1" in reasons:
        return errors.too_many_calls(_ME)
    if "D13" in reasons:
        return errors.country_closed(_ME)
    said = f"{text(_first(body), 'title')} {text(_first(body), 'detail')}".lower()
    if "account" in said and any(word in said for word in _OUT_OF_USE):
        return errors.account_suspended(_ME)
    return errors.account_forbidden(_ME)


def _first(body: Json) -> Json:
    return next(iter(objects(body, "errors")), {})
