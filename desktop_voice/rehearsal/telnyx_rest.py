"""Telnyx's REST requests as the carrier answers them (protocol: Telnyx, "Call Control v2")."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from aiohttp import web

from desktop_voice.rehearsal import telnyx_errors as refusals
from desktop_voice.rehearsal.call import NetworkCall, State
from desktop_voice.rehearsal.dialect import Exchange
from desktop_voice.rehearsal.telnyx_account import TelnyxAccount
from desktop_voice.rehearsal.telnyx_call import TelnyxCall
from desktop_voice.rehearsal.telnyx_commands import SHAPES, check
from desktop_voice.rehearsal.telnyx_errors import TelnyxRefusalError
from desktop_voice.rehearsal.telnyx_events import iso_time
from desktop_voice.rehearsal.telnyx_numbers import TelnyxNumber

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_COMMAND_LIFE_S = 60.0
_RING_TIMEOUT_S = 30
_TIME_LIMIT_S = 14_400
_NO_COMMANDS = ("dial", "application", "number", "voice_settings", "voicemail")


class Calls(Protocol):
    """Where the dialect keeps its calls."""

    def dial(self, body: Mapping[str, Any]) -> TelnyxCall:
        """Begin an outgoing call."""

    def find(self, ref: str) -> TelnyxCall | None:
        """Return a call by its call control id."""


class TelnyxRest:
    """The resources of one account. Event loop only."""

    def __init__(self, exchange: Exchange, account: TelnyxAccount, calls: Calls) -> None:
        self._exchange = exchange
        self._account = account
        self._calls = calls
        self._commands: dict[tuple[str, str], tuple[float, dict[str, object]]] = {}

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """All routes; what matches none of them is refused as the carrier does."""
        call, application = "/v2/calls/{ref}", "/v2/call_control_applications"
        number = "/v2/phone_numbers/{id}"
        table: list[tuple[str, str, Handler]] = [
            ("POST", "/v2/calls", self._dial),
            ("GET", call, self._fetch_call),
            ("POST", f"{call}/actions/{{action}}", self._command),
            ("GET", "/v2/connections/{connection_id}/active_calls", self._active_calls),
            ("GET", "/v2/phone_numbers", self._numbers),
            ("GET", number, self._number),
            ("PATCH", number, self._update_number),
            ("GET", f"{number}/voice", self._voice),
            ("PATCH", f"{number}/voice", self._update_voice),
            ("GET", f"{number}/voicemail", self._voicemail),
            ("POST", f"{number}/voicemail", self._create_voicemail),
            ("PATCH", f"{number}/voicemail", self._update_voicemail),
            ("GET", application, self._applications),
            ("GET", f"{application}/{{id}}", self._application),
            ("PATCH", f"{application}/{{id}}", self._update_application),
            ("GET", "/v2/balance", self._balance),
        ]
        return [
            *(web.route(method, path, self._checked(handler)) for method, path, handler in table),
            web.route("*", "/{elsewhere:.*}", self._checked(self._no_such_path)),
        ]

    def _checked(self, handler: Handler) -> Handler:
        """Check the key first, and word refusals."""

        async def checked(request: web.Request) -> web.StreamResponse:
            try:
                scheme, _, key = request.headers.get("Authorization", "").partition(" ")
                if scheme != "Bearer" or not hmac.compare_digest(
                    key.encode(), self._account.api_key.encode()
                ):
                    raise refusals.by_status(401)
                self._check_standing()
                return await handler(request)
            except TelnyxRefusalError as refusal:
                if not self._is_blameless(request, refusal):
                    self._violation(f"{request.method} {request.path} refused: {refusal}")
                return refusal.response()

        return checked

    def _is_blameless(self, request: web.Request, refusal: TelnyxRefusalError) -> bool:
        """Whether an app that does everything right may be refused so."""
        # The call may have ended while this was on its way; a mailbox has to be asked for; a
        # command that does nothing is how one asks whether a call is answered.
        is_question = refusal.code == "90034" and request.path.endswith("/gather_stop")
        is_mailbox = request.method == "GET" and request.path.endswith("/voicemail")
        is_out_of_use = not self._account.standing.carries_calls
        return refusal.code == "90018" or is_question or is_mailbox or is_out_of_use

    def _check_standing(self) -> None:
        state = self._account.standing.state
        if state == "suspended":
            raise refusals.account_suspended()
        if state == "closed":
            raise refusals.by_status(401)

    async def _body(self, request: web.Request, action: str) -> dict[str, Any]:
        raw = await request.read()
        if raw and request.content_type != "application/json":
            raise refusals.by_status(415)
        try:
            body = json.loads(raw) if raw else {}
        except ValueError as error:
            raise TelnyxRefusalError(
                "10023", "Invalid JSON", "The supplied JSON is invalid.", status=400
            ) from error
        if not isinstance(body, dict):
            raise refusals.by_status(400)
        for ignored in check(action, body):
            self._violation(f"{action} has no field {ignored}; it is ignored")
        return body

    async def _dial(self, request: web.Request) -> web.Response:
        body = await self._body(request, "dial")
        if (known := self._known("", body)) is not None:
            return web.json_response({"data": known})
        if body["connection_id"] != self._account.connection_id:
            raise refusals.bad_connection()
        if self._account.standing.state == "no_credit":
            raise refusals.by_status(402)
        if body["from"] not in self._account.numbers:
            self._violation("a call from a number that is not the account's own")
        made = self._calls.dial(body)
        data: dict[str, object] = {
            "record_type": "call",
            "call_control_id": made.call.ref,
            "call_leg_id": made.ids.call_leg_id,
            "call_session_id": made.ids.call_session_id,
            "is_alive": False,
        }
        if body.get("client_state") is not None:
            data["client_state"] = body["client_state"]
        self._remember("", body, data)
        return web.json_response({"data": data})

    async def _command(self, request: web.Request) -> web.Response:
        action = request.match_info["action"]
        if action not in SHAPES or action in _NO_COMMANDS:
            raise refusals.by_status(404)
        made = self._find(request)
        body = await self._body(request, action)
        if (known := self._known(made.call.ref, body)) is not None:
            return web.json_response({"data": known})
        data = {"result": "ok", **made.command(action, body)}
        self._remember(made.call.ref, body, data)
        return web.json_response({"data": data})

    def _known(self, ref: str, body: Mapping[str, Any]) -> dict[str, object] | None:
        """Return the answer to the command of this id, if it was given within 60 s."""
        said = self._commands.get((ref, str(body.get("command_id", ""))))
        if said is None or time.monotonic() - said[0] > _COMMAND_LIFE_S:
            return None
        self._exchange.reports.report("command_repeated", {"carrier": "telnyx", "ref": ref})
        return said[1]

    def _remember(self, ref: str, body: Mapping[str, Any], data: dict[str, object]) -> None:
        if command_id := body.get("command_id"):
            self._commands[ref, str(command_id)] = (time.monotonic(), data)

    def _find(self, request: web.Request) -> TelnyxCall:
        made = self._calls.find(request.match_info["ref"])
        if made is None:
            raise refusals.no_such_call()
        return made

    async def _fetch_call(self, request: web.Request) -> web.Response:
        made = self._find(request)
        call = made.call
        data: dict[str, object] = {
            **_call_fields(made),
            "is_alive": call.live,
            "start_time": iso_time(call.created_s),
        }
        if call.ended_s is not None:
            data["end_time"] = iso_time(call.ended_s)
        return web.json_response({"data": data})

    async def _active_calls(self, request: web.Request) -> web.Response:
        if request.match_info["connection_id"] != self._account.connection_id:
            raise refusals.bad_connection()
        live = [
            made
            for call in self._exchange.network.live_calls("telnyx")
            if call.state is not State.QUEUED and (made := self._calls.find(call.ref)) is not None
        ]
        meta = {"cursors": {"after": "", "before": ""}, "total_items": len(live)}
        shown = [{"client_state": "", **_call_fields(made)} for made in live]
        return web.json_response({"data": shown, "meta": meta})

    async def _numbers(self, request: web.Request) -> web.Response:
        shown = [self._account.number_fields(number) for number in self._account.all_numbers]
        for name in ("phone_number", "status", "connection_id"):
            if wanted := request.query.get(f"filter[{name}]"):
                shown = [fields for fields in shown if fields[name] == wanted]
        return self._page(request, shown)

    async def _number(self, request: web.Request) -> web.Response:
        return self._shown(self._own_number(request))

    async def _update_number(self, request: web.Request) -> web.Response:
        number = self._own_number(request)
        body = await self._body(request, "number")
        if "connection_id" in body:
            number.connection_id = str(body["connection_id"])
        return self._shown(number)

    async def _voice(self, request: web.Request) -> web.Response:
        return web.json_response({"data": self._own_number(request).voice_fields()})

    async def _update_voice(self, request: web.Request) -> web.Response:
        number = self._own_number(request)
        number.update_voice(await self._body(request, "voice_settings"))
        return web.json_response({"data": number.voice_fields()})

    async def _voicemail(self, request: web.Request) -> web.Response:
        return web.json_response({"data": self._own_number(request).voicemail_fields()})

    async def _create_voicemail(self, request: web.Request) -> web.Response:
        number = self._own_number(request)
        body = await self._body(request, "voicemail")
        number.voicemail = bool(body.get("enabled", False))
        return web.json_response({"data": number.voicemail_fields()})

    async def _update_voicemail(self, request: web.Request) -> web.Response:
        self._own_number(request).voicemail_fields()
        return await self._create_voicemail(request)

    def _own_number(self, request: web.Request) -> TelnyxNumber:
        number = self._account.by_id(request.match_info["id"])
        if number is None:
            raise refusals.by_status(404)
        return number

    def _shown(self, number: TelnyxNumber) -> web.Response:
        return web.json_response({"data": self._account.number_fields(number)})

    async def _applications(self, request: web.Request) -> web.Response:
        return self._page(request, [self._account.application])

    async def _application(self, request: web.Request) -> web.Response:
        self._own_application(request)
        return web.json_response({"data": self._account.application})

    async def _update_application(self, request: web.Request) -> web.Response:
        self._own_application(request)
        body = await self._body(request, "application")
        if body.get("webhook_api_version", "2") != "2":
            self._violation("webhook_api_version is not 2: events come in the old shape")
        application = self._account.application
        application.update({name: body[name] for name in body if name in application})
        application["updated_at"] = iso_time(time.time())
        return web.json_response({"data": application})

    def _own_application(self, request: web.Request) -> None:
        if request.match_info["id"] != self._account.connection_id:
            raise refusals.by_status(404)

    async def _balance(self, _request: web.Request) -> web.Response:
        return web.json_response({"data": self._account.balance_fields()})

    async def _no_such_path(self, _request: web.Request) -> web.Response:
        raise refusals.by_status(404)

    def _page(self, request: web.Request, items: Sequence[Mapping[str, object]]) -> web.Response:
        try:
            size = int(request.query.get("page[size]", 20))
            number = int(request.query.get("page[number]", 1))
        except ValueError as error:
            raise refusals.by_status(400) from error
        if not 1 <= size <= 250 or number < 1:
            raise refusals.out_of_range("/page/size", 1, 250)
        meta = {
            "page_number": number,
            "page_size": size,
            "total_pages": -(-len(items) // size),
            "total_results": len(items),
        }
        shown = [dict(item) for item in items[(number - 1) * size : number * size]]
        return web.json_response({"data": shown, "meta": meta})

    def _violation(self, what: str) -> None:
        self._exchange.reports.violation("telnyx", what)


def call_limits(body: Mapping[str, Any]) -> tuple[float, float]:
    """Return for how many seconds a dialled call may ring and last."""
    return (
        float(body.get("timeout_secs") or _RING_TIMEOUT_S),
        float(body.get("time_limit_secs") or _TIME_LIMIT_S),
    )


def _call_fields(made: TelnyxCall) -> dict[str, object]:
    call: NetworkCall = made.call
    fields: dict[str, object] = {
        "record_type": "call",
        "call_control_id": call.ref,
        "call_leg_id": made.ids.call_leg_id,
        "call_session_id": made.ids.call_session_id,
        "call_duration": int(call.duration_s),
    }
    if made.ids.client_state is not None:
        fields["client_state"] = made.ids.client_state
    return fields
