"""Plivo: calls by its REST interface (v1), served by Plivo XML.

Source: Plivo's Voice API reference (Call, Request, Number, Application, Account).

``POST /Call/`` returns a ``request_uuid``; the ``CallUUID`` comes with the first webhook. Until
then the former is the call's ``carrier_ref``: :meth:`PlivoCarrier.hang_up` and
:meth:`PlivoCarrier.fetch` take either, everything else needs the ``CallUUID``.
"""

from __future__ import annotations

import asyncio
import base64
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import quote

from desktop_voice.core.calls import CarrierName, EndReason
from desktop_voice.core.clock import Clock
from desktop_voice.core.errors import PhoneError
from desktop_voice.core.phone_settings import AwaySettings
from desktop_voice.dialogue.lines.media_socket import Encoding
from desktop_voice.telephony.addresses import at
from desktop_voice.telephony.carriers import errors, fields, plivo_xml, xml
from desktop_voice.telephony.carriers.account_states import (
    account_in,
    health_of,
    refused_account,
)
from desktop_voice.telephony.carriers.carrier import (
    Account,
    AccountState,
    CarrierEvent,
    Health,
    MediaDialect,
    NumberWebhook,
    OwnNumber,
    PlaceOrder,
    RemoteCall,
    RemoteState,
    WebhookReply,
    WebhookRequest,
)
from desktop_voice.telephony.carriers.carrier import Capability as Can
from desktop_voice.telephony.carriers.credentials import PlivoCredentials
from desktop_voice.telephony.carriers.http import CarrierHttp, Json
from desktop_voice.telephony.carriers.numbers import without_plus
from desktop_voice.telephony.carriers.plivo_calls import PlivoCalls
from desktop_voice.telephony.carriers.plivo_errors import diagnose
from desktop_voice.telephony.carriers.plivo_media import PlivoMedia
from desktop_voice.telephony.carriers.plivo_numbers import PlivoNumbers, away_url
from desktop_voice.telephony.carriers.plivo_webhooks import PlivoWebhooks
from desktop_voice.telephony.steps import Step

_API = "https://api.plivo.com"
_LOOK_AGAIN_S = (0.0, 1.0, 2.0, 4.0)
_REMEMBERED = 500


class PlivoCarrier:
    """A Plivo account; see :class:`~desktop_voice.telephony.carriers.carrier.Carrier`.

    Args:
        credentials: Checked for their shape already.
        clock: Measures how long ago a call was asked for.
        api_base: Stands for ``https://api.plivo.com``.
        language: What Plivo speaks and hears.
        encoding: How media streams are to be coded: not A-law.
        deadline_s: The longest that one request may take.
        sleep: Waits between attempts.
    """

    name = CarrierName.PLIVO
    capabilities = frozenset({Can.SEND_DTMF})
    machine_verdict_s = 8.0
    own_number = ""
    takes_documents = True

    def __init__(
        self,
        credentials: PlivoCredentials,
        *,
        clock: Clock,
        api_base: str = "",
        language: str = "en-US",
        encoding: Encoding = Encoding.L16_16K,
        deadline_s: float = 10.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.account_ref = credentials.auth_id
        self._clock = clock
        self._language = language
        self._encoding = encoding
        self._sleep = sleep
        self._webhooks = PlivoWebhooks(credentials)
        self._placed: deque[str] = deque(maxlen=_REMEMBERED)
        login = f"{credentials.auth_id}:{credentials.auth_token}".encode()
        self._http = CarrierHttp(
            self.name,
            f"{api_base or _API}/v1/Account/{credentials.auth_id}",
            {"Authorization": f"Basic {base64.b64encode(login).decode()}"},
            diagnose,
            clock=clock,
            deadline_s=deadline_s,
            sleep=sleep,
        )
        self._calls = PlivoCalls(self._http)
        self._numbers = PlivoNumbers(self._http, credentials.auth_id)

    async def place(self, order: PlaceOrder) -> str:
        """Create a call; return its ``request_uuid``, or its ``CallUUID`` if that is known."""
        began_s = self._clock.monotonic()
        try:
            answer = await self._http.request("POST", "/Call/", body=_create_body(order))
            uuids = fields.texts(answer.body, "request_uuid")
            ref = fields.text(answer.body, "request_uuid") or next(iter(uuids), "")
            if not ref:
                raise errors.no_answer(self.name)
        except errors.UncertainError:
            ref = await self._find_created(order, began_s)
        except PhoneError as error:
            # On this request Plivo means the destination by a 403 that it does not explain.
            if error.code != errors.FORBIDDEN:
                raise
            raise errors.country_closed(self.name) from None
        self._placed.append(ref)
        return ref

    async def answer(self, carrier_ref: str) -> None:
        """Do nothing: the reply to the webhook picks up."""

    async def reject(self, carrier_ref: str, reason: EndReason) -> None:
        """Do nothing: the reply to the webhook rejects."""

    async def hang_up(self, carrier_ref: str) -> None:
        """End a call, queued, ringing or going on; one that is over is a success."""
        if await self._delete(f"/Call/{_id(carrier_ref)}/"):
            return
        if await self._delete(f"/Request/{_id(carrier_ref)}/"):
            return
        # It may be the request of a call that goes on under another id already.
        for call in await self._calls.live():
            if carrier_ref == call.request_uuid:
                await self._delete(f"/Call/{_id(call.uuid)}/")

    async def perform(
        self, carrier_ref: str, steps: Sequence[Step], steps_url: str
    ) -> Sequence[Step]:
        """Have Plivo fetch ``steps_url``, which must serve ``steps``."""
        body = {"legs": "aleg", "aleg_url": xml.once(steps_url), "aleg_method": "POST"}
        await self._command(f"/Call/{_id(carrier_ref)}/", body, is_repeatable=True)
        return ()

    async def stop_speaking(self, carrier_ref: str) -> None:
        """Cut what is spoken on the call; silence already is a success."""
        await self._delete(f"/Call/{_id(carrier_ref)}/Speak/")

    async def send_dtmf(self, carrier_ref: str, digits: str) -> None:
        """Press keys for the far end; the media stream goes on."""
        if not digits or not set(digits) <= set("0123456789ABCD*#wW"):
            raise errors.no_keys(self.name)
        body = {"digits": digits, "leg": "aleg"}
        await self._command(f"/Call/{_id(carrier_ref)}/DTMF/", body)

    async def transfer(self, carrier_ref: str, to_number: str) -> None:
        """Refuse: Plivo takes a ``<Dial>`` only from a document that it fetches."""
        raise errors.not_possible(
            self.name,
            "connect a call with another number from here",
            "Use Twilio or Telnyx for transfers, or give the other side the number.",
        )

    async def fetch(self, carrier_ref: str) -> RemoteCall:
        """Ask what became of a call; one that Plivo does not know is over."""
        for status in ("live", "", "queued"):
            call = await self._calls.get(carrier_ref, status)
            if call is not None:
                return call.remote
        for call in await self._calls.live():
            if carrier_ref == call.request_uuid:
                return call.remote
        return RemoteCall(carrier_ref, RemoteState.ENDED, end_reason=EndReason.UNKNOWN)

    async def takes_commands(self, carrier_ref: str) -> bool:
        """Refuse: an answered call asks for its document, and needs no command."""
        raise errors.not_possible(
            self.name, "be asked whether a call takes commands", "Wait for the call's webhooks."
        )

    async def live_calls(self) -> list[RemoteCall]:
        """Return the account's queued, ringing and connected calls."""
        return [call.remote for call in await self._calls.live()]

    async def numbers(self) -> list[OwnNumber]:
        """Return the account's numbers."""
        return await self._numbers.all()

    async def webhook(self, number: OwnNumber) -> NumberWebhook:
        """Return where the number's calls go now: the address of its Plivo application."""
        return await self._numbers.webhook(number)

    async def set_webhook(
        self, number: OwnNumber, url: str, fallback_url: str = "", *, takes_over: bool = False
    ) -> NumberWebhook:
        """Send the number's calls, and the news of their end, to ``url`` by our own application.

        Whichever application had the number has it again by :meth:`restore_webhook`. A number of
        a sub-account is refused also where ``takes_over`` is asked for.
        """
        return await self._numbers.set_webhook(number, url, fallback_url)

    async def restore_webhook(self, before: NumberWebhook) -> None:
        """Put back what :meth:`set_webhook` returned."""
        await self._numbers.restore(before)

    def away_url(self, away: AwaySettings) -> str:
        """Return the user's own address; Plivo has none that serves callers."""
        return away_url(away)

    async def set_away(self, number: OwnNumber, away: AwaySettings) -> None:
        """Send callers to the user's address: all that Plivo can do without this app."""
        await self._numbers.set_away(number, away)

    async def account(self) -> Account:
        """Ask how the account is. Its ``state`` is one of a country, not of the account."""
        answer = await self._http.get("/", accept=(401, 403))
        account, offset_s = answer.body, answer.clock_offset_s
        if answer.status >= 400:
            return refused_account(diagnose(answer.status, account), self.name, offset_s)
        state = AccountState.ACTIVE
        if _is_spent(account):
            state = AccountState.NO_CREDIT
        elif fields.text(account, "account_type") in ("trial", "developer"):
            state = AccountState.TRIAL
        return account_in(state, self.name, offset_s)

    async def health(self) -> Health:
        """Check the account and whether it has a voice number; never raises."""
        return await health_of(self)

    def verify(self, request: WebhookRequest) -> None:
        """Check a webhook's signature. Raises WebhookRefusedError."""
        self._webhooks.verify(request)

    def verify_upgrade(self, request: WebhookRequest) -> None:
        """Do nothing: Plivo does not sign handshakes; the ticket in the address is all there is."""

    def parse(self, request: WebhookRequest) -> CarrierEvent:
        """Understand a verified webhook. Raises WebhookRefusedError."""
        return self._webhooks.parse(request)

    def reply(self, steps: Sequence[Step]) -> WebhookReply:
        """Return the steps as Plivo XML."""
        return xml.reply(plivo_xml.render(steps, self._language, self._encoding))

    def dialect(self) -> MediaDialect:
        """Return a new reader and writer of media-stream messages."""
        return PlivoMedia()

    async def close(self) -> None:
        """Give back the connections."""
        await self._http.close()

    async def _find_created(self, order: PlaceOrder, began_s: float) -> str:
        """Return the call that a lost answer created, so that nobody creates it again."""
        for wait_s in _LOOK_AGAIN_S:
            await self._sleep(wait_s)
            ago_s = self._clock.monotonic() - began_s
            try:
                found = await self._calls.created(order, ago_s, self._clock.now())
            except PhoneError:
                break
            for call in found:
                if not {call.uuid, call.request_uuid} & set(self._placed):
                    return call.uuid
        raise errors.call_uncertain(self.name)

    async def _command(
        self, path: str, body: dict[str, str], *, is_repeatable: bool = False
    ) -> None:
        answer = await self._http.request(
            "POST", path, body=body, accept=(404,), is_repeatable=is_repeatable
        )
        if answer.status == 404:
            raise errors.call_unknown(self.name)

    async def _delete(self, path: str) -> bool:
        answer = await self._http.request("DELETE", path, accept=(404,), is_repeatable=True)
        return answer.status < 300


def _create_body(order: PlaceOrder) -> dict[str, str | int]:
    status_url = at(order.webhook_url, "status")
    body: dict[str, str | int] = {
        "from": without_plus(order.from_number),
        "to": without_plus(order.to_number),
        "answer_url": at(order.webhook_url, "answer"),
        "answer_method": "POST",
        "ring_url": status_url,
        "ring_method": "POST",
        "hangup_url": status_url,
        "hangup_method": "POST",
        "ring_timeout": order.ring_timeout_s,
        "time_limit": order.time_limit_s,
    }
    if order.detect_machine:
        body["machine_detection"] = "true"
        body["machine_detection_url"] = at(order.webhook_url, "machine")
        body["machine_detection_method"] = "POST"
    return body


def _is_spent(account: Json) -> bool:
    """Whether a prepaid account has used up what it paid, and will not pay by itself."""
    is_prepaid = fields.text(account, "billing_mode") in ("", "prepaid")
    try:
        credit = float(fields.text(account, "cash_credits"))
    except ValueError:
        return False
    return is_prepaid and account.get("auto_recharge") is not True and credit <= 0


def _id(ref: str) -> str:
    """Return an id as one part of a path."""
    return quote(ref, safe="") or "0"
