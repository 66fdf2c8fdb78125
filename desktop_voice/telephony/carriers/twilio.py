"""Twilio: calls by its REST interface (2010-04-01), served by TwiML.

Source: Twilio's Voice API reference (Calls, IncomingPhoneNumbers, Accounts) and error dictionary.
"""

from __future__ import annotations

import asyncio
import base64
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from types import MappingProxyType

from desktop_voice.core.calls import CarrierName, EndReason
from desktop_voice.core.clock import Clock
from desktop_voice.core.errors import PhoneError
from desktop_voice.core.phone_settings import AwaySettings
from desktop_voice.telephony.addresses import at
from desktop_voice.telephony.carriers import errors, fields, twilio_twiml, xml
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
from desktop_voice.telephony.carriers.credentials import TwilioCredentials
from desktop_voice.telephony.carriers.http import CarrierHttp, Json, Pairs
from desktop_voice.telephony.carriers.twilio_errors import diagnose
from desktop_voice.telephony.carriers.twilio_media import TwilioMedia
from desktop_voice.telephony.carriers.twilio_numbers import TwilioNumbers, away_url
from desktop_voice.telephony.carriers.twilio_webhooks import END_REASONS, TwilioWebhooks
from desktop_voice.telephony.steps import Step

_API = "https://api.twilio.com"
_LONGEST_TWIML = 4000
_LIVE = ("queued", "ringing", "in-progress")
_PAGE = (("PageSize", "1000"),)
_LOOK_AGAIN_S = (0.0, 1.0, 2.0, 4.0)
_CREATED_SLACK = timedelta(seconds=3)
_REMEMBERED = 500
_NO_KEYS: Mapping[str, str] = MappingProxyType({})
_STATES = {"suspended": AccountState.SUSPENDED, "closed": AccountState.CLOSED}


class TwilioCarrier:
    """A Twilio account; see :class:`~desktop_voice.telephony.carriers.carrier.Carrier`.

    Args:
        credentials: Checked for their shape already.
        clock: Measures how long ago a call was asked for.
        api_base: Stands for ``https://api.twilio.com``.
        language: What Twilio speaks and hears.
        shared_keys: Secrets of SharedKeys, for accounts whose webhooks are signed with SHA-256.
        deadline_s: The longest that one request may take.
        sleep: Waits between attempts.
    """

    name = CarrierName.TWILIO
    capabilities = frozenset({Can.TRANSFER})
    # Its verdict on a machine comes only after the greeting, within 30 s of the answer.
    machine_verdict_s = 32.0
    own_number = ""
    takes_documents = True

    def __init__(
        self,
        credentials: TwilioCredentials,
        *,
        clock: Clock,
        api_base: str = "",
        language: str = "en-US",
        shared_keys: Mapping[str, str] = _NO_KEYS,
        deadline_s: float = 10.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.account_ref = credentials.account_sid
        self._clock = clock
        self._language = language
        self._sleep = sleep
        self._webhooks = TwilioWebhooks(credentials, shared_keys)
        self._placed: deque[str] = deque(maxlen=_REMEMBERED)
        login = f"{credentials.account_sid}:{credentials.auth_token}".encode()
        self._http = CarrierHttp(
            self.name,
            f"{api_base or _API}/2010-04-01/Accounts/{credentials.account_sid}",
            {"Authorization": f"Basic {base64.b64encode(login).decode()}"},
            diagnose,
            clock=clock,
            deadline_s=deadline_s,
            sleep=sleep,
        )
        self._numbers = TwilioNumbers(self._http)

    async def place(self, order: PlaceOrder) -> str:
        """Create a call; return its ``CallSid``."""
        began_s = self._clock.monotonic()
        try:
            answer = await self._http.request("POST", "/Calls.json", form=_create_form(order))
            call_sid = fields.text(answer.body, "sid")
            if not call_sid:
                raise errors.no_answer(self.name)
        except errors.UncertainError:
            call_sid = await self._find_created(order, began_s)
        self._placed.append(call_sid)
        return call_sid

    async def answer(self, carrier_ref: str) -> None:
        """Do nothing: the reply to the webhook picks up."""

    async def reject(self, carrier_ref: str, reason: EndReason) -> None:
        """Do nothing: the reply to the webhook rejects."""

    async def hang_up(self, carrier_ref: str) -> None:
        """End a call, queued, ringing or going on; one that is over is a success."""
        try:
            await self._update(carrier_ref, (("Status", "completed"),), accept=(404,))
        except PhoneError as error:
            is_unclear = isinstance(error, errors.UncertainError)
            if not is_unclear and error.code != errors.NOT_IN_PROGRESS:
                raise
            if (await self.fetch(carrier_ref)).state is RemoteState.ENDED:
                return
            if is_unclear:
                raise
            await self._update(carrier_ref, (("Status", "canceled"),), accept=(404,))

    async def perform(
        self, carrier_ref: str, steps: Sequence[Step], steps_url: str
    ) -> Sequence[Step]:
        """Replace the running document; Twilio fetches what is longer than 4,000 characters."""
        document = xml.document(twilio_twiml.render(steps, self._language))
        if len(document) <= _LONGEST_TWIML:
            await self._change(carrier_ref, (("Twiml", document),))
        else:
            await self._change(carrier_ref, (("Url", xml.once(steps_url)), ("Method", "POST")))
        return ()

    async def stop_speaking(self, carrier_ref: str) -> None:
        """Refuse: only a new document ends a ``<Say>``; a ``<Gather>`` is interrupted anyway."""
        raise errors.not_possible(
            self.name,
            "stop its own voice in the middle of a sentence",
            "Wait for the end of the sentence, or use the cascading pipeline.",
        )

    async def send_dtmf(self, carrier_ref: str, digits: str) -> None:
        """Refuse: pressing keys would replace the document, and with it end the media stream."""
        raise errors.not_possible(
            self.name,
            "press keys during a call without cutting its sound",
            "Use Telnyx or Plivo for calls to menus that want keys.",
        )

    async def transfer(self, carrier_ref: str, to_number: str) -> None:
        """Dial ``to_number`` and connect the two; our own number is the caller id."""
        call = await self._call(carrier_ref)
        if call is None:
            raise errors.call_unknown(self.name)
        is_inbound = fields.text(call, "direction") == "inbound"
        caller_id = fields.text(call, "to" if is_inbound else "from")
        document = xml.document(twilio_twiml.transfer(to_number, caller_id))
        await self._change(carrier_ref, (("Twiml", document),), is_repeatable=False)

    async def fetch(self, carrier_ref: str) -> RemoteCall:
        """Ask what became of a call; one that Twilio does not know is over."""
        call = await self._call(carrier_ref)
        if call is None:
            return RemoteCall(carrier_ref, RemoteState.ENDED, end_reason=EndReason.UNKNOWN)
        return _remote(call, carrier_ref)

    async def takes_commands(self, carrier_ref: str) -> bool:
        """Refuse: an answered call asks for its document, and needs no command."""
        raise errors.not_possible(
            self.name, "be asked whether a call takes commands", "Wait for the call's webhooks."
        )

    async def live_calls(self) -> list[RemoteCall]:
        """Return the account's queued, ringing and connected calls."""
        answers = await asyncio.gather(
            *(self._http.get("/Calls.json", (("Status", status), *_PAGE)) for status in _LIVE)
        )
        calls = [
            _remote(call) for answer in answers for call in fields.objects(answer.body, "calls")
        ]
        # A call may have moved on from one list to the next meanwhile.
        return list({call.carrier_ref: call for call in calls}.values())

    async def numbers(self) -> list[OwnNumber]:
        """Return the account's numbers, at most 1,000."""
        return await self._numbers.all()

    async def webhook(self, number: OwnNumber) -> NumberWebhook:
        """Return where the number's calls go now."""
        return await self._numbers.webhook(number)

    async def set_webhook(
        self, number: OwnNumber, url: str, fallback_url: str = "", *, takes_over: bool = False
    ) -> NumberWebhook:
        """Send the number's calls, and the news of their end, to ``url``."""
        return await self._numbers.set_webhook(number, url, fallback_url, takes_over=takes_over)

    async def restore_webhook(self, before: NumberWebhook) -> None:
        """Put back what :meth:`set_webhook` returned."""
        await self._numbers.restore(before)

    def away_url(self, away: AwaySettings) -> str:
        """Return a page of Twilio's own (a Twimlet), or the user's."""
        return away_url(away)

    async def set_away(self, number: OwnNumber, away: AwaySettings) -> None:
        """Have a page of Twilio's own, or the user's, answer callers."""
        await self._numbers.set_away(number, away)

    async def account(self) -> Account:
        """Ask how the account is; one without credit is suspended by Twilio itself."""
        answer = await self._http.get(".json", accept=(401, 403))
        offset_s = answer.clock_offset_s
        if answer.status >= 400:
            return refused_account(diagnose(answer.status, answer.body), self.name, offset_s)
        is_trial = fields.text(answer.body, "type") == "Trial"
        usual = AccountState.TRIAL if is_trial else AccountState.ACTIVE
        state = _STATES.get(fields.text(answer.body, "status"), usual)
        return account_in(state, self.name, offset_s)

    async def health(self) -> Health:
        """Check the account and whether it has a voice number; never raises."""
        return await health_of(self)

    def verify(self, request: WebhookRequest) -> None:
        """Check a webhook's signature. Raises WebhookRefusedError."""
        self._webhooks.verify(request)

    def verify_upgrade(self, request: WebhookRequest) -> None:
        """Check a media socket's handshake. Raises WebhookRefusedError."""
        self._webhooks.verify_upgrade(request)

    def parse(self, request: WebhookRequest) -> CarrierEvent:
        """Understand a verified webhook. Raises WebhookRefusedError."""
        return self._webhooks.parse(request)

    def reply(self, steps: Sequence[Step]) -> WebhookReply:
        """Return the steps as TwiML."""
        return xml.reply(twilio_twiml.render(steps, self._language))

    def dialect(self) -> MediaDialect:
        """Return a new reader and writer of media-stream messages."""
        return TwilioMedia()

    async def close(self) -> None:
        """Give back the connections."""
        await self._http.close()

    async def _find_created(self, order: PlaceOrder, began_s: float) -> str:
        """Return the call that a lost answer created, so that nobody creates it again."""
        query = (("To", order.to_number), ("From", order.from_number), ("PageSize", "20"))
        for wait_s in _LOOK_AGAIN_S:
            await self._sleep(wait_s)
            try:
                answer = await self._http.get("/Calls.json", query)
            except PhoneError:
                break
            # Twilio's own clock dates both, so ours need not be right.
            now = answer.date or self._clock.now()
            ago = timedelta(seconds=self._clock.monotonic() - began_s)
            found = [
                sid
                for call in fields.objects(answer.body, "calls")
                if (sid := fields.text(call, "sid"))
                and sid not in self._placed
                and fields.text(call, "direction").startswith("outbound")
                and _is_created_since(call, now - ago - _CREATED_SLACK)
            ]
            if found:
                return found[0]
        raise errors.call_uncertain(self.name)

    async def _call(self, call_sid: str) -> Json | None:
        answer = await self._http.get(f"/Calls/{_id(call_sid)}.json", accept=(404,))
        return None if answer.status == 404 else answer.body

    async def _change(self, call_sid: str, pairs: Pairs, *, is_repeatable: bool = True) -> None:
        # A document that is set twice begins twice, which is better than not at all.
        if not await self._update(call_sid, pairs, accept=(404,), is_repeatable=is_repeatable):
            raise errors.call_unknown(self.name)

    async def _update(
        self,
        call_sid: str,
        pairs: Pairs,
        *,
        accept: Sequence[int] = (),
        is_repeatable: bool = True,
    ) -> bool:
        answer = await self._http.request(
            "POST",
            f"/Calls/{_id(call_sid)}.json",
            form=pairs,
            accept=accept,
            is_repeatable=is_repeatable,
        )
        return answer.status < 300


def _create_form(order: PlaceOrder) -> Pairs:
    pairs = [
        ("To", order.to_number),
        ("From", order.from_number),
        ("Url", at(order.webhook_url, "answer")),
        ("Method", "POST"),
        ("StatusCallback", at(order.webhook_url, "status")),
        ("StatusCallbackMethod", "POST"),
        # Joined in one value they would silently be lost.
        ("StatusCallbackEvent", "initiated"),
        ("StatusCallbackEvent", "ringing"),
        ("StatusCallbackEvent", "answered"),
        ("StatusCallbackEvent", "completed"),
        ("Timeout", str(order.ring_timeout_s)),
        ("TimeLimit", str(order.time_limit_s)),
    ]
    if order.detect_machine:
        pairs += [
            ("MachineDetection", "DetectMessageEnd"),
            ("AsyncAmd", "true"),
            ("AsyncAmdStatusCallback", at(order.webhook_url, "machine")),
            ("AsyncAmdStatusCallbackMethod", "POST"),
        ]
    return pairs


def _remote(call: Json, call_sid: str = "") -> RemoteCall:
    status = fields.text(call, "status")
    state = RemoteState.LIVE if status in _LIVE else RemoteState.UNKNOWN
    if status in END_REASONS:
        state = RemoteState.ENDED
    return RemoteCall(
        fields.text(call, "sid") or call_sid,
        state,
        fields.text(call, "to"),
        fields.text(call, "from"),
        END_REASONS.get(status, EndReason.NONE),
    )


def _is_created_since(call: Json, since: datetime) -> bool:
    try:
        created = parsedate_to_datetime(fields.text(call, "date_created"))
    except ValueError:
        return False
    return created.tzinfo is not None and created >= since


def _id(ref: str) -> str:
    """Return an id as a part of a path; what is no id at all leads nowhere else."""
    return ref if ref.isascii() and ref.isalnum() else "0"
