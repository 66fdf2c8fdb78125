"""Telnyx: calls through Call Control, version 2.

Source: the published description of the Call Control API, version 2.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from urllib.parse import quote

from desktop_voice.core.calls import CarrierName, EndReason
from desktop_voice.core.clock import Clock
from desktop_voice.core.errors import PhoneError
from desktop_voice.telephony.carriers import errors, telnyx_errors
from desktop_voice.telephony.carriers import telnyx_commands as commands
from desktop_voice.telephony.carriers.carrier import (
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
from desktop_voice.telephony.carriers.telnyx_clock import CarrierClock
from desktop_voice.telephony.carriers.telnyx_commands import Command, Tongue
from desktop_voice.telephony.carriers.telnyx_media import TelnyxDialect
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
_REFUSALS = (400, 404, 422)


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
    account = ""
    takes_documents = False
    capabilities = frozenset(
        {
            Capability.SEND_DTMF,
            Capability.TRANSFER,
            Capability.MACHINE_DETECTION,
            Capability.LIVE_STEPS,
        }
    )

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
            deadline_s=deadline_s,
            sleep=sleep,
        )

    async def place(self, order: PlaceOrder) -> str:
        """Create a call; repeated under the same command id, which creates no second one."""
        body = commands.dial(order, self._connection_id)
        try:
            answer = await self._http.request("POST", "/calls", body=body, is_repeatable=True)
        except errors.UncertainError:
            return await self._find(order.call_id)
        self._clock.note(answer.date)
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
        found = await self._ask("GET", _call(carrier_ref), fine=gone)
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
        """Return the numbers that belong to our application."""
        found: list[OwnNumber] = []
        for page in range(1, _MOST_PAGES + 1):
            query = (
                ("page[size]", str(_PAGE_SIZE)),
                ("page[number]", str(page)),
                ("filter[status]", "active"),
                ("filter[connection_id]", self._connection_id),
            )
            answer = await self._ask("GET", "/phone_numbers", query=query)
            found += [
                OwnNumber(
                    text(number, "phone_number"),
                    text(number, "phone_number_type") not in ("shortcode", "longcode"),
                    text(number, "id"),
                    text(number, "connection_name"),
                )
                for number in objects(answer, "data")
            ]
            if page >= _count(inner(answer, "meta"), "total_pages"):
                break
        return found

    async def webhook(self, number: OwnNumber) -> NumberWebhook:
        """Return where the calls of the number's application go now."""
        application = await self._application()
        url = text(application, "webhook_event_url")
        version = text(application, "webhook_api_version")
        return NumberWebhook(number.number, url, {"webhook_api_version": version})

    async def set_webhook(self, number: OwnNumber, url: str) -> NumberWebhook:
        """Send the calls of the number's application to ``url``; return what was set before."""
        before = await self.webhook(number)
        await self._set_application_webhook(url, "2")
        return before

    async def restore_webhook(self, before: NumberWebhook) -> None:
        """Put back what :meth:`set_webhook` returned."""
        await self._set_application_webhook(before.url, before.data["webhook_api_version"])

    async def health(self) -> Health:
        """Check key, application, credit and clock; never raises."""
        try:
            application = await self._application()
            credit = await self._credit()
        except PhoneError as error:
            return Health(False, error.what, error)
        profile = text(inner(application, "outbound"), "outbound_voice_profile_id")
        problem: PhoneError | None = None
        if application.get("active") is False:
            problem = telnyx_errors.application_inactive()
        elif not profile:
            problem = telnyx_errors.no_outbound_profile()
        elif credit is not None and credit <= 0:
            problem = errors.no_credit(self.name)
        if problem is not None:
            return Health(False, problem.what, problem)
        line = "Telnyx accepts the key, and its application is ready."
        if self._clock.is_off:
            line += f" This computer's clock is {abs(self._clock.offset_s):.0f} s off: set it."
        return Health(True, line)

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
        """Return the id of a call whose creation was not answered, if it is in the list."""
        try:
            calls = await self._active_calls()
        except PhoneError:
            calls = []
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
            answer = await self._ask("GET", path, query=query)
            found += objects(answer, "data")
            meta = inner(answer, "meta")
            cursor = text(inner(meta, "cursors"), "after")
            if not cursor or not text(meta, "next"):
                break
            after = (("page[after]", cursor),)
        return found

    async def _application(self) -> Json:
        path = f"/call_control_applications/{quote(self._connection_id, safe='')}"
        found = inner(await self._ask("GET", path, fine=(404,)), "data")
        if not found:
            raise errors.account_unknown(self.name)
        return found

    async def _set_application_webhook(self, url: str, version: str) -> None:
        path = f"/call_control_applications/{quote(self._connection_id, safe='')}"
        body = {
            # Required, though it stays what it is.
            "application_name": text(await self._application(), "application_name"),
            "webhook_event_url": url,
            "webhook_api_version": version,
        }
        await self._ask("PATCH", path, body=body)

    async def _credit(self) -> float | None:
        """Return what may still be spent; None if the key may not see it."""
        balance = inner(await self._ask("GET", "/balance", fine=(403,)), "data")
        try:
            return float(text(balance, "available_credit"))
        except ValueError:
            return None

    async def _command(self, carrier_ref: str, command: Command) -> None:
        code = await self._send(carrier_ref, command)
        if code == telnyx_errors.MEDIA_STREAMING_USED:
            # New steps take the place of a stream that is still open.
            await self._send(carrier_ref, commands.STOP_STREAM)
            code = await self._send(carrier_ref, command)
        if code:
            raise errors.refused(self.name, 422, code)

    async def _send(self, carrier_ref: str, command: Command) -> str:
        """Send a command; return ``MEDIA_STREAMING_USED`` if that is why it was refused."""
        streaming = telnyx_errors.MEDIA_STREAMING_USED
        answer = await self._ask(
            "POST",
            f"{_call(carrier_ref)}/actions/{command.action}",
            body={**command.body, "command_id": secrets.token_hex(16)},
            fine=command.fine | {streaming},
        )
        return streaming if telnyx_errors.error_code(answer) == streaming else ""

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Pairs = (),
        body: Json | None = None,
        fine: Collection[int | str] = (),
    ) -> Json:
        """Send one request; return its answer, or a refusal whose status or code is ``fine``.

        Every request may be repeated: those that do something carry a command id.
        """
        answer = await self._http.request(
            method,
            path,
            query=query,
            body=body,
            accept=(*_REFUSALS, *(status for status in fine if isinstance(status, int))),
            is_repeatable=True,
        )
        self._clock.note(answer.date)
        if answer.status < 300:
            return answer.body
        if answer.status in fine or telnyx_errors.error_code(answer.body) in fine:
            return answer.body
        raise telnyx_errors.diagnose(answer.status, answer.body)


def _call(carrier_ref: str) -> str:
    return f"/calls/{quote(carrier_ref, safe='')}"


def _count(meta: Json, name: str) -> int:
    value = meta.get(name)
    return value if isinstance(value, int) else 0
