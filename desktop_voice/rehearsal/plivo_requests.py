"""What Plivo accepts in a request, and how it refuses (protocol: Plivo, "Voice API")."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from aiohttp import web

Body = Mapping[str, object]
Check = Callable[[object], bool]

UNAUTHORISED_TEXT = (
    "Could not verify your access level for that URL.\nYou have to login with proper credentials"
)
_WORDS = {
    400: "invalid parameters",
    401: "authentication failed",
    403: "calling to this destination is not permitted for this account",
    404: "not found",
    405: "method not allowed",
    429: "too many requests, rate limit exceeded",
}


class PlivoRefusalError(Exception):
    """A refusal with its HTTP status."""

    def __init__(self, status: int, error: str = "") -> None:
        self.status = status
        self.error = error or _WORDS.get(status, "internal server error")
        super().__init__(f"{status} {self.error}")

    def response(self) -> web.Response:
        """Return what is answered; of a 401 it is no JSON."""
        if self.status == 401:
            headers = {"WWW-Authenticate": 'Basic realm="Login Required"'}
            return web.Response(status=401, text=UNAUTHORISED_TEXT, headers=headers)
        return web.json_response(
            {"api_id": str(uuid.uuid4()), "error": self.error}, status=self.status
        )


def reply(status: int, **fields: object) -> web.Response:
    """Return a success as the carrier words it."""
    return web.json_response({"api_id": str(uuid.uuid4()), **fields}, status=status)


def _text(value: object) -> bool:
    return isinstance(value, str)


def _truth(value: object) -> bool:
    return isinstance(value, bool)


def _whole(low: int, high: int) -> Check:
    return lambda value: (
        isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
    )


def _one_of(*allowed: str) -> Check:
    return lambda value: value in allowed


def _matches(pattern: str) -> Check:
    compiled = re.compile(pattern)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def _url(value: object) -> bool:
    if not isinstance(value, str) or any(c.isspace() for c in value):
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


_METHOD = _one_of("GET", "POST")
_LEG = _one_of("aleg", "bleg", "both")
_NUMBER = _matches(r"\+?[1-9]\d{6,14}")
_NUMBERS = _matches(r"\+?[1-9]\d{6,14}(<\+?[1-9]\d{6,14})*")
_ENDLESS = 86_400
_CALLBACK: dict[str, Check] = {"callback_url": _url, "callback_method": _METHOD}
_APPLICATION: dict[str, Check] = {
    "answer_url": _url,
    "answer_method": _METHOD,
    "hangup_url": lambda value: value == "" or _url(value),
    "hangup_method": _METHOD,
    "fallback_answer_url": lambda value: value == "" or _url(value),
    "fallback_method": _METHOD,
    "default_number_app": _truth,
    "default_endpoint_app": _truth,
    "log_incoming_messages": _truth,
    "public_uri": _truth,
}

REQUIRED: dict[str, tuple[str, ...]] = {
    "call": ("from", "to", "answer_url"),
    "speak": ("text",),
    "dtmf": ("digits",),
    "create_application": ("app_name", "answer_url"),
}
FIELDS: dict[str, dict[str, Check]] = {
    "call": {
        "from": _NUMBER,
        "to": _NUMBERS,
        "answer_url": _url,
        "answer_method": _METHOD,
        "ring_url": _url,
        "ring_method": _METHOD,
        "hangup_url": _url,
        "hangup_method": _METHOD,
        "fallback_url": _url,
        "fallback_method": _METHOD,
        **_CALLBACK,
        "caller_name": lambda value: isinstance(value, str) and len(value) <= 50,
        "send_digits": _matches(r"[0-9A-DwW*#@]+"),
        "send_on_preanswer": _truth,
        "time_limit": _whole(1, _ENDLESS),
        "hangup_on_ring": _whole(0, _ENDLESS),
        "ring_timeout": _whole(1, _ENDLESS),
        "machine_detection": _one_of("true", "hangup"),
        "machine_detection_time": _whole(2000, 10_000),
        "machine_detection_url": _url,
        "machine_detection_method": _METHOD,
        "machine_detection_maximum_speech_length": _whole(1000, 6000),
        "machine_detection_initial_silence": _whole(2000, 10_000),
        "machine_detection_maximum_words": _whole(1, 100),
        "sip_headers": _text,
        "parent_call_uuid": _text,
        "error_if_parent_not_found": _truth,
    },
    "transfer": {
        "legs": _LEG,
        "aleg_url": _url,
        "aleg_method": _METHOD,
        "bleg_url": _url,
        "bleg_method": _METHOD,
        **_CALLBACK,
    },
    "speak": {
        "text": lambda value: isinstance(value, str) and 0 < len(value) <= 3000,
        "voice": _text,
        "language": _text,
        "legs": _LEG,
        "loop": _truth,
        "mix": _truth,
        "type": _text,
        **_CALLBACK,
    },
    "dtmf": {"digits": _matches(r"[0-9A-DwW*#@]+"), "leg": _LEG, **_CALLBACK},
    "number": {"app_id": _text, "subaccount": _text, "alias": _text, "cnam_lookup": _text},
    "application": _APPLICATION,
    "create_application": {"app_name": _matches(r"[A-Za-z0-9_\- ]{1,60}"), **_APPLICATION},
}
"""By the name of the request."""


def check(request: str, body: Body) -> list[str]:
    """Check a request's parameters.

    Returns:
        The names that the carrier does not know and ignores.

    Raises:
        PlivoRefusalError: One is missing or has no possible value.
    """
    for name in REQUIRED.get(request, ()):
        if body.get(name) in (None, ""):
            raise PlivoRefusalError(400, f"{name} parameter not present")
    fields = FIELDS[request]
    for name, value in body.items():
        if name in fields and not fields[name](value):
            raise PlivoRefusalError(400, f"{name} parameter is invalid")
    if request == "call" and str(body["from"]).lstrip("+") in str(body["to"]).replace(
        "+", ""
    ).split("<"):
        raise PlivoRefusalError(400, "from and to parameters cannot be the same")
    if request == "transfer":
        _check_transfer(body)
    return [name for name in body if name not in fields]


def _check_transfer(body: Body) -> None:
    legs = body.get("legs", "aleg")
    for leg in ("aleg", "bleg"):
        if legs in (leg, "both") and not body.get(f"{leg}_url"):
            raise PlivoRefusalError(400, f"{leg}_url parameter not present")
