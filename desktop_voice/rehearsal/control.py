"""The rehearsal's control: commands come in, reports go out, the REST API is served beside."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.rehearsal.account import change_account, dated
from desktop_voice.rehearsal.call import NetworkCall
from desktop_voice.rehearsal.carrier_voice import CarrierVoice
from desktop_voice.rehearsal.carriers import CARRIERS
from desktop_voice.rehearsal.command_fields import take_text, wrong_command
from desktop_voice.rehearsal.dialect import Dialect, Exchange
from desktop_voice.rehearsal.far_end import FarEnd
from desktop_voice.rehearsal.far_end_plan import read_plan
from desktop_voice.rehearsal.faults import POSSIBLE, Fault, Faults
from desktop_voice.rehearsal.network import Network, is_e164
from desktop_voice.rehearsal.reports import Report, Reporter
from desktop_voice.rehearsal.speech_engines import SpeechEngines
from desktop_voice.rehearsal.tunnel import Tunnel
from desktop_voice.rehearsal.twilio_dialect import TwilioDialect
from desktop_voice.rehearsal.world import Handler, World

_STALLED_REST_S = 60.0


class Control:
    """The whole rehearsal in one object. Event loop only; used as an async context."""

    def __init__(self, sink: Callable[[Report], None]) -> None:
        self._reports = Reporter(sink)
        self._faults = Faults()
        self._world = World(self._reports)
        self._tunnel = Tunnel(self._world.way)
        self._engines = SpeechEngines()
        self._network = Network(self._reports, self._far_end)
        exchange = Exchange(
            self._network,
            CarrierVoice(self._engines),
            self._tunnel,
            self._faults,
            self._reports,
        )
        dialects = [make(exchange) for make in CARRIERS]
        self._dialects = {dialect.name: dialect for dialect in dialects}
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def __aenter__(self) -> Control:
        """Serve the REST APIs and the public side on free ports of 127.0.0.1; report ``ready``."""
        app = web.Application()
        for dialect in self._dialects.values():
            clock = dated(dialect.desk.standing)
            inner = web.Application(middlewares=[clock, self._trouble(dialect)])
            inner.add_routes(dialect.routes())
            app.add_subapp(f"/{dialect.name}", inner)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        await self._engines.load()
        self.port = self._runner.addresses[0][1]
        api = f"http://127.0.0.1:{self.port}"
        await self._world.open({name: f"{api}/{name}" for name in self._dialects})
        self._reports.report("ready", self._card())
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """End every call and close everything."""
        await self._network.close()
        for dialect in self._dialects.values():
            await dialect.close()
        if self._runner is not None:
            await self._runner.cleanup()
        await self._world.close()
        self._engines.close()

    def do(self, command: Mapping[str, object]) -> None:
        """Carry out a command and report ``done``, or ``error`` if it cannot be carried out.

        Both repeat the command's ``id``, if it has one.
        """
        handlers: dict[str, Handler] = {
            **self._world.commands,
            "tunnel": self._open_tunnel,
            "far_end": self._expect_far_end,
            "dial": self._dial,
            "fault": self._fault,
            "forget_faults": self._forget_faults,
            "far_hang_up": self._far_hang_up,
            "account": self._change_account,
            "sign_with": self._sign_with,
            "calls": self._list_calls,
        }
        fields = dict(command)
        kind, number = fields.pop("do", None), fields.pop("id", None)
        try:
            handler = handlers.get(kind) if isinstance(kind, str) else None
            if handler is None:
                raise wrong_command(f"there is no command {kind!r}")
            result = handler(fields)
        except DesktopVoiceError as error:
            what = {"code": error.code, "what": error.what, "do": error.do}
            self._reports.report("error", {"id": number, **what})
        else:
            self._reports.report("done", {"id": number, "do": kind, **(result or {})})

    def _open_tunnel(self, fields: dict[str, object]) -> None:
        base, origin = take_text(fields, "public_base"), take_text(fields, "origin")
        if not base.startswith("https://") or not origin.startswith("http://127.0.0.1:"):
            raise wrong_command("a tunnel leads from https:// to http://127.0.0.1:")
        self._tunnel.open(base, origin)

    def _expect_far_end(self, fields: dict[str, object]) -> None:
        number = take_text(fields, "number")
        if not is_e164(number):
            raise wrong_command("number is not E.164")
        self._network.expect_callee(number, read_plan(fields))

    def _dial(self, fields: dict[str, object]) -> Report:
        dialect = self._dialect(fields)
        caller, called = take_text(fields, "from"), take_text(fields, "to")
        stir = take_text(fields, "stir") if "stir" in fields else ""
        if called not in dialect.desk.numbers:
            raise wrong_command(f"{dialect.name} has the numbers {', '.join(dialect.desk.numbers)}")
        call = self._network.call_in(
            dialect, dialect.new_ref(), caller, called, plan=read_plan(fields), stir=stir
        )
        return {"ref": call.ref}

    def _fault(self, fields: dict[str, object]) -> None:
        dialect = self._dialect(fields)
        where, kind = take_text(fields, "where"), take_text(fields, "kind")
        count, after_ms = fields.pop("count", 1), fields.pop("after_ms", 0)
        if not isinstance(count, int) or not isinstance(after_ms, int) or fields:
            raise wrong_command(
                "a fault has a where, a kind, a count and an after_ms in milliseconds"
            )
        for known_where, kinds in POSSIBLE.items():
            for known_kind in kinds:
                if (known_where, known_kind) == (where, kind):
                    self._faults.add(Fault(dialect.name, known_where, known_kind, count, after_ms))
                    return
        raise wrong_command(f"nothing of the kind {kind} can go wrong at {where}")

    def _forget_faults(self, _fields: dict[str, object]) -> None:
        self._faults.forget()
        self._world.forget_faults()

    def _far_hang_up(self, fields: dict[str, object]) -> None:
        call = self._network.calls.get(take_text(fields, "ref"))
        if call is None:
            raise wrong_command("there is no such call")
        call.far_hangs_up()

    def _sign_with(self, fields: dict[str, object]) -> None:
        scheme = take_text(fields, "scheme")
        if scheme not in ("HMAC_SHA1", "HMAC_SHA256"):
            raise wrong_command("a scheme is HMAC_SHA1 or HMAC_SHA256")
        self._twilio().account.sign_with_shared_key = scheme == "HMAC_SHA256"

    def _change_account(self, fields: dict[str, object]) -> None:
        change_account(self._dialect(fields).desk, fields)

    def _list_calls(self, _fields: dict[str, object]) -> None:
        calls = [call.describe() for call in self._network.calls.values()]
        self._reports.report("calls", {"calls": calls})

    def _dialect(self, fields: dict[str, object]) -> Dialect:
        name = take_text(fields, "carrier")
        if name not in self._dialects:
            raise wrong_command(f"there is no carrier {name}")
        return self._dialects[name]

    def _twilio(self) -> TwilioDialect:
        return next(d for d in self._dialects.values() if isinstance(d, TwilioDialect))

    def _far_end(self, call: NetworkCall) -> FarEnd:
        return FarEnd(
            call.plan, call.handset, self._engines, hang_up=call.far_hangs_up, report=call.report
        )

    def _card(self) -> dict[str, object]:
        key = self._twilio().account.shared_key
        return {
            "port": self.port,
            "credentials": {name: d.credentials for name, d in self._dialects.items()},
            "numbers": {name: d.number for name, d in self._dialects.items()},
            "shared_keys": {"twilio": {"key_id": key.key_id, "secret": key.secret}},
            "world": str(self._world.file),
        }

    def _trouble(self, dialect: Dialect) -> Callable[..., Awaitable[web.StreamResponse]]:
        """Return the middleware that applies the faults of one carrier's REST API."""

        @web.middleware
        async def trouble(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            creates = dialect.creates_a_call(request)
            fault = (
                self._faults.take(dialect.name, "rest:create", "rest:any")
                if creates
                else self._faults.take(dialect.name, "rest:any")
            )
            if fault is None:
                return await self._serve(dialect, request, handler)
            await request.read()
            if fault.kind.isdigit():
                return dialect.refusal(int(fault.kind))
            if fault.kind == "garbage":
                return web.Response(text="<html>Bad gateway", content_type="text/html")
            if fault.kind in ("timeout", "stall"):
                await asyncio.sleep(fault.after_ms / 1000 or _STALLED_REST_S)
            elif fault.kind == "delay":
                await asyncio.sleep(fault.after_ms / 1000)
                return await handler(request)
            elif fault.kind == "lost_reply":
                await handler(request)
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=502)

        return trouble

    async def _serve(
        self,
        dialect: Dialect,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        try:
            return await handler(request)
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
            what = f"the API has no {request.method} {request.path}"
            self._reports.violation(dialect.name, what)
            return dialect.refusal(404)
