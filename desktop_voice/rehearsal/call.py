"""A call on the network: its states, its sound both ways, its limits and its end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Protocol

from desktop_voice.audio.frames import Pcm
from desktop_voice.rehearsal.call_clock import CallClock
from desktop_voice.rehearsal.far_end import FarEnd
from desktop_voice.rehearsal.far_end_plan import FarEndPlan
from desktop_voice.rehearsal.handset import Handset
from desktop_voice.rehearsal.playout import Playout
from desktop_voice.rehearsal.reports import Reporter

Direction = Literal["inbound", "outbound"]
"""As the app sees it: somebody calls the app, or the app calls somebody."""

Party = Literal["app", "far_end", "network"]


class State(StrEnum):
    """Where a call stands; it only ever goes forward."""

    QUEUED = "queued"
    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    ENDED = "ended"


class Cause(StrEnum):
    """Why a call ended, in no carrier's words."""

    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    FAILED = "failed"
    TIME_LIMIT = "time-limit"


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a call ended and who ended it."""

    cause: Cause
    by: Party


@dataclass(frozen=True, slots=True)
class Digit:
    """A key that the far end pressed."""

    key: str


Heard = Pcm | Digit
"""20 ms of the far end's sound (320 samples at 16 kHz), or a key."""


class Side(Protocol):
    """What a call needs of its carrier: the part of a dialect that hears of states."""

    name: str

    def on_state(self, call: NetworkCall) -> None:
        """See :meth:`desktop_voice.rehearsal.dialect.Dialect.on_state`."""


class Host(Protocol):
    """What a call needs of its network."""

    reports: Reporter

    def make_far_end(self, call: NetworkCall) -> FarEnd:
        """Return who is at the other end."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something that may outlive the call."""

    def report_failure(self, error: BaseException) -> None:
        """Report that the rehearsal itself has failed at something."""


class Hearing:
    """One listener's queue of what the far end says and presses."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Heard | None] = asyncio.Queue()

    def put(self, heard: Heard | None) -> None:
        """Add what was heard; ``None`` closes the queue."""
        self._queue.put_nowait(heard)

    async def __aiter__(self) -> AsyncIterator[Heard]:
        """Yield what is heard as it is heard, until the call ends."""
        while (heard := await self._queue.get()) is not None:
            yield heard


class NetworkCall:
    """One call. Event loop only.

    Attributes:
        ref: The carrier's id of it.
        direction: As the app sees it.
        from_number: E.164, or ``anonymous``.
        to_number: E.164.
        state: Where it stands.
        ending: Why and by whom it ended, once it has.
        created_s: When it was asked for, seconds since the epoch; likewise the other times.
        stir: The attestation of the caller's number, ``A``, ``B``, ``C`` or empty.
        playout: What the app's side plays; the far end hears it in real time.
        handset: The far end's side of the sound.
        far_end: Who is there; ``await call.far_end.detect(...)`` is answering machine detection.
        notes: For the dialect: what else it must remember of the call.
    """

    def __init__(
        self,
        side: Side,
        ref: str,
        direction: Direction,
        from_number: str,
        to_number: str,
        *,
        plan: FarEndPlan,
        network: Host,
        ring_timeout_s: float = 60.0,
        time_limit_s: float = 14_400.0,
        stir: str = "",
    ) -> None:
        self.carrier = side.name
        self.ref = ref
        self.direction = direction
        self.from_number = from_number
        self.to_number = to_number
        self.plan = plan
        self.ring_timeout_s = ring_timeout_s
        self.time_limit_s = time_limit_s
        self.stir = stir
        self.state = State.QUEUED
        self.ending: Ending | None = None
        self.created_s = time.time()
        self.answered_s: float | None = None
        self.ended_s: float | None = None
        self.playout = Playout()
        self.handset = Handset(on_digit=self._pressed)
        self.notes: dict[str, Any] = {}
        self.clock = CallClock(self.playout, self.handset, self._hear)
        self._side = side
        self._network = network
        self._hearings: list[Hearing] = []
        self._ended = asyncio.Event()
        self._closed = asyncio.Event()
        self._answered = asyncio.Event()
        self._program: asyncio.Task[None] | None = None
        self._life: asyncio.Task[None] | None = None
        self.far_end = network.make_far_end(self)

    @property
    def live(self) -> bool:
        """Whether it has not ended."""
        return self.state is not State.ENDED

    @property
    def duration_s(self) -> float:
        """Seconds from the answer to the end or to now; 0 if it was not answered."""
        if self.answered_s is None:
            return 0.0
        return (self.ended_s or time.time()) - self.answered_s

    def answer(self) -> None:
        """Take the call: the app's side of an inbound one, the far end of an outbound one."""
        if self.state not in (State.QUEUED, State.RINGING):
            return
        self.answered_s = time.time()
        self._move(State.IN_PROGRESS)
        self._answered.set()

    def end(self, cause: Cause = Cause.COMPLETED, by: Party = "app") -> None:
        """End the call; a second end is no end."""
        if not self.live:
            return
        self.ending = Ending(cause, by)
        self.ended_s = time.time()
        self._ended.set()
        self._move(State.ENDED)

    def far_hangs_up(self) -> None:
        """The far end hangs up, or gives up while it rings."""
        answered = self.state is State.IN_PROGRESS
        self.end(Cause.COMPLETED if answered else Cause.CANCELLED, "far_end")

    async def answered(self) -> None:
        """Wait for the answer, which may never come."""
        await self._answered.wait()

    async def ended(self) -> None:
        """Wait for the end."""
        await self._ended.wait()

    async def closed(self) -> None:
        """Wait until it has ended and everything about it has been reported."""
        await self._closed.wait()

    def run(self, program: Coroutine[Any, Any, None]) -> None:
        """Carry out instructions; those that run now are dropped, and all are at the call's end.

        What the dropped ones had queued for playing is dropped too. May be called from inside the
        running program, which then must return at once.
        """
        old, self._program = self._program, self._network.spawn(program)
        self.playout.clear()
        if old is not None and old is not asyncio.current_task():
            old.cancel()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside the instructions that outlives the call, as a status callback."""
        self._network.spawn(work)

    @contextmanager
    def hearing(self) -> Iterator[Hearing]:
        """Listen: ``with call.hearing() as ears: async for heard in ears``."""
        hearing = Hearing()
        if not self.live:
            hearing.put(None)
        self._hearings.append(hearing)
        try:
            yield hearing
        finally:
            self._hearings.remove(hearing)

    def send_digits(self, digits: str) -> None:
        """Let the far end hear keys from the app; reported as ``far_digits``."""
        self.handset.hear_digits(digits)
        self.report("far_digits", {"digits": digits})

    def report(self, kind: str, fields: Mapping[str, object]) -> None:
        """Report something about this call."""
        self._network.reports.report(kind, {"ref": self.ref, "carrier": self.carrier, **fields})

    def describe(self) -> dict[str, object]:
        """Return where the call stands, ready for JSON; at the end with what was measured."""
        fields: dict[str, object] = {
            "ref": self.ref,
            "carrier": self.carrier,
            "direction": self.direction,
            "from": self.from_number,
            "to": self.to_number,
            "state": self.state.value,
        }
        if self.ending is not None:
            fields |= {
                "cause": self.ending.cause.value,
                "by": self.ending.by,
                "duration_s": round(self.duration_s, 3),
                **self.clock.figures(),
            }
        return fields

    def start(self) -> None:
        """Begin to live: ringing, the far end's behaviour, the limits. Called by the network."""
        self._life = self._network.spawn(self._live())

    async def _live(self) -> None:
        if self.state is State.QUEUED:
            self._move(State.RINGING)
        try:
            if self.direction == "outbound":
                await self._ring()
            else:
                await self._wait_for_answer()
            if self.state is State.IN_PROGRESS:
                await self._talk()
        finally:
            await self.far_end.close()
            self._report_state()
            self._closed.set()

    async def _ring(self) -> None:
        answer = self.plan.answer
        if answer == "no_answer" or self.plan.ring_ms / 1000 >= self.ring_timeout_s:
            await self._end_unless_over(self.ring_timeout_s, Cause.NO_ANSWER, "network")
            return
        cause = {"busy": Cause.BUSY, "reject": Cause.REJECTED}.get(answer)
        if cause is not None:
            await self._end_unless_over(self.plan.ring_ms / 1000, cause, "far_end")
            return
        if not await self._over_within(self.plan.ring_ms / 1000):
            self.answer()

    async def _wait_for_answer(self) -> None:
        """The caller waits until the app answers, and gives up after the ring timeout."""
        waits = [asyncio.create_task(e.wait()) for e in (self._answered, self._ended)]
        try:
            await asyncio.wait(
                waits, timeout=self.ring_timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for wait in waits:
                wait.cancel()
        if self.state is State.RINGING:
            self.end(Cause.NO_ANSWER, "far_end")

    async def _talk(self) -> None:
        tasks = [
            asyncio.create_task(self.clock.run()),
            asyncio.create_task(self.far_end.run()),
        ]
        for task in tasks:
            task.add_done_callback(self._sound_stopped)
        try:
            await self._end_unless_over(self.time_limit_s, Cause.TIME_LIMIT, "network")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _sound_stopped(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._network.report_failure(error)
            self.end(Cause.FAILED, "network")

    async def _end_unless_over(self, after_s: float, cause: Cause, by: Party) -> None:
        if not await self._over_within(after_s):
            self.end(cause, by)

    async def _over_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._ended.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def _move(self, state: State) -> None:
        self.state = state
        if state is State.ENDED:
            for hearing in self._hearings:
                hearing.put(None)
            if self._program is not None and self._program is not asyncio.current_task():
                self._program.cancel()
            self.playout.clear()
        else:
            self._report_state()
        self._side.on_state(self)

    def _report_state(self) -> None:
        self._network.reports.report("call", self.describe())

    def _hear(self, pcm: Pcm) -> None:
        for hearing in self._hearings:
            hearing.put(pcm)

    def _pressed(self, key: str) -> None:
        self.clock.far_pressed()
        for hearing in self._hearings:
            hearing.put(Digit(key))
