"""Telnyx as the rehearsal plays it: Call Control commands, events and media streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from desktop_voice.rehearsal.call import Cause, NetworkCall, State
from desktop_voice.rehearsal.dialect import Exchange
from desktop_voice.rehearsal.leg import connect
from desktop_voice.rehearsal.telnyx_account import TelnyxAccount
from desktop_voice.rehearsal.telnyx_call import TelnyxCall, new_call_control_id
from desktop_voice.rehearsal.telnyx_errors import by_status
from desktop_voice.rehearsal.telnyx_events import TelnyxEvents
from desktop_voice.rehearsal.telnyx_numbers import TelnyxNumber
from desktop_voice.rehearsal.telnyx_rest import TelnyxRest, call_limits

NUMBER = "+14155550122"
_VOICEMAIL_GREETING = "Please leave a message after the tone."


class TelnyxDialect:
    """See :class:`desktop_voice.rehearsal.dialect.Dialect`."""

    name = "telnyx"
    number = NUMBER

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._account = TelnyxAccount(self.number)
        self._events = TelnyxEvents(exchange, self._account)
        self._rest = TelnyxRest(exchange, self._account, self)

    @property
    def desk(self) -> TelnyxAccount:
        """The account, for what a test says of it."""
        return self._account

    @property
    def credentials(self) -> dict[str, str]:
        """The API key, the application's id and the webhooks' public key."""
        return {
            "telnyx_api_key": self._account.api_key,
            "telnyx_connection_id": self._account.connection_id,
            "telnyx_public_key": self._account.key.public_key,
        }

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """The REST routes."""
        return self._rest.routes()

    def creates_a_call(self, request: web.Request) -> bool:
        """Whether it is POST ``/v2/calls``."""
        return request.method == "POST" and request.path.endswith("/v2/calls")

    def refusal(self, status: int) -> web.Response:
        """The answer with this status."""
        return by_status(status).response()

    def new_ref(self) -> str:
        """A fresh call control id."""
        return new_call_control_id()

    def dial(self, body: Mapping[str, Any]) -> TelnyxCall:
        """Begin the outgoing call of a checked request."""
        ring_timeout_s, time_limit_s = call_limits(body)
        call = self._exchange.network.call_out(
            self,
            self.new_ref(),
            str(body["from"]),
            str(body["to"]),
            ring_timeout_s=ring_timeout_s,
            time_limit_s=time_limit_s,
        )
        return self._own(call, body)

    def find(self, ref: str) -> TelnyxCall | None:
        """Return a call by its call control id."""
        call = self._exchange.network.find(self.name, ref)
        made = call.notes.get(self.name) if call is not None else None
        return made if isinstance(made, TelnyxCall) else None

    def on_state(self, call: NetworkCall) -> None:
        """Take note of a call's new state."""
        if call.direction == "inbound" and self._takes_itself(call):
            return
        (self.find(call.ref) or self._own(call, {})).on_state()

    def _takes_itself(self, call: NetworkCall) -> bool:
        """Do what the number's settings say in place of the app; return whether they say so."""
        if call.notes.get("without_app"):
            return True
        if self.find(call.ref) is not None:
            return False
        number = self._account.find(call.to_number)
        if (
            number is None
            or not self._account.standing.carries_calls
            or number.connection_id != self._account.connection_id
        ):
            call.notes["without_app"] = True
            call.end(Cause.FAILED, "network")
            return True
        if not number.forwards_to and not number.voicemail:
            return False
        if call.state is State.RINGING:
            call.notes["without_app"] = True
            call.run(self._serve(call, number))
        return True

    async def _serve(self, call: NetworkCall, number: TelnyxNumber) -> None:
        """Forward a call, or let the caller leave a message, which nobody keeps here."""
        if number.forwards_to:
            call.report("away", {"kind": "forward", "detail": number.forwards_to})
            call.answer()
            await connect(
                call,
                self._exchange.network,
                self.new_ref(),
                number.forwards_to,
                from_number=call.from_number,
                ring_timeout_s=30.0,
                time_limit_s=14_400.0,
            )
        else:
            call.report("away", {"kind": "voicemail", "detail": ""})
            call.answer()
            await self._exchange.voice.say(call, _VOICEMAIL_GREETING)
        call.end(Cause.COMPLETED, "network")

    async def close(self) -> None:
        """Close the connections."""
        await self._events.close()

    def _own(self, call: NetworkCall, body: Mapping[str, Any]) -> TelnyxCall:
        made = TelnyxCall(self._exchange, self._account, self._events, call, body)
        call.notes[self.name] = made
        return made
