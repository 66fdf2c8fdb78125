"""A live call: its state, its session and its end; nothing here is shared."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import structlog

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import (
    Call,
    CallState,
    CallTrigger,
    CarrierName,
    EndReason,
    ImpossibleCallTransitionError,
    PipelineKind,
    next_call_state,
)
from desktop_voice.core.errors import DesktopVoiceError, PhoneError
from desktop_voice.storage.calls import CallStore
from desktop_voice.telephony import phrases
from desktop_voice.telephony.addresses import at, call_webhook
from desktop_voice.telephony.answer_watch import AnswerWatch
from desktop_voice.telephony.call_limits import CallLimits
from desktop_voice.telephony.carriers.carrier import Carrier, CarrierEvent, CarrierEventKind
from desktop_voice.telephony.end_watch import TOLD_WITHIN_S, EndWatch, end_reason, ended
from desktop_voice.telephony.failures import as_error, nothing_is_told, tell
from desktop_voice.telephony.hanging_up import hang_up_for_certain
from desktop_voice.telephony.inbound_policy import Trust
from desktop_voice.telephony.progress import Progress
from desktop_voice.telephony.recorder import Recorder
from desktop_voice.telephony.session import Session
from desktop_voice.telephony.speech_pace import SpeechPace
from desktop_voice.telephony.step_runner import StepRunner
from desktop_voice.telephony.steps import HangUp, Pause, Redirect, Say, Step
from desktop_voice.telephony.tasks import Tasks, happens

_log = structlog.get_logger()

_ANSWER_S = 2.0
_CLOSE_S = 5.0
_SAY_S = 5.0
_LAST_WORDS_S = 8.0
_RING_GRACE_S = 15.0

MakeSession = Callable[["LiveCall", bool], Session]
"""Makes who talks on a call; with True the carrier's own ears and voice, because others failed."""


@dataclass(frozen=True, slots=True)
class CallRoom:
    """What all live calls share: services, never anything of a conversation."""

    store: CallStore
    bus: EventBus
    base: Callable[[], str]
    ring_timeout_s: Callable[[], float]
    make_session: MakeSession
    forget: Callable[[LiveCall], None]


class LiveCall:
    """One call from its plan to its end; used on the media loop.

    Implements :class:`~desktop_voice.telephony.session.CallHandle`.
    """

    def __init__(self, call: Call, carrier: Carrier, room: CallRoom) -> None:
        self._call = call
        self._carrier = carrier
        self._room = room
        self._base = room.base()
        self.session: Session | None = None
        self.recorder = Recorder(call.id, room.store, room.bus)
        self.over = asyncio.Event()
        self.closed = asyncio.Event()
        self.progress = Progress.of(call, carrier)
        self.needs_pairing = False
        self.trust = Trust.GUEST
        self._end_watch = EndWatch()
        self._placed = asyncio.Event()
        self._answer_watch = AnswerWatch()
        self._planned = EndReason.NONE
        self._detail = ""
        self._has_begun = False
        self._has_fallen_back = False
        self._is_falling_back = False
        self._is_ending = False
        self._limits = CallLimits(call.soft_limit_s, call.hard_limit_s)
        self._pending: tuple[str, Sequence[Step]] = ("", ())
        self._tasks = Tasks(self._on_task_failure)
        self._runner = (
            None
            if carrier.takes_documents
            else StepRunner(
                lambda: self._call.carrier_ref,
                self._perform_now,
                self._on_own_event,
                self._on_step_failure,
            )
        )
        self._tasks.start(self._watch_end())

    @property
    def call(self) -> Call:
        """The call as it stands."""
        return self._call

    @property
    def carrier(self) -> Carrier:
        """The carrier that carries it."""
        return self._carrier

    @property
    def is_ending(self) -> bool:
        """Whether it is to end, or is over."""
        return self._is_ending or self.over.is_set()

    @property
    def base(self) -> str:
        """The public address that this call's webhooks were given."""
        return self._base

    # --- what the carrier tells ---

    async def on_event(self, event: CarrierEvent) -> Sequence[Step]:
        """Take a verified event; return the steps for the reply."""
        self._end_watch.heard()
        if event.carrier_ref != self._call.carrier_ref and self._may_be_renamed(event):
            await self._save(carrier_ref=event.carrier_ref)
            self._placed.set()
        steps = await self._react(event)
        if not event.wants_steps:
            await self.perform(steps)
            return ()
        if self._is_ending or self.over.is_set():
            return [HangUp()]
        # A document without further steps would end the call.
        return steps or [Pause(1), Redirect(self._url("poll"))]

    async def _react(self, event: CarrierEvent) -> Sequence[Step]:
        match event.kind:
            case CarrierEventKind.QUEUED:
                await self._move(CallTrigger.ACCEPTED)
            case CarrierEventKind.RINGING:
                await self._move(CallTrigger.RANG)
            case CarrierEventKind.ANSWERED:
                return await self._on_answered(event)
            case CarrierEventKind.ENDED:
                await self.finish(self._reason(event.end_reason))
            case CarrierEventKind.OTHER | CarrierEventKind.STREAM_STARTED:
                pass
            case CarrierEventKind.MACHINE:
                # It may come before there is a session, and outlives each.
                self.progress.delivery.heard(event.machine)
            case _:
                return await self._on_session_event(event)
        return ()

    async def _on_answered(self, event: CarrierEvent) -> Sequence[Step]:
        await self._move(CallTrigger.ANSWERED)
        if event.wants_steps or not self._carrier.takes_documents:
            return await self._begin_once()
        return ()

    async def _begin_once(self) -> Sequence[Step]:
        return () if self._has_begun or self._is_ending else await self.begin()

    async def pick_up(self) -> Sequence[Step]:
        """Answer an incoming call by the reply to its webhook; return its first steps."""
        await self._move(CallTrigger.ANSWERED)
        return await self.begin()

    async def begin(self) -> Sequence[Step]:
        """The call is answered: return its first steps."""
        self._has_begun = True
        return await self.use(self._room.make_session(self, False))

    async def use(self, session: Session) -> Sequence[Step]:
        """Let ``session`` talk from now on; return its first steps."""
        self.session = session
        steps = await session.begin()
        if self._call.pipeline is PipelineKind.GATHER:
            await self._move(CallTrigger.CONNECTED)
        return steps

    async def connected(self) -> None:
        """The media stream is open."""
        await self._move(CallTrigger.CONNECTED)

    async def _on_session_event(self, event: CarrierEvent) -> Sequence[Step]:
        turn, steps = self._pending
        if event.kind is CarrierEventKind.CONTINUE and turn and event.turn == turn:
            self._pending = ("", ())
            return steps
        if self._runner is not None:
            if event.kind is CarrierEventKind.SPOKEN and not self._runner.spoken(event.turn):
                # What was cut by other words ends after these began.
                return ()
            if event.kind in (CarrierEventKind.SPEECH, CarrierEventKind.DIGITS):
                self._runner.stirred()
        if self.session is None or self._is_ending or self.over.is_set():
            return ()
        return await self.session.on_event(event)

    async def _on_own_event(self, event: CarrierEvent) -> None:
        """An event that a document would have caused, on a carrier without documents."""
        if self.session is None or self._is_ending:
            return
        await self.perform(await self.session.on_event(event))

    # --- CallHandle ---

    async def perform(self, steps: Sequence[Step]) -> None:
        """Have the carrier do ``steps`` now, in place of what it was doing.

        Raises:
            PhoneError: It refused.
        """
        if not steps or self._is_ending or self.over.is_set():
            return
        if self._runner is not None:
            self._runner.run(steps)
            return
        turn = secrets.token_urlsafe(8)
        self._pending = (turn, steps)
        await self._carrier.perform(self._call.carrier_ref, steps, self._url("steps", turn))

    async def stop_speaking(self) -> None:
        """Cut the carrier's own voice, where it can be cut."""
        if self._runner is not None and not self._runner.is_speaking:
            return
        try:
            await self._carrier.stop_speaking(self._call.carrier_ref)
        except PhoneError as error:
            _log.info("carrier cannot stop speaking", code=error.code)

    def plan_end(self, reason: EndReason) -> None:
        """The steps that were returned end the call: this will have been the reason."""
        self._planned = reason

    def end(self, reason: EndReason, detail: str = "") -> None:
        """Hang up, for this reason."""
        if self._is_ending or self.over.is_set():
            return
        self._is_ending = True
        self._planned = reason
        self._detail = detail
        self._tasks.start(self._hang_up())

    def fall_back(self, why: str) -> None:
        """The session cannot go on: the carrier's own ears and voice take over."""
        if self._is_ending or self._is_falling_back or self.over.is_set():
            return
        self._is_falling_back = True
        self._tasks.start(self._fall_back(why))

    # --- what people ask for ---

    async def extend(self, seconds: int) -> int:
        """Move the soft limit by up to ``seconds``; return how many were won."""
        won_s = self._limits.extend(seconds)
        await self._save(soft_limit_s=self._call.soft_limit_s + won_s)
        return won_s

    async def placed(self, carrier_ref: str) -> None:
        """The carrier took the order."""
        if not self._call.carrier_ref:
            await self._save(carrier_ref=carrier_ref)
        await self._move(CallTrigger.ACCEPTED)
        self._placed.set()
        if not self.over.is_set():
            self._tasks.start(self._watch_ringing())
            if not self._carrier.takes_documents:
                self._tasks.start(self._watch_first_news())
                self._tasks.start(self._watch_untold_answer(carrier_ref))

    def picked_up(self) -> None:
        """The carrier took the command to answer: the caller hears us, whatever it tells."""
        self._tasks.start(self._watch_own_answer())

    async def finish(self, reason: EndReason, detail: str = "") -> None:
        """The call is over; may be called again."""
        if self.over.is_set():
            return
        try:
            await self._stop()
            await self._move(
                CallTrigger.ENDED,
                reason=reason,
                detail=detail or self._detail or self._call.detail,
                ended_at=datetime.now(UTC),
            )
        finally:
            # Whatever fails: it takes up no line any more, and nobody waits for it.
            self._room.forget(self)
            self.closed.set()

    async def leave(self) -> None:
        """The app goes, and the carrier has not confirmed the end: the next start asks it."""
        if self.over.is_set():
            await self.closed.wait()
            return
        await self._stop()
        self._room.forget(self)
        self.closed.set()

    # --- inside ---

    async def _stop(self) -> None:
        """End all that goes on here."""
        self.over.set()
        self._placed.set()
        if self._runner is not None:
            self._runner.stop()
        await self._tasks.stop()
        try:
            async with asyncio.timeout(_CLOSE_S):
                if self.session is not None:
                    await self.session.close()
                await self.recorder.close()
        except Exception as error:  # noqa: BLE001 - the end must be stored in any case
            self._tell(ev.ErrorRaised.of(as_error(error)))

    def _url(self, what: Any, turn: str = "") -> str:  # noqa: ANN401 - a literal's name
        return at(call_webhook(self._base, self._call.carrier, self._call.id), what, turn)

    def _reason(self, told: EndReason) -> EndReason:
        return end_reason(self._call, told, self._planned)

    async def _perform_now(self, step: Step, turn: str) -> Sequence[Step]:
        return await self._carrier.perform(self._call.carrier_ref, [step], self._url("steps", turn))

    def _on_step_failure(self, error: DesktopVoiceError) -> None:
        self._tell(ev.ErrorRaised.of(error))
        self.fall_back(error.what)

    async def _move(self, trigger: CallTrigger, **changes: Any) -> None:  # noqa: ANN401
        try:
            state = next_call_state(self._call.state, trigger)
        except ImpossibleCallTransitionError:
            _log.warning("call event out of place", state=self._call.state, trigger=trigger)
            return
        if state is self._call.state:
            _log.debug("call event came late", state=state, trigger=trigger)
            return
        if state in (CallState.ANSWERED, CallState.TALKING) and self._call.answered_at is None:
            changes["answered_at"] = datetime.now(UTC)
            self._answer_watch.heard()
            self._tasks.start(self._keep_limits())
        _log.info("call moved", call=self._call.id, state=state)
        await self._save(state=state, **changes)

    async def _save(self, **changes: Any) -> None:  # noqa: ANN401 - fields of a call
        before, self._call = self._call, replace(self._call, **changes)
        try:
            await self._room.store.update(self._call)
        except Exception as error:  # noqa: BLE001 - a call that goes on must be led to its end
            # What the store could not take, the carrier still knows.
            self._tell(ev.ErrorRaised.of(as_error(error)))
        if replace(before, carrier_ref=self._call.carrier_ref) != self._call:
            self._tell(ev.CallChanged(self._call))

    async def _hang_up(self) -> None:
        await self._move(CallTrigger.HANG_UP_ASKED)
        if not self._call.carrier_ref:
            await self._placed.wait()
        if self._runner is not None:
            self._runner.stop()
        # The carrier's webhook ends the call here, and this task with it, where it comes.
        await hang_up_for_certain(
            self._carrier,
            self._call.carrier_ref,
            self._call.hard_limit_s,
            lambda error: self._tell(ev.ErrorRaised.of(error)),
        )
        await self.finish(self._planned)

    async def _fall_back(self, why: str) -> None:
        if self._has_fallen_back:
            await self._give_up(why)
            return
        self._has_fallen_back = True
        why = why.removesuffix(".")
        _log.warning("call falls back to the carrier's voice", why=why)
        self._tell(ev.Notice(f"A call goes on with the carrier's own voice: {why}."))
        old, session = self.session, self._room.make_session(self, True)
        await self._save(
            pipeline=PipelineKind.GATHER, detail=f"Fell back to the carrier's voice: {why}."
        )
        try:
            await self.perform(await self.use(session))
        except PhoneError as error:
            self._tell(ev.ErrorRaised.of(error))
            await self._give_up(error.what)
        finally:
            self._is_falling_back = False
            if old is not None:
                await old.close()

    async def _give_up(self, why: str) -> None:
        if remote := await ended(self._carrier, self._call.carrier_ref):
            await self.finish(self._reason(remote.end_reason))
            return
        self._planned = EndReason.ENGINE_FAILED
        try:
            await self.perform([Say(phrases.GIVING_UP), HangUp()])
            await happens(self.over, SpeechPace().longest_s(phrases.GIVING_UP))
        except PhoneError as error:
            _log.info("last words could not be said", code=error.code)
        self.end(EndReason.ENGINE_FAILED, why)

    async def _watch_ringing(self) -> None:
        if not await self._answer_watch.is_told(self._room.ring_timeout_s() + _RING_GRACE_S):
            self.end(EndReason.NO_ANSWER)

    async def _watch_end(self) -> None:
        remote = await self._end_watch.over(self._carrier, lambda: self._call.carrier_ref)
        await self.finish(self._reason(remote.end_reason))

    async def _watch_first_news(self) -> None:
        """Nobody is kept on a line on which their answer would not be told."""
        if await self._end_watch.is_told(TOLD_WITHIN_S):
            return
        error = nothing_is_told()
        self._tell(ev.ErrorRaised.of(error))
        self.end(EndReason.FAILED, error.what)

    async def _watch_own_answer(self) -> None:
        if not await self._answer_watch.is_told(_ANSWER_S):
            await self._begin_untold()

    async def _watch_untold_answer(self, carrier_ref: str) -> None:
        is_answered = await self._answer_watch.found(self._carrier, carrier_ref)
        # A call of which nothing is ever told is about to be hung up, and not greeted before.
        if is_answered and await self._end_watch.is_told(TOLD_WITHIN_S):
            await self._begin_untold()

    async def _begin_untold(self) -> None:
        _log.warning("carrier did not tell that a call is answered")
        await self._move(CallTrigger.ANSWERED)
        await self.perform(await self._begin_once())

    async def _keep_limits(self) -> None:
        reason = await self._limits.reached(self._warn)
        if self._is_ending:
            return
        self._planned = reason
        await self._say_if_possible(phrases.LIMIT_REACHED, at_once=True)
        if not await happens(self.over, _LAST_WORDS_S):
            self.end(reason)

    async def _warn(self, left_s: int) -> None:
        if self._is_ending:
            return
        self._tell(ev.CallLimitNear(self._call.id, left_s))
        await self._say_if_possible(phrases.LIMIT_NEAR)

    async def _say_if_possible(self, text: str, *, at_once: bool = False) -> None:
        if self.session is None:
            return
        try:
            async with asyncio.timeout(_SAY_S):
                await self.session.speak(text, at_once=at_once)
        except (DesktopVoiceError, TimeoutError) as error:
            _log.warning("could not be said on a call", error=type(error).__name__)

    def _may_be_renamed(self, event: CarrierEvent) -> bool:
        """Whether the carrier's id is news: the first, or what Plivo makes of its request's id."""
        is_first = not self._call.carrier_ref
        is_request = self._call.carrier is CarrierName.PLIVO and not self._has_begun
        return bool(event.carrier_ref) and (is_first or is_request)

    def _tell(self, event: ev.Event) -> None:
        tell(self._room.bus, event)

    def _on_task_failure(self, error: BaseException) -> None:
        _log.error("call task failed", exc_info=error)
        self.end(EndReason.ENGINE_FAILED, f"Something failed ({type(error).__name__}).")
