"""Plivo's REST requests as the carrier answers them (protocol: Plivo, "Voice API")."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from desktop_voice.rehearsal.call import NetworkCall
from desktop_voice.rehearsal.dialect import Exchange
from desktop_voice.rehearsal.plivo_account import PlivoAccount, PlivoNumber
from desktop_voice.rehearsal.plivo_calls import PlivoCalls
from desktop_voice.rehearsal.plivo_requests import Body, PlivoRefusalError, check, reply

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_ACCOUNT = "/v1/Account/{auth_id}/"
_PAGE = 20


class PlivoRest:
    """The resources of one account. Event loop only."""

    def __init__(self, exchange: Exchange, account: PlivoAccount, calls: PlivoCalls) -> None:
        self._exchange = exchange
        self._account = account
        self._calls = calls

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """All routes; what matches none of them is refused as the carrier does."""
        call, live = f"{_ACCOUNT}Call/{{call_uuid}}/", self._live
        table: list[tuple[str, str, Handler]] = [
            ("GET", _ACCOUNT, self._fetch_account),
            ("POST", f"{_ACCOUNT}Call/", self._create_call),
            ("GET", f"{_ACCOUNT}Call/", self._list_calls),
            ("GET", call, self._fetch_call),
            ("POST", call, live(self._transfer)),
            ("DELETE", call, live(self._hang_up)),
            ("DELETE", f"{_ACCOUNT}Request/{{request_uuid}}/", self._cancel),
            ("POST", f"{call}Speak/", live(self._speak)),
            ("DELETE", f"{call}Speak/", live(self._stop)),
            ("DELETE", f"{call}Play/", live(self._stop)),
            ("POST", f"{call}DTMF/", live(self._press)),
            ("GET", f"{_ACCOUNT}Number/", self._list_numbers),
            ("GET", f"{_ACCOUNT}Number/{{number}}/", self._fetch_number),
            ("POST", f"{_ACCOUNT}Number/{{number}}/", self._update_number),
            ("GET", f"{_ACCOUNT}Application/", self._list_applications),
            ("POST", f"{_ACCOUNT}Application/", self._create_application),
            ("GET", f"{_ACCOUNT}Application/{{app_id}}/", self._fetch_application),
            ("POST", f"{_ACCOUNT}Application/{{app_id}}/", self._update_application),
        ]
        known = {path for _, path, _ in table}
        return [
            *(web.route(method, path, self._checked(handler)) for method, path, handler in table),
            *(web.route("*", path, self._checked(self._no_such_method)) for path in known),
            web.route("*", "/{elsewhere:.*}", self._checked(self._no_such_path)),
        ]

    def _checked(self, handler: Handler) -> Handler:
        """Check the credentials first, and word refusals."""

        async def checked(request: web.Request) -> web.StreamResponse:
            try:
                self._authenticate(request)
                return await handler(request)
            except PlivoRefusalError as refusal:
                # An account that is out of use is no fault of the app's.
                if self._account.standing.carries_calls:
                    self._violation(f"{request.method} {request.path} refused: {refusal}")
                return refusal.response()

        return checked

    def _live(
        self, handler: Callable[[web.Request, NetworkCall], Awaitable[web.Response]]
    ) -> Handler:
        """Look up the live call that the path names."""

        async def found(request: web.Request) -> web.StreamResponse:
            call = self._exchange.network.find("plivo", request.match_info["call_uuid"])
            if call is None or not call.live:
                # Not a violation: it may have ended while the request was on its way.
                return PlivoRefusalError(404).response()
            return await handler(request, call)

        return found

    def _authenticate(self, request: web.Request) -> None:
        scheme, _, coded = request.headers.get("Authorization", "").partition(" ")
        try:
            user, _, password = base64.b64decode(coded, validate=True).decode().partition(":")
        except ValueError:
            user = password = ""
        ours = f"{self._account.auth_id}:{self._account.auth_token}"
        if scheme != "Basic" or not hmac.compare_digest(
            f"{user}:{password}".encode(), ours.encode()
        ):
            raise PlivoRefusalError(401)
        if request.match_info.get("auth_id", user) != user:
            raise PlivoRefusalError(401)
        if self._account.standing.state == "suspended":
            raise PlivoRefusalError(403, "this account is suspended")
        if self._account.standing.state == "closed":
            raise PlivoRefusalError(401)

    async def _body(self, request: web.Request, kind: str) -> Body:
        if request.content_type != "application/json":
            raise PlivoRefusalError(400, "the content type must be application/json")
        try:
            body = json.loads(await request.read())
        except ValueError as error:
            raise PlivoRefusalError(400, "invalid JSON") from error
        if not isinstance(body, dict):
            raise PlivoRefusalError(400, "invalid JSON")
        for ignored in check(kind, body):
            self._violation(f"the parameter {ignored} does not exist and is ignored")
        return body

    async def _fetch_account(self, _request: web.Request) -> web.Response:
        return reply(200, **self._account.account_fields())

    async def _create_call(self, request: web.Request) -> web.Response:
        body = await self._body(request, "call")
        if self._account.standing.state == "no_credit":
            raise PlivoRefusalError(402, "insufficient credit")
        if self._account.find(str(body["from"])) is None:
            self._violation("a call from a number that is not the account's own")
        return self._calls.create(body)

    async def _list_calls(self, request: web.Request) -> web.Response:
        status = request.query.get("status", "")
        if status:
            return reply(200, calls=self._calls.refs(status))
        return self._page(request, self._calls.records())

    async def _fetch_call(self, request: web.Request) -> web.Response:
        fields = self._calls.fetch(request.match_info["call_uuid"], request.query.get("status", ""))
        if fields is None:
            return PlivoRefusalError(404).response()
        return reply(200, **fields)

    async def _transfer(self, request: web.Request, call: NetworkCall) -> web.Response:
        body = await self._body(request, "transfer")
        if not self._calls.transfer(
            call, str(body["aleg_url"]), str(body.get("aleg_method") or "POST")
        ):
            raise PlivoRefusalError(404)
        return reply(202, message="transfer executed", call_uuids=[call.ref])

    async def _hang_up(self, _request: web.Request, call: NetworkCall) -> web.Response:
        self._calls.hang_up(call)
        return web.Response(status=204)

    async def _cancel(self, request: web.Request) -> web.Response:
        if not self._calls.cancel(request.match_info["request_uuid"]):
            return PlivoRefusalError(404).response()
        return web.Response(status=204)

    async def _speak(self, request: web.Request, call: NetworkCall) -> web.Response:
        body = await self._body(request, "speak")
        call.spawn(self._exchange.voice.say(call, str(body["text"])))
        return reply(202, message="speak started")

    async def _stop(self, _request: web.Request, call: NetworkCall) -> web.Response:
        call.playout.clear()
        return web.Response(status=204)

    async def _press(self, request: web.Request, call: NetworkCall) -> web.Response:
        body = await self._body(request, "dtmf")
        call.send_digits(str(body["digits"]))
        return reply(202, message="digits sent")

    async def _list_numbers(self, request: web.Request) -> web.Response:
        numbers = self._account.all_numbers
        return self._page(request, [self._account.number_fields(number) for number in numbers])

    async def _fetch_number(self, request: web.Request) -> web.Response:
        return reply(200, **self._account.number_fields(self._own_number(request)))

    async def _update_number(self, request: web.Request) -> web.Response:
        number = self._own_number(request)
        body = await self._body(request, "number")
        app_id = str(body.get("app_id", number.app_id))
        if app_id and app_id not in self._account.applications:
            raise PlivoRefusalError(400, "app_id parameter is invalid")
        number.app_id = app_id
        return reply(202, message="changed")

    def _own_number(self, request: web.Request) -> PlivoNumber:
        for number in self._account.all_numbers:
            if number.bare == request.match_info["number"]:
                return number
        raise PlivoRefusalError(404)

    async def _list_applications(self, request: web.Request) -> web.Response:
        shown = [self._account.application_fields(a) for a in self._account.applications.values()]
        return self._page(request, shown)

    async def _create_application(self, request: web.Request) -> web.Response:
        body = await self._body(request, "create_application")
        made = self._account.create(body)
        return reply(201, app_id=made.app_id, message="created")

    async def _fetch_application(self, request: web.Request) -> web.Response:
        application = self._account.applications.get(request.match_info["app_id"])
        if application is None:
            raise PlivoRefusalError(404)
        return reply(200, **self._account.application_fields(application))

    async def _update_application(self, request: web.Request) -> web.Response:
        application = self._account.applications.get(request.match_info["app_id"])
        if application is None:
            raise PlivoRefusalError(404)
        application.settings.update(await self._body(request, "application"))
        return reply(202, message="changed")

    async def _no_such_method(self, _request: web.Request) -> web.Response:
        raise PlivoRefusalError(405)

    async def _no_such_path(self, request: web.Request) -> web.Response:
        if not request.path.endswith("/"):
            self._violation("a path without its slash at the end")
        raise PlivoRefusalError(404)

    def _page(self, request: web.Request, objects: Sequence[dict[str, object]]) -> web.Response:
        try:
            limit = int(request.query.get("limit", _PAGE))
            offset = int(request.query.get("offset", 0))
        except ValueError as error:
            raise PlivoRefusalError(400) from error
        if not 1 <= limit <= _PAGE or offset < 0:
            raise PlivoRefusalError(400, "limit must be 1 to 20")
        meta: dict[str, object] = {
            "limit": limit,
            "offset": offset,
            "total_count": len(objects),
            "next": None,
            "previous": None,
        }
        path = "/v1" + request.path.partition("/v1")[2]
        if offset + limit < len(objects):
            meta["next"] = f"{path}?limit={limit}&offset={offset + limit}"
        if offset > 0:
            meta["previous"] = f"{path}?limit={limit}&offset={max(0, offset - limit)}"
        return reply(200, meta=meta, objects=list(objects[offset : offset + limit]))

    def _violation(self, what: str) -> None:
        self._exchange.reports.violation("plivo", what)
