"""Twilio's REST resources for calls, numbers and the account, with its error bodies."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from desktop_voice.rehearsal.call import NetworkCall, State
from desktop_voice.rehearsal.network import is_e164
from desktop_voice.rehearsal.twilio_numbers import TwilioNumber, TwilioNumbers
from desktop_voice.rehearsal.twilio_webhooks import (
    API_VERSION,
    TwilioAccount,
    direction_of,
    http_date,
    status_of,
)

Form = dict[str, list[str]]


def _words(names: str) -> frozenset[str]:
    return frozenset(names.split())


_CREATE_FIELDS = _words(
    "ApplicationSid AsyncAmd AsyncAmdStatusCallback AsyncAmdStatusCallbackMethod Byoc "
    "CallReason CallToken CallerId ClientNotificationUrl FallbackMethod FallbackUrl From "
    "MachineDetection MachineDetectionSilenceTimeout MachineDetectionSpeechEndThreshold "
    "MachineDetectionSpeechThreshold MachineDetectionTimeout Method Record RecordingChannels "
    "RecordingStatusCallback RecordingStatusCallbackEvent RecordingStatusCallbackMethod "
    "RecordingTrack SendDigits SipAuthPassword SipAuthUsername StatusCallback "
    "StatusCallbackEvent StatusCallbackMethod TimeLimit Timeout To Trim Twiml Url"
)
_UPDATE_FIELDS = _words(
    "FallbackMethod FallbackUrl Method Status StatusCallback StatusCallbackMethod TimeLimit "
    "Twiml Url"
)
_NUMBER_FIELDS = _words(
    "AccountSid AddressSid ApiVersion BundleSid EmergencyAddressSid EmergencyStatus "
    "FriendlyName IdentitySid SmsApplicationSid SmsFallbackMethod SmsFallbackUrl SmsMethod "
    "SmsUrl StatusCallback StatusCallbackMethod TrunkSid VoiceApplicationSid "
    "VoiceCallerIdLookup VoiceFallbackMethod VoiceFallbackUrl VoiceMethod VoiceReceiveMode "
    "VoiceUrl"
)
_REPEATED = frozenset(("StatusCallbackEvent", "RecordingStatusCallbackEvent"))
_EVENTS = frozenset(("initiated", "ringing", "answered", "completed"))
_LONGEST_TWIML = 4000
_WORDS: dict[int, tuple[int, str]] = {
    400: (20001, "Invalid parameter"),
    401: (20003, "Authenticate"),
    403: (20403, "Forbidden"),
    404: (20404, "The requested resource was not found"),
    429: (20429, "Too Many Requests"),
    500: (20500, "Internal Server Error"),
}


class RestError(Exception):
    """A refusal: HTTP status, Twilio's code and message."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def error_response(
    status: int, code: int | None = None, message: str | None = None
) -> web.Response:
    """Return Twilio's error body; code and message are the usual ones unless given."""
    usual_code, usual_message = _WORDS.get(status, _WORDS[500])
    code = code or usual_code
    body = {
        "code": code,
        "message": message or usual_message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    headers = {"WWW-Authenticate": 'Basic realm="Twilio API"'} if status == 401 else {}
    return web.json_response(body, status=status, headers=headers)


class CallDesk(Protocol):
    """What the resources ask of the dialect."""

    account: TwilioAccount
    numbers: TwilioNumbers

    def place(self, form: Mapping[str, str], events: frozenset[str]) -> NetworkCall:
        """Start a call that was checked."""

    def redirect(self, call: NetworkCall, form: Mapping[str, str]) -> None:
        """Give a call in progress other instructions."""

    def finish(self, call: NetworkCall) -> None:
        """End a call for the app."""

    def calls(self) -> list[NetworkCall]:
        """All calls of this carrier, newest first."""

    def violation(self, what: str) -> None:
        """Report what the app did wrong."""


class TwilioRest:
    """The routes below ``/2010-04-01``."""

    def __init__(self, desk: CallDesk) -> None:
        self._desk = desk

    def routes(self) -> list[web.AbstractRouteDef]:
        """Return the routes; others are 404 as at Twilio."""
        base = f"/{API_VERSION}/Accounts/{{account}}"
        number = f"{base}/IncomingPhoneNumbers"
        return [
            web.post(f"{base}/Calls.json", self._guarded(self._create)),
            web.get(f"{base}/Calls.json", self._guarded(self._list)),
            web.get(f"{base}/Calls/{{sid}}.json", self._guarded(self._fetch)),
            web.post(f"{base}/Calls/{{sid}}.json", self._guarded(self._update)),
            web.get(f"{number}.json", self._guarded(self._numbers)),
            web.get(f"{number}/{{sid}}.json", self._guarded(self._fetch_number)),
            web.post(f"{number}/{{sid}}.json", self._guarded(self._update_number)),
            web.get(f"{base}/OutgoingCallerIds.json", self._guarded(self._caller_ids)),
            web.get(f"{base}/Balance.json", self._guarded(self._balance)),
            web.get(f"{base}.json", self._guarded(self._account)),
        ]

    def _guarded(
        self, handler: Callable[[web.Request, Form], web.Response]
    ) -> Callable[[web.Request], Any]:
        async def guarded(request: web.Request) -> web.Response:
            try:
                self._authenticate(request)
                return handler(request, await self._form(request))
            except RestError as error:
                return error_response(error.status, error.code, error.message)

        return guarded

    def _authenticate(self, request: web.Request) -> None:
        account = self._desk.account
        expected = base64.b64encode(f"{account.sid}:{account.auth_token}".encode()).decode()
        given = request.headers.get("Authorization", "").removeprefix("Basic ")
        if not hmac.compare_digest(given.encode(), expected.encode()):
            raise RestError(401, 20003, "Authenticate")
        if request.match_info["account"] != account.sid:
            raise self._not_found(request)
        # How the account is may be asked in any case.
        is_asked_for = request.path.endswith(f"/Accounts/{account.sid}.json")
        if not self._desk.numbers.standing.carries_calls and not is_asked_for:
            raise RestError(403, 10001, "Account is not active")

    async def _form(self, request: web.Request) -> Form:
        if request.method != "POST":
            return {}
        if request.content_type != "application/x-www-form-urlencoded":
            self._desk.violation(f"a REST body of type {request.content_type}, not a form")
            return {}
        form: Form = {}
        text = (await request.read()).decode("utf-8", "replace")
        for name, value in parse_qsl(text, keep_blank_values=True):
            form.setdefault(name, []).append(value)
        return form

    def _create(self, request: web.Request, form: Form) -> web.Response:
        once = self._once(form, _CREATE_FIELDS)
        if not once.get("To"):
            raise RestError(400, 21201, "No 'To' number is specified")
        if not once.get("From"):
            raise RestError(400, 21213, "Caller phone number is required")
        if not is_e164(once["To"]):
            raise RestError(400, 21211, f"Invalid 'To' Phone Number: {once['To']}")
        if self._desk.numbers.find(once["From"]) is None:
            raise RestError(
                400, 21210, "The source phone number provided is not yet verified for your account"
            )
        if "Twiml" in once and "Url" in once:
            self._desk.violation("both Url and Twiml: Twiml is ignored")
        if len(once.get("Twiml", "")) > _LONGEST_TWIML:
            raise RestError(400, 32018, "Twiml exceeds 4000 characters")
        if not (once.get("Url") or once.get("Twiml") or once.get("ApplicationSid")):
            raise RestError(400, 21205, "Url parameter is required.")
        self._check_urls(once)
        self._check_range(once, "Timeout", 1, 600)
        self._check_range(once, "TimeLimit", 1, 86_400)
        if once.get("MachineDetection") not in (None, "Enable", "DetectMessageEnd"):
            raise RestError(400, 20001, "MachineDetection must be Enable or DetectMessageEnd")
        if "AsyncAmd" in once and "AsyncAmdStatusCallback" not in once:
            self._desk.violation("AsyncAmd without AsyncAmdStatusCallback (21262)")
        call = self._desk.place(once, self._events(form))
        return web.json_response(self._call(call), status=201)

    def _list(self, request: web.Request, _form: Form) -> web.Response:
        calls = self._desk.calls()
        for name, value in request.query.items():
            if name in ("Status", "To", "From"):
                calls = [call for call in calls if self._call(call)[name.lower()] == value]
            elif name not in ("PageSize", "Page", "PageToken"):
                self._desk.violation(f"Twilio's list of calls has no filter {name} here")
        return self._page(request, "calls", [self._call(call) for call in calls])

    def _fetch(self, request: web.Request, _form: Form) -> web.Response:
        return web.json_response(self._call(self._find(request)))

    def _update(self, request: web.Request, form: Form) -> web.Response:
        call = self._find(request)
        once = self._once(form, _UPDATE_FIELDS)
        status = once.get("Status")
        if status not in (None, "completed", "canceled"):
            raise RestError(400, 20001, "Status must be completed or canceled")
        self._check_urls(once)
        if len(once.get("Twiml", "")) > _LONGEST_TWIML:
            raise RestError(400, 32018, "Twiml exceeds 4000 characters")
        if not call.live:
            raise RestError(400, 21220, "Call is not in-progress. Cannot redirect.")
        if status is not None:
            if status == "completed" or call.state is not State.IN_PROGRESS:
                self._desk.finish(call)
        elif call.state is not State.IN_PROGRESS:
            raise RestError(400, 21220, "Call is not in-progress. Cannot redirect.")
        elif "Twiml" in once or "Url" in once:
            self._desk.redirect(call, once)
        else:
            self._desk.violation("an update of a call that changes nothing")
        return web.json_response(self._call(call))

    def _numbers(self, request: web.Request, _form: Form) -> web.Response:
        wanted = request.query.get("PhoneNumber", "")
        shown = [
            number.fields(self._desk.account.sid)
            for number in self._desk.numbers.all
            if wanted in ("", number.number)
        ]
        return self._page(request, "incoming_phone_numbers", shown)

    def _fetch_number(self, request: web.Request, _form: Form) -> web.Response:
        return web.json_response(self._number(request).fields(self._desk.account.sid))

    def _update_number(self, request: web.Request, form: Form) -> web.Response:
        number = self._number(request)
        once = self._once(form, _NUMBER_FIELDS)
        self._check_urls(once)
        number.set(once)
        return web.json_response(number.fields(self._desk.account.sid))

    def _number(self, request: web.Request) -> TwilioNumber:
        number = self._desk.numbers.by_sid(request.match_info["sid"])
        if number is None:
            raise self._not_found(request)
        return number

    def _caller_ids(self, request: web.Request, _form: Form) -> web.Response:
        return self._page(request, "outgoing_caller_ids", [])

    def _balance(self, _request: web.Request, _form: Form) -> web.Response:
        sid = self._desk.account.sid
        return web.json_response({"account_sid": sid, "balance": "25.00", "currency": "USD"})

    def _account(self, request: web.Request, _form: Form) -> web.Response:
        sid, state = self._desk.account.sid, self._desk.numbers.standing.state
        return web.json_response(
            {
                "sid": sid,
                "owner_account_sid": sid,
                "friendly_name": "Rehearsal",
                # Twilio suspends an account whose balance is used up.
                "status": {"trial": "active", "no_credit": "suspended"}.get(state, state),
                "type": "Trial" if state == "trial" else "Full",
                "auth_token": "0" * 32,
                "date_created": http_date(),
                "date_updated": http_date(),
                "uri": f"/{API_VERSION}/Accounts/{sid}.json",
                "subresource_uris": {"calls": f"/{API_VERSION}/Accounts/{sid}/Calls.json"},
            }
        )

    def _call(self, call: NetworkCall) -> dict[str, object]:
        sid = self._desk.account.sid
        path = f"/{API_VERSION}/Accounts/{sid}/Calls/{call.ref}"
        parent = call.notes.get("parent")
        answered = None if call.answered_s is None else http_date(call.answered_s)
        return {
            "sid": call.ref,
            "account_sid": sid,
            "parent_call_sid": parent,
            "to": call.to_number,
            "to_formatted": call.to_number,
            "from": call.from_number,
            "from_formatted": call.from_number,
            "phone_number_sid": self._own_sid(call),
            "status": status_of(call),
            "direction": direction_of(call),
            "answered_by": call.notes.get("answered_by"),
            "api_version": API_VERSION,
            "caller_name": None,
            "date_created": http_date(call.created_s),
            "date_updated": http_date(),
            "start_time": answered,
            "end_time": None if call.ended_s is None else http_date(call.ended_s),
            "duration": None if call.live else str(int(call.duration_s + 0.999)),
            "price": None,
            "price_unit": "USD",
            "forwarded_from": None,
            "group_sid": None,
            "queue_time": "0",
            "trunk_sid": None,
            "uri": f"{path}.json",
            "subresource_uris": {"streams": f"{path}/Streams.json"},
        }

    def _own_sid(self, call: NetworkCall) -> str | None:
        own = call.to_number if call.direction == "inbound" else call.from_number
        number = self._desk.numbers.find(own)
        return number.sid if number is not None else None

    def _page(
        self, request: web.Request, name: str, items: list[dict[str, object]]
    ) -> web.Response:
        size = self._whole(request.query.get("PageSize", "50"))
        page = self._whole(request.query.get("Page", "0"))
        if not 1 <= size <= 1000:
            raise RestError(400, 20001, "PageSize must be 1 to 1000")
        path = request.path.removeprefix("/twilio")
        start = page * size
        shown = items[start : start + size]

        def at(number: int) -> str:
            return f"{path}?PageSize={size}&Page={number}"

        return web.json_response(
            {
                name: shown,
                "uri": at(page),
                "first_page_uri": at(0),
                "next_page_uri": at(page + 1) if len(items) > start + size else None,
                "previous_page_uri": at(page - 1) if page else None,
                "page": page,
                "page_size": size,
                "start": start,
                "end": max(start, start + len(shown) - 1),
            }
        )

    def _find(self, request: web.Request) -> NetworkCall:
        for call in self._desk.calls():
            if call.ref == request.match_info["sid"]:
                return call
        raise self._not_found(request)

    def _once(self, form: Form, known: frozenset[str]) -> dict[str, str]:
        """Return the fields that stand once, and report those that Twilio does not know."""
        for name, values in form.items():
            if name not in known:
                self._desk.violation(f"Twilio has no field {name} here")
            elif len(values) > 1 and name not in _REPEATED:
                self._desk.violation(f"{name} stands {len(values)} times")
        return {name: values[-1] for name, values in form.items() if name in known}

    def _events(self, form: Form) -> frozenset[str]:
        events = set(form.get("StatusCallbackEvent", ["completed"]))
        for event in events - _EVENTS:
            self._desk.violation(f"StatusCallbackEvent {event!r}: such callbacks never come")
        return frozenset(events & _EVENTS)

    def _check_urls(self, once: Mapping[str, str]) -> None:
        for name, value in once.items():
            if not name.endswith(("Url", "Callback")) or not value:
                continue
            parts = urlsplit(value)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise RestError(400, 21205, f"Url is not a valid URL: {value}")
            if "_" in parts.hostname:
                raise RestError(400, 21609, f"Invalid {name}: the host name has an underscore")
            if parts.scheme != "https":
                self._desk.violation(f"{name} is not https")

    def _check_range(self, once: Mapping[str, str], name: str, least: int, most: int) -> None:
        if name in once and not least <= self._whole(once[name]) <= most:
            raise RestError(400, 20001, f"{name} must be {least} to {most}")

    def _whole(self, text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text):
            raise RestError(400, 20001, f"{text!r} is not a whole number")
        return int(text)

    def _not_found(self, request: web.Request) -> RestError:
        path = request.path.removeprefix("/twilio")
        return RestError(404, 20404, f"The requested resource {path} was not found")
