"""Twilio's side of the rehearsal: REST calls, TwiML and status callbacks on the network's calls."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from aiohttp import web

from desktop_voice.rehearsal.call import Cause, NetworkCall, State
from desktop_voice.rehearsal.dialect import Exchange
from desktop_voice.rehearsal.twilio_numbers import TwilioNumbers
from desktop_voice.rehearsal.twilio_rest import TwilioRest, error_response
from desktop_voice.rehearsal.twilio_signatures import SharedKey
from desktop_voice.rehearsal.twilio_twiml import Source, TwimlRun
from desktop_voice.rehearsal.twilio_webhooks import (
    TwilioAccount,
    TwilioWebhooks,
    new_sid,
    status_of,
)
from desktop_voice.rehearsal.webhooks import Webhooks

_NUMBER = "+14155550111"
_RING_TIMEOUT_S = 60.0
_TIME_LIMIT_S = 14_400.0
_AMD_TIMEOUT_S = 30.0
_EVENT_NAMES = {
    State.QUEUED: "initiated",
    State.RINGING: "ringing",
    State.IN_PROGRESS: "answered",
    State.ENDED: "completed",
}


@dataclass(frozen=True, slots=True)
class _Order:
    """What the app asked for when it placed a call."""

    form: Mapping[str, str]
    events: frozenset[str]


class TwilioDialect:
    """See :class:`~desktop_voice.rehearsal.dialect.Dialect`."""

    name = "twilio"
    number = _NUMBER

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.account = TwilioAccount(
            sid=new_sid("AC"),
            auth_token=secrets.token_hex(16),
            shared_key=SharedKey(
                f"webhooks_sharedkey_{secrets.token_hex(8)}", secrets.token_hex(32)
            ),
        )
        self.numbers = TwilioNumbers(self.number)
        self._sender = Webhooks(self.name, exchange.tunnel, exchange.faults, exchange.reports)
        self._webhooks = TwilioWebhooks(self.account, self._sender)
        self._rest = TwilioRest(self)

    @property
    def desk(self) -> TwilioNumbers:
        """The account, for what a test says of it."""
        return self.numbers

    @property
    def credentials(self) -> dict[str, str]:
        """The account's SID and token."""
        return {
            "twilio_account_sid": self.account.sid,
            "twilio_auth_token": self.account.auth_token,
        }

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """Everything below ``/2010-04-01``."""
        return self._rest.routes()

    def creates_a_call(self, request: web.Request) -> bool:
        """A POST to ``Calls.json``."""
        return request.method == "POST" and request.path.endswith("/Calls.json")

    def refusal(self, status: int) -> web.Response:
        """Twilio's error body."""
        return error_response(status)

    def new_ref(self) -> str:
        """``CA`` and 32 hexadecimal digits."""
        return new_sid("CA")

    def on_state(self, call: NetworkCall) -> None:
        """Ask for instructions where Twilio would, and tell the states that were asked for."""
        order = call.notes.get("order")
        if call.direction == "inbound" and not self.numbers.standing.carries_calls:
            call.end(Cause.FAILED, "network")
            return
        self._tell(call, order)
        if call.direction == "inbound" and call.state is State.RINGING:
            call.run(self._run(call).run(self._number_source(call)))
        elif order is not None and call.state is State.IN_PROGRESS:
            call.run(self._answered(call, order))

    def place(self, form: Mapping[str, str], events: frozenset[str]) -> NetworkCall:
        """Start a call that the REST resource has checked."""
        call = self._exchange.network.call_out(
            self,
            self.new_ref(),
            form["From"],
            form["To"],
            ring_timeout_s=float(form.get("Timeout", _RING_TIMEOUT_S)),
            time_limit_s=float(form.get("TimeLimit", _TIME_LIMIT_S)),
        )
        order = _Order(dict(form), events)
        call.notes["order"] = order
        self._tell(call, order)
        return call

    def redirect(self, call: NetworkCall, form: Mapping[str, str]) -> None:
        """Replace a call's instructions."""
        source = Source(
            form.get("Url", ""),
            form.get("Method", "POST"),
            None if "Url" in form else form["Twiml"],
            fallback=form.get("FallbackUrl", ""),
            fallback_method=form.get("FallbackMethod", "POST"),
        )
        call.run(self._run(call).run(source))

    def finish(self, call: NetworkCall) -> None:
        """End a call for the app; one that was not answered is cancelled."""
        answered = call.state is State.IN_PROGRESS
        call.end(Cause.COMPLETED if answered else Cause.CANCELLED, "app")

    def calls(self) -> list[NetworkCall]:
        """Twilio's calls, newest first."""
        calls = self._exchange.network.calls.values()
        return [call for call in reversed(list(calls)) if call.carrier == self.name]

    def violation(self, what: str) -> None:
        """Report what the app did wrong."""
        self._exchange.reports.violation(self.name, what)

    async def close(self) -> None:
        """Close the connections to the app."""
        await self._sender.close()

    def _run(self, call: NetworkCall) -> TwimlRun:
        return TwimlRun(call, self._exchange, self._webhooks, self.account.sid)

    def _number_source(self, call: NetworkCall) -> Source:
        number = self.numbers.find(call.to_number)
        if number is None or number.is_governed:
            return Source("")
        settings = number.settings
        return Source(
            settings.get("VoiceUrl", ""),
            settings.get("VoiceMethod", "POST"),
            fallback=settings.get("VoiceFallbackUrl", ""),
            fallback_method=settings.get("VoiceFallbackMethod", "POST"),
            event="incoming",
        )

    async def _answered(self, call: NetworkCall, order: _Order) -> None:
        """Send the digits, detect a machine, then carry out the instructions."""
        form = order.form
        if form.get("SendDigits"):
            call.send_digits(form["SendDigits"])
        elif "MachineDetection" in form:
            if form.get("AsyncAmd") == "true":
                call.spawn(self._detect_beside(call, form))
            else:
                await self._detect(call, form)
        source = Source(
            form.get("Url", ""),
            form.get("Method", "POST"),
            None if form.get("Url") else form.get("Twiml"),
            fallback=form.get("FallbackUrl", ""),
            fallback_method=form.get("FallbackMethod", "POST"),
        )
        await self._run(call).run(source)

    async def _detect(self, call: NetworkCall, form: Mapping[str, str]) -> None:
        call.notes["answered_by"] = await call.far_end.detect(
            wait_for_end=form["MachineDetection"] == "DetectMessageEnd",
            timeout_s=float(form.get("MachineDetectionTimeout", _AMD_TIMEOUT_S)),
        )

    async def _detect_beside(self, call: NetworkCall, form: Mapping[str, str]) -> None:
        with suppress(TimeoutError):
            await self._detect(call, form)
        url = form.get("AsyncAmdStatusCallback")
        if url and call.live:
            await self._webhooks.tell(
                call,
                "amd",
                url,
                {"MachineDetectionDuration": str(int(call.duration_s * 1000))},
                method=form.get("AsyncAmdStatusCallbackMethod", "POST"),
            )

    def _tell(self, call: NetworkCall, order: _Order | None) -> None:
        """Send the status callback for the state, if somebody asked for it."""
        event = _EVENT_NAMES[call.state]
        sequence = call.notes["sequence"] = call.notes.get("sequence", -1) + 1
        if order is not None:
            settings, wanted = order.form, order.events
        else:
            number = self.numbers.find(call.to_number)
            settings = number.settings if number is not None else {}
            wanted = frozenset(("completed",))
        url = settings.get("StatusCallback")
        if not url or event not in wanted:
            return
        status = "initiated" if call.state is State.QUEUED else status_of(call)
        method = settings.get("StatusCallbackMethod", "POST")
        call.spawn(self._webhooks.tell_status(call, status, sequence, url, method=method))
