"""The call manager: every call that lives, from the wish to the end; per-call state only."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import structlog

from desktop_voice.agent.brain import Brain
from desktop_voice.core import events as ev
from desktop_voice.core.approvals import Approval
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import (
    Call,
    CallMode,
    CarrierName,
    EndReason,
    TranscriptLine,
)
from desktop_voice.core.clock import Clock
from desktop_voice.core.errors import PhoneError
from desktop_voice.core.settings import Settings
from desktop_voice.dialogue.lines.media_socket import MediaSocket
from desktop_voice.storage.calls import CallStore
from desktop_voice.telephony.accounts import Accounts
from desktop_voice.telephony.approvals import Approvals
from desktop_voice.telephony.carriers.carrier import (
    Carrier,
    CarrierEvent,
    CarrierEventKind,
    StreamStart,
    WebhookReply,
)
from desktop_voice.telephony.deliveries import Deliveries
from desktop_voice.telephony.entry import CarrierWire, ExpectedStream
from desktop_voice.telephony.failures import no_carrier, tell
from desktop_voice.telephony.hanging_up import hang_up_for_certain
from desktop_voice.telephony.inbound_policy import Admission as InboundVerdict
from desktop_voice.telephony.inbound_policy import Admit, AskPairing, Refuse, Trust
from desktop_voice.telephony.live_call import CallRoom, LiveCall
from desktop_voice.telephony.orders import Orders, Origin, planned_call
from desktop_voice.telephony.pairing import Pairing
from desktop_voice.telephony.pairing_desk import PairingDesk
from desktop_voice.telephony.placing import place
from desktop_voice.telephony.reception import decide, incoming_call, receive
from desktop_voice.telephony.session import Session
from desktop_voice.telephony.session_maker import SessionMaker
from desktop_voice.telephony.steps import HangUp, Step
from desktop_voice.telephony.stream_session import StreamSession
from desktop_voice.telephony.tasks import Tasks
from desktop_voice.telephony.tickets import Admission, Tickets
from desktop_voice.telephony.turn_engine import TurnEngines

_log = structlog.get_logger()

_QUIT_S = 5.0
_ADMITTED_S = 2.0
_REMEMBERED = 1000
_BEGINNINGS = frozenset(
    {CarrierEventKind.QUEUED, CarrierEventKind.RINGING, CarrierEventKind.ANSWERED}
)


class CallManager:
    """Places, takes, routes and ends calls; used on the media loop.

    Implements :class:`~desktop_voice.core.ports.CallActions` for people and tools, and
    :class:`~desktop_voice.telephony.entry.PhoneEntry` for the public listener.

    Args:
        carrier: The account in use; None while none is set up.
        base: Returns the public address now, or an empty string while there is none.
        engines: What hears and speaks on media streams.
    """

    def __init__(
        self,
        carrier: Carrier | None,
        *,
        store: CallStore,
        bus: EventBus,
        clock: Clock,
        settings: Settings,
        brain: Brain,
        base: Callable[[], str],
        engines: TurnEngines,
    ) -> None:
        self._accounts = Accounts(carrier)
        self._store = store
        self._bus = bus
        self._clock = clock
        self._settings = settings
        self._base = base
        self._engines = engines
        self.tickets = Tickets(clock)
        self._approvals = Approvals(store, bus, clock)
        self._deliveries = Deliveries(store)
        self._live: dict[str, LiveCall] = {}
        self.callers = PairingDesk(store, bus, self._live.values, self._find_live)
        self._begun: deque[str] = deque(maxlen=_REMEMBERED)
        self._orders = Orders(store, clock, lambda: self._settings, lambda: self._engines.can_talk)
        self._admitting = asyncio.Lock()
        self._tasks = Tasks(lambda error: _log.error("phone task failed", exc_info=error))
        self._closing = False
        sessions = SessionMaker(
            lambda: self._settings, brain, engines, self.tickets, Pairing(store, clock)
        )
        self._room = CallRoom(
            store=store,
            bus=bus,
            base=base,
            ring_timeout_s=lambda: self._settings.limits.ring_timeout_s,
            make_session=sessions.make,
            forget=self._forget,
        )

    # --- settings ---

    @property
    def carriers(self) -> Mapping[CarrierName, CarrierWire]:
        """What is listened to: the chosen carrier's account, and those that calls still live on."""
        return self._accounts.wires(self._carriers_on_calls, self._carries)

    @property
    def accounts(self) -> Mapping[CarrierName, Carrier]:
        """The accounts that can be asked: of each carrier the chosen one, or one that is in use."""
        found = ((name, self._accounts.of(name, self._carriers_on_calls)) for name in CarrierName)
        return {name: carrier for name, carrier in found if carrier is not None}

    def apply(self, settings: Settings) -> None:
        """Use ``settings`` for new calls."""
        self._settings = settings

    def use(self, carrier: Carrier | None) -> None:
        """Place and take new calls with ``carrier``; live calls keep theirs."""
        self._accounts.choose(carrier)
        self._orders.forget_numbers()

    async def unused(self, carrier: Carrier) -> None:
        """Return once ``carrier`` is not the chosen one and no call needs it: close it then."""
        await self._accounts.unused(carrier)

    def has_had(self, call_id: str) -> bool:
        """Whether this run of the phone began that call."""
        return call_id in self._begun

    def is_live(self, call_id: str) -> bool:
        """Whether this run of the app has that call."""
        return call_id in self._live

    # --- CallActions ---

    async def request_call(
        self,
        number: str,
        mode: CallMode,
        message: str,
        origin: Origin,
        *,
        at_night: bool = False,
    ) -> Approval:
        """Check a wish against every rule and put it before the user; nothing is dialled yet.

        Raises:
            PhoneError: No carrier is set up, the number is none, or a rule forbids the call.
        """
        order = await self._orders.make(
            self._ready_carrier(), number, mode, message, origin, at_night=at_night
        )
        await self._orders.check(order, len(self._live))
        return await self._approvals.ask(order)

    async def settle_approval(self, approval_id: str, approved: bool) -> Call | None:
        """Place the approved call, or drop it.

        Raises:
            PhoneError: The approval is unknown, used or too old, or a rule forbids the call now.
        """
        order = await self._approvals.settle(approval_id, approved)
        if order is None:
            return None
        carrier = self._ready_carrier()
        if carrier.name is not order.carrier:
            raise PhoneError(
                "PHONE-32",
                "Another carrier was chosen since you were asked about this call.",
                "Ask for the call again.",
            )
        # One at a time, so that two calls cannot both be the last that a limit allows.
        async with self._admitting:
            await self._orders.check(order, len(self._live))
            await self._approvals.consume(approval_id, order)
            call = self._explained(planned_call(order, approval_id))
            await self._store.plan(call)
            live = self._begin(call, carrier)
        live.trust = Trust.KNOWN
        if self._closing:
            live.end(EndReason.APP_QUIT)
        self._tasks.start(self._place(live))
        return call

    async def speak(self, call_id: str, text: str) -> None:
        """Say exactly ``text`` on a call."""
        _, session = await self._find_talking(call_id)
        await session.speak(text)

    async def hang_up(self, call_id: str) -> None:
        """End a call."""
        (await self._find_live(call_id)).end(EndReason.WE_HUNG_UP)

    async def hang_up_all(self, reason: EndReason = EndReason.WE_HUNG_UP) -> list[str]:
        """End every call, also those that are only being placed or let in; return their ids.

        It does not wait for the carrier.
        """
        ended = self._end_all(reason)
        with suppress(TimeoutError):
            async with asyncio.timeout(_ADMITTED_S), self._admitting:
                ended += self._end_all(reason)
        return ended

    async def send_dtmf(self, call_id: str, digits: str) -> None:
        """Press keys on a call."""
        live, _ = await self._find_talking(call_id)
        await live.carrier.send_dtmf(live.call.carrier_ref, digits)

    async def extend(self, call_id: str, seconds: int = 300) -> int:
        """Move the soft limit; return how many seconds were won."""
        return await (await self._find_live(call_id)).extend(seconds)

    async def settle_pairing(self, call_id: str, approved: bool) -> None:
        """Let a caller in who gave the right code, or send them away.

        Raises:
            PhoneError: There is no such call, or its caller may not be let in (yet).
        """
        await self.callers.settle(call_id, approved)

    async def live_calls(self) -> list[Call]:
        """Return the calls that are not over, oldest first."""
        return sorted((live.call for live in self._live.values()), key=lambda call: call.id)

    async def call(self, call_id: str) -> Call:
        """Return a call, live or over."""
        if call_id in self._live:
            return self._live[call_id].call
        call = await self._store.get(call_id)
        if call is None:
            raise _no_such_call()
        return call

    async def transcript(self, call_id: str) -> list[TranscriptLine]:
        """Return what was said on a call so far."""
        await self.call(call_id)
        return await self._store.transcript(call_id)

    async def history(self, words: str = "", limit: int = 50, before: str = "") -> list[Call]:
        """Return calls, newest first."""
        return await self._store.history(words, limit, before)

    async def delete(self, call_id: str) -> None:
        """Forget a call that is over, with every word of it."""
        if call_id in self._live:
            raise PhoneError("PHONE-14", "The call is going on.", "Hang up first, then delete it.")
        await self._store.delete(call_id)

    # --- PhoneEntry ---

    async def on_event(self, carrier_name: CarrierName, event: CarrierEvent) -> WebhookReply:
        """Take a verified webhook; a repetition gets the stored answer and changes nothing."""
        carrier = self._accounts.of(carrier_name, self._carriers_on_calls)
        live = self._find(carrier_name, event)
        if live is not None:
            carrier = live.carrier
        if carrier is None:
            return WebhookReply(404)
        call_id = live.call.id if live is not None else ""

        async def act() -> tuple[WebhookReply, str]:
            with self._accounts.holding(carrier):
                reply = carrier.reply(await self._react(carrier, live, event))
            begun = self._find(carrier_name, event)
            return reply, begun.call.id if begun is not None else call_id

        return await self._deliveries.once(carrier_name, event.key, call_id, act)

    async def on_stream(
        self, admission: Admission, start: StreamStart, socket: MediaSocket
    ) -> None:
        """Talk on an open media stream until it ends."""
        live = self._live.get(admission.call_id)
        session = live.session if live is not None else None
        if live is None or not isinstance(session, StreamSession):
            await socket.close()
            return
        await live.connected()
        await session.run(socket)

    @property
    def bases(self) -> set[str]:
        """The public addresses that the live calls' webhooks were given."""
        return {live.base for live in self._live.values()}

    def expects(self, admission: Admission) -> ExpectedStream | None:
        """Return what the stream of a ticket must say of itself; None if the call is over."""
        live = self._live.get(admission.call_id)
        if live is None or live.over.is_set():
            return None
        return ExpectedStream(live.call.carrier_ref, live.carrier.account_ref)

    # --- life ---

    async def close(self) -> None:
        """Hang up what lives and wait a moment for the carrier's word."""
        self._closing = True
        await self._approvals.close()
        self._end_all(EndReason.APP_QUIT)
        waiting = [asyncio.create_task(live.closed.wait()) for live in self._live.values()]
        if waiting:
            await asyncio.wait(waiting, timeout=_QUIT_S)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, self._tasks.stop(), return_exceptions=True)
        for live in list(self._live.values()):
            await live.leave()
        await self._deliveries.close()

    # --- inside ---

    @property
    def _carriers_on_calls(self) -> list[Carrier]:
        return [live.carrier for live in self._live.values()]

    def _carries(self, carrier: Carrier, event: CarrierEvent) -> bool:
        live = self._find(carrier.name, event)
        return live is not None and live.carrier is carrier

    def _end_all(self, reason: EndReason) -> list[str]:
        living = [live for live in self._live.values() if not live.is_ending]
        for live in living:
            live.end(reason)
        return [live.call.id for live in living]

    async def _place(self, live: LiveCall) -> None:
        with self._accounts.holding(live.carrier):
            await place(live, self._settings.limits.ring_timeout_s, self._bus)

    def _find(self, carrier: CarrierName, event: CarrierEvent) -> LiveCall | None:
        live = self._live.get(event.call_id)
        if live is None:
            by_ref = (one for one in self._live.values() if one.call.carrier_ref)
            live = next((one for one in by_ref if one.call.carrier_ref == event.carrier_ref), None)
        return live if live is not None and live.call.carrier is carrier else None

    async def _react(
        self, carrier: Carrier, live: LiveCall | None, event: CarrierEvent
    ) -> Sequence[Step]:
        if live is not None:
            return await live.on_event(event)
        if event.kind is CarrierEventKind.INCOMING:
            taken = await self._take(carrier, event)
            if taken is not None:
                return await receive(*taken, event, self._bus)
            live = self._find(carrier.name, event)
            if live is not None:
                return await live.on_event(event)
        # A call that is over, or that this app does not know: it must not go on.
        if event.wants_steps:
            return [HangUp()]
        if event.kind in _BEGINNINGS:
            self._tasks.start(self._hang_up_stray(carrier, event.carrier_ref))
        return ()

    async def _hang_up_stray(self, carrier: Carrier, carrier_ref: str) -> None:
        with self._accounts.holding(carrier):
            await hang_up_for_certain(
                carrier,
                carrier_ref,
                self._settings.limits.max_call_duration_s,
                lambda error: tell(self._bus, ev.ErrorRaised.of(error)),
            )

    async def _take(
        self, carrier: Carrier, event: CarrierEvent
    ) -> tuple[LiveCall, InboundVerdict] | None:
        """Somebody calls in: store the call and decide about it; None if it is known already."""
        async with self._admitting:
            if await self._store.by_ref(carrier.name, event.carrier_ref) is not None:
                return None
            verdict = await decide(
                event,
                self._settings,
                self._store,
                live_count=len(self._live),
                is_chosen=carrier is self._accounts.chosen,
                is_closing=self._closing,
            )
            call = incoming_call(
                event, carrier.name, self._settings, verdict, self._orders.pipeline
            )
            if not isinstance(verdict, Refuse):
                call = self._explained(call)
            await self._store.plan(call)
            live = self._begin(call, carrier)
        live.needs_pairing = isinstance(verdict, AskPairing)
        if isinstance(verdict, Admit):
            live.trust = verdict.trust
        return live, verdict

    def _ready_carrier(self) -> Carrier:
        if self._closing:
            raise PhoneError(
                "PHONE-06", "Desktop Voice is being closed.", "Start it again, then call."
            )
        carrier = self._accounts.chosen
        if carrier is None:
            raise no_carrier()
        if not self._base():
            raise PhoneError(
                "PHONE-02",
                "The carrier cannot reach this machine at the moment, so nothing was dialled.",
                "See Calls > Phone set-up for what is wrong with the tunnel or the address.",
                retryable=True,
            )
        return carrier

    def _explained(self, call: Call) -> Call:
        """Return ``call`` with the reason why its pipeline is another than wished; tell it, too."""
        why = self._orders.step_down(call.pipeline)
        if why:
            tell(self._bus, ev.Notice(why, "Choose another pipeline in Settings > Phone."))
        return replace(call, detail=why)

    def _begin(self, call: Call, carrier: Carrier) -> LiveCall:
        live = LiveCall(call, carrier, self._room)
        self._live[call.id] = live
        self._accounts.hold(carrier)
        self._begun.append(call.id)
        tell(self._bus, ev.CallChanged(call))
        return live

    async def _find_live(self, call_id: str) -> LiveCall:
        live = self._live.get(call_id)
        if live is not None:
            return live
        if await self._store.get(call_id) is None:
            raise _no_such_call()
        raise PhoneError("PHONE-11", "The call is over.", "Look it up in the history.")

    async def _find_talking(self, call_id: str) -> tuple[LiveCall, Session]:
        live = await self._find_live(call_id)
        if live.session is None:
            raise PhoneError(
                "PHONE-12",
                "Nobody has answered the call yet.",
                "Wait until it is answered.",
                retryable=True,
            )
        return live, live.session

    def _forget(self, live: LiveCall) -> None:
        if self._live.pop(live.call.id, None) is not None:
            self._accounts.let_go(live.carrier)
        self.tickets.void(live.call.id)


def _no_such_call() -> PhoneError:
    return PhoneError(
        "PHONE-10", "There is no such call.", "See “desktop-voice calls” for the ids."
    )
