"""Telnyx: calls through Call Control, version 2.

Source: the published description of the Call Control API, version 2.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from urllib.parse import quote

from desktop_voice.core.calls import CarrierName, EndReason
from desktop_voice.core.clock import Clock
from desktop_voice.core.errors import PhoneError
from desktop_voice.core.phone_settings import AwaySettings
from desktop_voice.telephony.carriers import errors, telnyx_errors
from desktop_voice.telephony.carriers import telnyx_commands as commands
from desktop_voice.telephony.carriers.account_states import (
    account_in,
    health_of,
    refused_account,
)
from desktop_voice.telephony.carriers.carrier import (
    Account,
    AccountState,
    Capability,
    CarrierEvent,
    Health,
    NumberWebhook,
    OwnNumber,
    PlaceOrder,
    RemoteCall,
    RemoteState,
    WebhookReply,
    WebhookRequest,
)
from desktop_voice.telephony.carriers.credentials import TelnyxCredentials
from desktop_voice.telephony.carriers.fields import inner, objects, text
from desktop_voice.telephony.carriers.http import CarrierHttp, Json, Pairs
from desktop_voice.telephony.carriers.telnyx_api import TelnyxApi
from desktop_voice.telephony.carriers.telnyx_clock import CarrierClock
from desktop_voice.telephony.carriers.telnyx_commands import Command, Tongue
from desktop_voice.telephony.carriers.telnyx_media import TelnyxDialect
from desktop_voice.telephony.carriers.telnyx_numbers import TelnyxNumbers, away_url
from desktop_voice.telephony.carriers.telnyx_webhooks import (
    ClientState,
    check_signature,
    parse_event,
)
from desktop_voice.telephony.steps import Step

_API_BASE = "https://api.telnyx.com"
_MOST_PAGES = 20
_PAGE_SIZE = 250
_REMEMBERED = 500
_LOOK_AGAIN_S = (0.0, 1.0, 2.0, 4.0)


class TelnyxCarrier:
    """A :class:`~desktop_voice.telephony.carriers.carrier.Carrier`.

    A number's webhook is that of its Call Control application, which all numbers of the
    application share. Telnyx does not sign the handshake of a media socket: the ticket in its
    address is what lets it in.

    Args:
        api_base: Stands for ``https://api.telnyx.com``; empty: that one.
        language: What the carrier's own voice and ear speak, like ``en-US``.
        deadline_s: The longest that one request may take.
        sleep: Waits between attempts.
    """

    name = CarrierName.TELNYX
    account_ref = ""
    machine_verdict_s = 8.0
    own_number = ""
    takes_documents = False
    capabilities = frozenset({Capability.SEND_DTMF, Capability.TRANSFER})

    def __init__(
        self,
        credentials: TelnyxCredentials,
        *,
        clock: Clock,
        api_base: str = "",
        language: str = "en-US",
        deadline_s: float = 10.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._key = credentials.verifier
        self._connection_id = credentials.connection_id
        self._clock = CarrierClock(clock)
        self._tongue = Tongue.of(language)
        self._transcribed: deque[str] = deque(maxlen=_REMEMBERED)
        self._http = CarrierHttp(
            self.name,
            f"{api_base or _API_BASE}/v2",
            {"Authorization": f"Bearer {credentials.api_key}"},
            telnyx_errors.diagnose,
            clock=clock,
            deadline_s=deadline_s,
            sleep=sleep,
        )
        self._api = TelnyxApi(self._http, self._clock)
        self._numbers = TelnyxNumbers(self._api, self._connection_id)
        self._sleep = sleep

    async def place(self, order: PlaceOrder) -> str:
        """Create a call; repeated under the same command id, which creates no second one."""
        body = commands.dial(order, self._connection_id)
        try:
            answer = await self._http.request("POST", "/calls", body=body, is_repeatable=True)
        except errors.UncertainError:
            return await self._find(order.call_id)
        self._clock.note(answer.clock_offset_s)
        created = text(inner(answer.body, "data"), "call_control_id")
        return created or await self._find(order.call_id)

    async def answer(self, carrier_ref: str) -> None:
        """Pick up an incoming call: Telnyx never does that by itself."""
        await self._command(carrier_ref, commands.ANSWER)

    async def reject(self, carrier_ref: str, reason: EndReason) -> None:
        """Refuse an incoming call; that it is over already is a success."""
        await self._command(carrier_ref, commands.reject(reason))

    async def hang_up(self, carrier_ref: str) -> None:
        """End a call; that it is over already is a success."""
        await self._command(carrier_ref, commands.HANG_UP)

    async def perform(
        self, carrier_ref: str, steps: Sequence[Step], steps_url: str
    ) -> Sequence[Step]:
        """Start one speech or stream now; return what is left for when it is over."""
        plan = commands.plan(steps, steps_url, self._tongue)
        for command in plan.commands:
            is_ear = command.action == commands.TRANSCRIBE
            # It goes on for the whole call; a second start would be refused.
            if is_ear and carrier_ref in self._transcribed:
                continue
            await self._command(carrier_ref, command)
            if is_ear:
                self._transcribed.append(carrier_ref)
        return plan.rest

    async def stop_speaking(self, carrier_ref: str) -> None:
        """Cut the carrier's voice, and whatever waits to be spoken."""
        await self._command(carrier_ref, commands.STOP_SPEAKING)

    async def send_dtmf(self, carrier_ref: str, digits: str) -> None:
        """Press ``digits``."""
        await self._command(carrier_ref, commands.send_dtmf(digits))

    async def transfer(self, carrier_ref: str, to_number: str) -> None:
        """Connect the far end with another number; the call goes on if that one is not reached."""
        await self._command(carrier_ref, commands.transfer(to_number))

    async def fetch(self, carrier_ref: str) -> RemoteCall:
        """Ask what became of a call; Telnyx forgets it ten minutes after its end."""
        gone = (404, telnyx_errors.CALL_UNKNOWN, telnyx_errors.CALL_ENDED)
        found = await self._api.ask("GET", _call(carrier_ref), fine=gone)
        call = inner(found, "data")
        is_alive = call.get("is_alive")
        if is_alive is True:
            state = RemoteState.LIVE
        elif not call or text(call, "end_time"):
            state = RemoteState.ENDED
        else:
            # While it dials, a call is not alive either, and has no end.
            state = RemoteState.UNKNOWN
        return RemoteCall(carrier_ref, state)

    async def takes_commands(self, carrier_ref: str) -> bool:
        """Try a command that does nothing: Telnyx refuses all of them until a call is answered.

        Its ``GET`` tells a ringing call from an answered one in no field.
        """
        code = await self._send(carrier_ref, commands.STOP_GATHER)
        return code != telnyx_errors.CALL_NOT_ANSWERED

    async def live_calls(self) -> list[RemoteCall]:
        """Return the calls of our application that are going on."""
        return [
            RemoteCall(
                text(call, "call_control_id"),
                RemoteState.LIVE,
                call_id=ClientState.decode(call.get("client_state")).call_id,
            )
            for call in await self._active_calls()
        ]

    async def numbers(self) -> list[OwnNumber]:
        """Return the account's numbers; those of our application come first."""
        return await self._numbers.all()

    async def webhook(self, number: OwnNumber) -> NumberWebhook:
        """Return where the number's calls go now."""
        return await self._numbers.webhook(number)

    async def set_webhook(
        self, number: OwnNumber, url: str, fallback_url: str = "", *, takes_over: bool = False
    ) -> NumberWebhook:
        """Send the calls of our application to ``url``, and the number's to our application.

        Forwarding and voicemail of the number are switched off: they come before any webhook.
        """
        return await self._numbers.set_webhook(number, url, fallback_url, takes_over=takes_over)

    async def restore_webhook(self, before: NumberWebhook) -> None:
        """Put back what :meth:`set_webhook` returned."""
        await self._numbers.restore(before)

    def away_url(self, away: AwaySettings) -> str:
        """Return the user's own address; Telnyx has none that serves callers."""
        return away_url(away)

    async def set_away(self, number: OwnNumber, away: AwaySettings) -> None:
        """Forward callers, let them leave a message, or send them to the user's address."""
        await self._numbers.set_away(number, away)

    async def account(self) -> Account:
        """Ask for our application and for credit; Telnyx does not tell what a trial is."""
        account, _ = await self._account_and_application()
        return account

    async def health(self) -> Health:
        """Check key, application, credit, numbers and clock; never raises."""
        try:
            account, application = await self._account_and_application()
            outbound = inner(application, "outbound")
            if account.problem is None and not text(outbound, "outbound_voice_profile_id"):
                raise telnyx_errors.no_outbound_profile()
        except PhoneError as problem:
            return Health(False, problem.what, problem)
        return await health_of(self, account)

    async def _account_and_application(self) -> tuple[Account, Json]:
        # Whoever may not see the credit may still make calls.
        answer = await self._api.answer("GET", "/balance", fine=(403,))
        offset_s = answer.clock_offset_s
        try:
            application = await self._numbers.application()
        except PhoneError as problem:
            return refused_account(problem, self.name, offset_s), {}
        if application.get("active") is False:
            off = telnyx_errors.application_inactive()
            return Account(AccountState.ACTIVE, off.what, offset_s, off), application
        credit = _amount(inner(answer.body, "data"), "available_credit")
        is_spent = credit is not None and credit <= 0
        state = AccountState.NO_CREDIT if is_spent else AccountState.ACTIVE
        return account_in(state, self.name, offset_s), application

    def verify(self, request: WebhookRequest) -> None:
        """Check the signature over the raw body, and that it is at most five minutes old."""
        check_signature(request, self._key, self._clock.now_s())

    def verify_upgrade(self, request: WebhookRequest) -> None:
        """Do nothing: Telnyx does not sign handshakes."""

    def parse(self, request: WebhookRequest) -> CarrierEvent:
        """Understand a verified request."""
        return parse_event(request.body, self._connection_id)

    def reply(self, steps: Sequence[Step]) -> WebhookReply:
        """Return an empty answer: steps go through :meth:`perform`."""
        return WebhookReply()

    def dialect(self) -> TelnyxDialect:
        """Return a reader and writer of media-stream messages."""
        return TelnyxDialect()

    async def close(self) -> None:
        """Give back the connections."""
        await self._http.close()

    async def _find(self, call_id: str) -> str:
        """Return the id of a call whose creation was not answered, once it is in the list."""
        for wait_s in _LOOK_AGAIN_S:
            await self._sleep(wait_s)
            try:
                calls = await self._active_calls()
            except PhoneError:
                break
            for call in calls:
                ref = text(call, "call_control_id")
                if ref and ClientState.decode(call.get("client_state")).call_id == call_id:
                    return ref
        raise errors.call_uncertain(self.name)

    async def _active_calls(self) -> list[Json]:
        path = f"/connections/{quote(self._connection_id, safe='')}/active_calls"
        found: list[Json] = []
        after: Pairs = ()
        for _ in range(_MOST_PAGES):
            query = (("page[limit]", str(_PAGE_SIZE)), *after)
            answer = await self._api.ask("GET", path, query=query)
            found += objects(answer, "data")
            meta = inner(answer, "meta")
            cursor = text(inner(meta, "cursors"), "after")
            if not cursor or not text(meta, "next"):
                break
            after = (("page[after]", cursor),)
        return found

    async def _command(self, carrier_ref: str, command: Command) -> None:
        streaming = telnyx_errors.MEDIA_STREAMING_USED
        command = replace(command, fine=command.fine | {streaming})
        code = await self._send(carrier_ref, command)
        if code == streaming:
            # New steps take the place of a stream that is still open.
            await self._send(carrier_ref, commands.STOP_STREAM)
            code = await self._send(carrier_ref, command)
        if code == streaming:
            raise errors.refused(self.name, 422, code)

    async def _send(self, carrier_ref: str, command: Command) -> str:
        """Send a command; return the code of a refusal that is fine, else an empty string."""
        answer = await self._api.ask(
            "POST",
            f"{_call(carrier_ref)}/actions/{command.action}",
            body={**command.body, "command_id": secrets.token_hex(16)},
            fine=command.fine,
        )
        return telnyx_errors.error_code(answer)


def _call(carrier_ref: str) -> str:
    return f"/calls/{quote(carrier_ref, safe='')}"


def _amount(content: Json, name: str) -> float | None:
    try:
        return float(text(content, name))
    except ValueError:
        return None
