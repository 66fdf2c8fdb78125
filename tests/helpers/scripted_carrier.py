"""A carrier in memory, with documents or with commands: it notes what it is asked, and fails."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from desktop_voice.core.calls import CarrierName, EndReason
from desktop_voice.core.errors import PhoneError
from desktop_voice.core.phone_settings import AwaySettings
from desktop_voice.telephony import steps as st
from desktop_voice.telephony.addresses import read
from desktop_voice.telephony.carriers.carrier import (
    Account,
    AccountState,
    Capability,
    CarrierEvent,
    CarrierEventKind,
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

MY_NUMBER = "+14155550100"
ACTIVE = Account(AccountState.ACTIVE, "The account is active.", 0.0)


def refused(code: str = "CARRIER-06", *, retryable: bool = True) -> PhoneError:
    """Return what a carrier module raises."""
    return PhoneError(code, "The carrier did not answer.", "Try again.", retryable=retryable)


@dataclass(frozen=True)
class Asked:
    """One request: its name, the call's reference, and what belongs to it."""

    what: str
    ref: str
    detail: Any = None
    at_s: float = 0.0


@dataclass
class ScriptedCarrier:
    """Implements :class:`~desktop_voice.telephony.carriers.carrier.Carrier` without a network.

    Attributes:
        takes_documents: As Twilio and Plivo do; else every step is a command, as with Telnyx.
        asked: Every request, in order.
        failing: For a request's name the errors that come before it succeeds; None: success.
        holding: A request with such an entry waits for it.
        remote: What the carrier says of its calls.
        state: How the account is.
        webhooks: By number, where its calls go; one with ``taken_by`` is refused unless taken over.
        is_taking: Its calls take commands, as answered ones do.
        loses_refs: A placed call exists, but its reference is not told: the request fails.
    """

    name: CarrierName = CarrierName.TWILIO
    takes_documents: bool = True
    machine_verdict_s: float = 8.0
    account_ref: str = "AC-scripted"
    own_number: str = ""
    capabilities: frozenset[Capability] = frozenset(Capability)
    asked: list[Asked] = field(default_factory=list)
    failing: dict[str, list[Exception | None]] = field(default_factory=lambda: defaultdict(list))
    holding: dict[str, asyncio.Event] = field(default_factory=dict)
    remote: dict[str, RemoteCall] = field(default_factory=dict)
    own: tuple[OwnNumber, ...] = (OwnNumber(MY_NUMBER, True, "PN1"),)
    state: Account = ACTIVE
    webhooks: dict[str, NumberWebhook] = field(default_factory=dict)
    loses_refs: bool = False
    is_taking: bool = False
    closed: int = 0

    def fail(self, what: str, *errors: Exception | None) -> None:
        """Let the next requests of this name fail; without ``errors`` the next one."""
        self.failing[what] += errors or (refused(),)

    def all(self, what: str) -> list[Asked]:
        """Return the requests of one name."""
        return [one for one in self.asked if one.what == what]

    @property
    def performed(self) -> list[st.Step]:
        """All steps that were asked for outside of replies."""
        return [step for one in self.all("perform") for step in one.detail[0]]

    @property
    def nonce(self) -> str:
        """The nonce of the steps last asked for."""
        return read(self.all("perform")[-1].detail[1]).turn

    def tells(self, event: CarrierEvent) -> None:
        """Agree with a webhook from now on."""
        ref, known = event.carrier_ref, self.remote.get(event.carrier_ref)
        if event.kind is CarrierEventKind.INCOMING and known is None:
            self.remote[ref] = RemoteCall(ref, RemoteState.LIVE, event.to_number, event.from_number)
        if event.kind is CarrierEventKind.ENDED:
            self.remote[ref] = replace(
                known or RemoteCall(ref, RemoteState.ENDED), state=RemoteState.ENDED
            )

    async def _ask(self, what: str, ref: str, detail: Any = None) -> None:
        self.asked.append(Asked(what, ref, detail, asyncio.get_running_loop().time()))
        if what in self.holding:
            await self.holding[what].wait()
        failures = self.failing[what]
        error = failures.pop(0) if failures else None
        if error is not None:
            raise error

    async def place(self, order: PlaceOrder) -> str:
        ref = f"ref-{len(self.all('place')) + 1}"
        await self._ask("place", ref, order)
        self.remote[ref] = RemoteCall(
            ref, RemoteState.LIVE, order.to_number, order.from_number, call_id=order.call_id
        )
        if self.loses_refs:
            raise refused()
        return ref

    async def answer(self, carrier_ref: str) -> None:
        await self._ask("answer", carrier_ref)

    async def reject(self, carrier_ref: str, reason: EndReason) -> None:
        await self._ask("reject", carrier_ref, reason)

    async def hang_up(self, carrier_ref: str) -> None:
        await self._ask("hang_up", carrier_ref)
        if carrier_ref in self.remote:
            self.remote[carrier_ref] = replace(self.remote[carrier_ref], state=RemoteState.ENDED)

    async def perform(
        self, carrier_ref: str, steps: Sequence[st.Step], steps_url: str
    ) -> Sequence[st.Step]:
        await self._ask("perform", carrier_ref, (list(steps), steps_url))
        if st.HangUp() in steps and not self.takes_documents:
            await self.hang_up(carrier_ref)
        return ()

    async def stop_speaking(self, carrier_ref: str) -> None:
        await self._ask("stop_speaking", carrier_ref)

    async def send_dtmf(self, carrier_ref: str, digits: str) -> None:
        await self._ask("send_dtmf", carrier_ref, digits)

    async def transfer(self, carrier_ref: str, to_number: str) -> None:
        await self._ask("transfer", carrier_ref, to_number)

    async def fetch(self, carrier_ref: str) -> RemoteCall:
        await self._ask("fetch", carrier_ref)
        return self.remote.get(carrier_ref, RemoteCall(carrier_ref, RemoteState.ENDED))

    async def takes_commands(self, carrier_ref: str) -> bool:
        await self._ask("takes_commands", carrier_ref)
        return self.is_taking

    async def live_calls(self) -> list[RemoteCall]:
        await self._ask("live_calls", "")
        return [call for call in self.remote.values() if call.state is not RemoteState.ENDED]

    async def numbers(self) -> list[OwnNumber]:
        await self._ask("numbers", "")
        return list(self.own)

    async def webhook(self, number: OwnNumber) -> NumberWebhook:
        await self._ask("webhook", number.ref)
        return self.webhooks.get(number.number, NumberWebhook(number.number, ""))

    async def set_webhook(
        self, number: OwnNumber, url: str, fallback_url: str = "", *, takes_over: bool = False
    ) -> NumberWebhook:
        await self._ask("set_webhook", number.ref, url)
        before = self.webhooks.get(number.number, NumberWebhook(number.number, ""))
        if before.taken_by and not takes_over:
            raise refused("CARRIER-21", retryable=False)
        self.webhooks[number.number] = NumberWebhook(number.number, url, {"fallback": fallback_url})
        return before

    async def restore_webhook(self, before: NumberWebhook) -> None:
        await self._ask("restore_webhook", before.number, before.url)
        self.webhooks[before.number] = before

    def away_url(self, away: AwaySettings) -> str:
        return away.address

    async def set_away(self, number: OwnNumber, away: AwaySettings) -> None:
        await self._ask("set_away", number.ref, away)
        self.webhooks[number.number] = NumberWebhook(number.number, self.away_url(away))

    async def account(self) -> Account:
        await self._ask("account", "")
        return self.state

    async def health(self) -> Health:
        return Health(True, "The account is active.")

    def verify(self, request: WebhookRequest) -> None:
        """Everything is genuine here."""

    def verify_upgrade(self, request: WebhookRequest) -> None:
        """Everything is genuine here."""

    def parse(self, request: WebhookRequest) -> CarrierEvent:
        raise AssertionError("events are given directly")

    def reply(self, steps: Sequence[st.Step]) -> WebhookReply:
        document = [{"step": type(step).__name__} | asdict(step) for step in steps]
        body = json.dumps(document).encode() if self.takes_documents else b""
        return WebhookReply(200, "application/json", body)

    def dialect(self) -> MediaDialect:
        raise AssertionError("media sockets are given directly")

    async def close(self) -> None:
        self.closed += 1


def steps_of(reply: WebhookReply) -> list[st.Step]:
    """Return the steps that a reply holds."""
    found: list[Mapping[str, Any]] = json.loads(reply.body or b"[]")
    return [_step(dict(one)) for one in found]


def _step(fields: dict[str, Any]) -> st.Step:
    name = fields.pop("step")
    if name == "Reject":
        return st.Reject(EndReason(fields["reason"]))
    if name == "Gather":
        fields["hints"] = tuple(fields["hints"])
    step: st.Step = getattr(st, name)(**fields)
    return step
