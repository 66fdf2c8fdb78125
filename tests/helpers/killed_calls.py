"""Calls whose phone is killed at a random point, and what must be true after its restart."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from desktop_voice.core.calls import CallState
from desktop_voice.rehearsal.process import RehearsalProcess, Report
from desktop_voice.storage.calls import CallStore
from tests.helpers.phone_child import ChildPlan, Role
from tests.helpers.phone_nursery import Line, PhoneNursery

CARRIERS = ("twilio", "telnyx", "plivo")
CLEAN_WITHIN_S = 10.0
"""How soon after the restart the carrier must have no call left."""
TIDY_WITHIN_S = 40.0
INBOUND_SHARE = 0.2
DELAYED_SHARE = 0.15
"""How many orders the carrier carries out late, so that the kill can fall before that."""

_AREAS = (212, 312, 206, 305, 617, 213, 303, 404, 503, 702)
_FAR_END: dict[str, Any] = {
    "kind": "script",
    "gap_ms": 400,
    "transcribe": False,
    "steps": [{"say": "What time is it?"}, {"say": "Okay, bye bye."}],
}
# What is waited for (a line's type, and a call's state or how many there were), and how long after
# it the kill may fall.
_MOMENTS: tuple[tuple[str, str | int, float], ...] = (
    ("start", "", 0.15),
    ("asked", "", 0.03),
    ("call", "planned", 0.05),
    ("call", "planned", 0.3),
    ("call", "ringing", 0.3),
    ("call", "talking", 2.0),
    ("user_turn", 1, 1.5),
    ("assistant_turn", 2, 2.0),
    ("user_turn", 2, 1.5),
    ("call", "ended", 0.1),
)


@dataclass(frozen=True)
class KillPoint:
    """When one phone is killed.

    Attributes:
        number: Of the point; the far end's number and the public base follow from it.
        moment: What it had told last.
        after_s: How long after that it is killed.
        create_delay_ms: The carrier carries an order out so late; 0: at once.
    """

    number: int
    carrier: str
    role: Role
    moment: tuple[str, str | int]
    after_s: float
    create_delay_ms: int = 0

    @property
    def far(self) -> str:
        """The far end's number, which belongs to this point alone."""
        return f"+1{_AREAS[self.number // 100]}55501{self.number % 100:02d}"


@dataclass(frozen=True)
class Outcome:
    """What came of a point; ``problems`` is empty if all was as it must be.

    Attributes:
        acknowledged: How many lines of talk the user had seen.
        creates: How many calls the carrier was asked for.
        was_alive: Whether the carrier had the call when the phone died.
        was_taken_again: Whether a caller whom the dead phone did not know yet got through to the
            restarted one.
        clean_s: How long after the restart the carrier's last call was over.
        tidy_s: How long after the restart the phone's own records were settled.
    """

    point: KillPoint
    problems: tuple[str, ...]
    acknowledged: int
    creates: int
    was_alive: bool
    was_taken_again: bool
    clean_s: float
    tidy_s: float


def random_points(seed: int, count: int) -> list[KillPoint]:
    """Return points of all carriers, both directions and all moments of a call."""
    dice = random.Random(seed)  # noqa: S311 - to be repeated
    points = []
    for number in range(count):
        kind, which, span_s = dice.choice(_MOMENTS)
        role: Role = "is_called" if dice.random() < INBOUND_SHARE else "calls"
        delayed = role == "calls" and dice.random() < DELAYED_SHARE
        points.append(
            KillPoint(
                number,
                CARRIERS[number % len(CARRIERS)],
                role,
                (kind, which),
                dice.uniform(0.0, span_s),
                dice.randrange(50, 1500) if delayed else 0,
            )
        )
    return points


class KilledCalls:
    """Holds calls on one rehearsal carrier, several at once; ``async with``, on one event loop.

    Attributes:
        rehearsal: The carrier, which outlives every phone.
        nursery: The phones.
    """

    def __init__(self, folder: Path, at_once: int = 8) -> None:
        self.rehearsal = RehearsalProcess(self._note)
        self.nursery = PhoneNursery()
        self._calls: dict[str, Report] = {}
        self._ended_s: dict[str, float] = {}
        self._news = asyncio.Event()
        self._folder = folder
        self._at_once = asyncio.Semaphore(at_once)
        # A number's calls go to one phone at a time.
        self._inbound = {carrier: asyncio.Lock() for carrier in CARRIERS}

    async def __aenter__(self) -> KilledCalls:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.rehearsal)
            await stack.enter_async_context(self.nursery)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._stack.aclose()

    def _note(self, report: Report) -> None:
        if report["type"] == "call":
            self._calls[report["ref"]] = report
            if report["state"] == "ended":
                self._ended_s[report["ref"]] = time.monotonic()
            self._news.set()

    async def run(self, points: Sequence[KillPoint]) -> list[Outcome]:
        """Hold a call for each point; return what came of them."""
        outcomes = await asyncio.gather(*(self._one(point) for point in points))
        calls = await self.rehearsal.calls()
        return [replace(o, problems=(*o.problems, *_at_the_end(o, calls))) for o in outcomes]

    async def _one(self, point: KillPoint) -> Outcome:
        if point.role == "is_called":
            async with self._inbound[point.carrier]:
                return await self._hold(point)
        return await self._hold(point)

    async def _hold(self, point: KillPoint) -> Outcome:
        async with self._at_once:
            first = self.plan(point)
            await self.hold_and_kill(point, first)
            was_alive = bool(self.calls_with(point.far, live_only=True))
            started_s = time.monotonic()
            second = await self.restart(first)
        return await self.judge(point, first, second, started_s, was_alive)

    def plan(self, point: KillPoint) -> ChildPlan:
        """Return the phone of a point."""
        card, home = self.rehearsal.card, self._folder / f"home-{point.number}"
        home.mkdir()
        return ChildPlan(
            self.nursery.new_number(),
            point.role,
            point.carrier,
            card.api_base(point.carrier),
            card.credentials[point.carrier],
            card.numbers[point.carrier],
            point.far,
            f"https://phone-{point.number}.localhost",
            str(home),
        )

    async def begin(self, point: KillPoint, phone: ChildPlan, ring_ms: int = 150) -> None:
        """Start a phone, and let its call begin."""
        far_end = {**_FAR_END, "ring_ms": ring_ms}
        nursery, rehearsal = self.nursery, self.rehearsal
        await nursery.start(phone)
        await rehearsal.tunnel(phone.public_base, await nursery.ready(phone))
        if point.create_delay_ms:
            await rehearsal.fault(
                point.carrier, "rest:create", "delay", after_ms=point.create_delay_ms
            )
        if point.role == "calls":
            await rehearsal.far_end(point.far, **far_end)
            await nursery.go(phone)
        else:
            await nursery.go(phone)
            await nursery.told(phone.child, lambda line: line["type"] == "takes_calls")
            await rehearsal.dial(point.carrier, point.far, stir="A", **far_end)

    async def hold_and_kill(self, point: KillPoint, phone: ChildPlan) -> None:
        """Hold the point's call until its moment, and kill the phone then."""
        if point.moment[0] == "start":
            await self.nursery.start(phone)
        else:
            await self.begin(point, phone)
            await self.nursery.told(phone.child, lambda _line: self._has_come(point, phone))
        await asyncio.sleep(point.after_s)
        await self.nursery.kill(phone)

    async def restart(self, first: ChildPlan, *, moves_tunnel: bool = True) -> ChildPlan:
        """Start the phone again on the same files; return when it listens."""
        again = replace(first, child=self.nursery.new_number(), role="tidies_up")
        await self.nursery.start(again)
        origin = await self.nursery.ready(again)
        if moves_tunnel:
            await self.rehearsal.tunnel(again.public_base, origin)
        return again

    async def judge(
        self,
        point: KillPoint,
        first: ChildPlan,
        second: ChildPlan,
        started_s: float,
        was_alive: bool,
    ) -> Outcome:
        """Wait until all is settled, end the phone, and look whether anything was lost."""
        nursery = self.nursery
        await self.tidy(second)
        tidy_s = time.monotonic() - started_s
        await self._all_over(point.far)
        ends_s = [self._ended_s[ref] for ref in self.calls_with(point.far)]
        clean_s = max([*ends_s, started_s]) - started_s
        later = nursery.lines[second.child]
        known = {line["id"] for line in nursery.lines[first.child] if line["type"] == "call"}
        was_taken_again = any(
            line["type"] == "call" and line["state"] != "ended" and line["id"] not in known
            for line in later
        )
        await self.settled(second)
        shown = nursery.lines[first.child]
        problems = await _lost(Path(first.home) / "calls.db", shown, later)
        if clean_s > CLEAN_WITHIN_S and not was_taken_again:
            problems.append(f"alive at the carrier until {clean_s:.1f} s after the restart")
        calls = self.calls_with(point.far)
        creates = sum(self._calls[ref]["direction"] == "outbound" for ref in calls)
        if was_taken_again and point.role == "calls":
            problems.append(f"the restarted phone began a call: {later}")
        if any(_has_been_placed(line) for line in shown) and creates != 1:
            problems.append(f"{creates} calls were created, not one")
        problems += [f"an error was shown: {line}" for line in shown if line["type"] == "error"]
        talk = sum(line["type"].endswith("_turn") for line in shown)
        return Outcome(
            point, tuple(problems), talk, creates, was_alive, was_taken_again, clean_s, tidy_s
        )

    async def tidy(self, second: ChildPlan) -> None:
        """Wait until a restarted phone has nothing left of its former run."""
        await self.nursery.told(second.child, lambda line: line["type"] == "tidy", TIDY_WITHIN_S)

    async def settled(self, second: ChildPlan) -> None:
        """Wait until a restarted phone is tidy, and end it as people do."""
        await self.tidy(second)
        await self.nursery.go(second)
        await self.nursery.told(second.child, lambda line: line["type"] == "closed")
        await self.nursery.kill(second)

    def calls_with(self, far: str, *, live_only: bool = False) -> list[str]:
        """Return the carrier's calls with a far end."""
        return [
            ref
            for ref, report in self._calls.items()
            if far in (report["from"], report["to"])
            and not (live_only and report["state"] == "ended")
        ]

    async def _all_over(self, far: str) -> None:
        async with asyncio.timeout(TIDY_WITHIN_S):
            while self.calls_with(far, live_only=True):
                self._news.clear()
                await self._news.wait()

    def _has_come(self, point: KillPoint, phone: ChildPlan) -> bool:
        kind, which = point.moment
        lines = self.nursery.lines[phone.child]
        if any(line["type"] == "call" and line["state"] == "ended" for line in lines):
            return True
        of_kind = [line for line in lines if line["type"] == kind]
        if kind == "call":
            states = [str(state) for state in CallState]
            return any(states.index(line["state"]) >= states.index(str(which)) for line in of_kind)
        if point.role == "is_called" and kind == "asked":
            # Nobody asks before a call comes in.
            return True
        return len(of_kind) >= int(which or 1)


def _has_been_placed(line: Line) -> bool:
    """Whether a line tells that the carrier had taken the order."""
    placed = ("queued", "ringing", "answered", "talking")
    return line["type"] == "call" and line["direction"] == "outbound" and line["state"] in placed


def _at_the_end(outcome: Outcome, calls: Sequence[Report]) -> list[str]:
    """Return what is wrong once every phone of the run is settled."""
    far = outcome.point.far
    with_it = [call for call in calls if far in (call["from"], call["to"])]
    problems = [f"alive in the end: {call}" for call in with_it if call["state"] != "ended"]
    creates = sum(call["direction"] == "outbound" for call in with_it)
    if creates > 1:
        problems.append(f"dialled {creates} times")
    if creates != outcome.creates:
        problems.append(f"{creates - outcome.creates} calls were created after all was settled")
    return problems


async def _lost(database: Path, shown: Sequence[Line], later: Sequence[Line]) -> list[str]:
    """Return what was shown and is not in the database, and which calls are not over there."""
    problems = []
    store = await CallStore.open(database)
    try:
        stored = {call.id: call for call in await store.history()}
        if store.problem is not None:
            problems.append(f"the database was damaged: {store.problem}")
        problems += [f"not over: {c.id} {c.state}" for c in stored.values() if c.state.is_live]
        for line in [*shown, *later]:
            if line["type"] != "call":
                continue
            call = stored.get(line["id"])
            if call is None:
                problems.append(f"a call was shown and is not stored: {line}")
            elif line["state"] == "ended" and call.reason != line["reason"]:
                problems.append(f"shown as {line['reason']}, stored as {call.reason}")
        for call_id in stored:
            said = [
                ("caller" if line["type"] == "user_turn" else "assistant", line["text"])
                for line in shown
                if line["type"].endswith("_turn") and line["line"] == call_id
            ]
            kept = [(one.role, one.text) for one in await store.transcript(call_id)]
            if kept[: len(said)] != said:
                problems.append(f"shown {said}, stored {kept}")
        strangers = {line["line"] for line in shown if line["type"].endswith("_turn")}
        problems += [f"words of no stored call {one}" for one in strangers - set(stored)]
    finally:
        await store.close()
    return problems
