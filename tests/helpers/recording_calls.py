"""A phone that writes down what it is asked for, with real approvals and no carrier."""

from __future__ import annotations

from typing import Literal

from desktop_voice.core.approvals import Approval, CallOrder
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import Call, CallMode, TranscriptLine
from desktop_voice.core.errors import PhoneError
from desktop_voice.core.events import ApprovalRequested, ApprovalSettled
from desktop_voice.core.numbers import read_number, why_refused
from desktop_voice.storage.calls import CallStore
from desktop_voice.telephony.approvals import Approvals
from tests.helpers.calls import NOON, a_call, an_order
from tests.helpers.virtual_clock import VirtualClock

OWN_NUMBER = "+14155550100"


class RecordingCalls:
    """Implements :class:`~desktop_voice.core.ports.CallActions`.

    Attributes:
        live: The calls that go on.
        lines: What was said on each of them.
        done: What was done on calls, as tuples of the method and its arguments.
        settled: How often anybody tried to settle an approval.
        placed: The orders that were dialled.
        outcomes: How approvals ended.
    """

    def __init__(self, store: CallStore, bus: EventBus, clock: VirtualClock) -> None:
        self.live: list[Call] = []
        self.lines: list[TranscriptLine] = []
        self.done: list[tuple[str, ...]] = []
        self.settled = 0
        self.placed: list[CallOrder] = []
        self.outcomes: list[str] = []
        self.asked: list[Approval] = []
        self.approvals = Approvals(store, bus, clock)
        bus.on(ApprovalRequested, lambda event: self.asked.append(event.approval))
        bus.on(ApprovalSettled, lambda event: self.outcomes.append(event.outcome))

    async def deny_all(self) -> None:
        """Do what a user does who wants none of it: press “Do not call” on every question."""
        for approval in self.asked[len(self.outcomes) :]:
            await self.approvals.settle(approval.id, False)

    async def request_call(
        self,
        number: str,
        mode: CallMode,
        message: str,
        origin: Literal["window", "terminal", "assistant"],
        *,
        at_night: bool = False,
    ) -> Approval:
        """Put a wish before the user."""
        e164 = read_number(number, "US")
        refusal = why_refused(e164, [OWN_NUMBER], "US", ["GB"])
        if refusal is not None:
            raise refusal
        return await self.approvals.ask(
            an_order(number=e164, mode=mode, message=message, origin=origin, at_night=at_night)
        )

    async def settle_approval(self, approval_id: str, approved: bool) -> Call | None:
        """Take the user's answer, and dial."""
        self.settled += 1
        order = await self.approvals.settle(approval_id, approved)
        if order is None:
            return None
        await self.approvals.consume(approval_id, order)
        self.placed.append(order)
        return a_call(number=order.number, created_at=NOON)

    async def speak(self, call_id: str, text: str) -> None:
        """Say something on a call."""
        await self.call(call_id)
        self.done.append(("speak", call_id, text))

    async def hang_up(self, call_id: str) -> None:
        """End a call."""
        await self.call(call_id)
        self.done.append(("hang_up", call_id))

    async def hang_up_all(self) -> list[str]:
        """End all calls."""
        ids = [call.id for call in self.live]
        for call_id in ids:
            await self.hang_up(call_id)
        return ids

    async def send_dtmf(self, call_id: str, digits: str) -> None:
        """Press keys."""
        await self.call(call_id)
        self.done.append(("send_dtmf", call_id, digits))

    async def extend(self, call_id: str, seconds: int = 300) -> int:
        """Move the soft limit."""
        self.done.append(("extend", call_id))
        return seconds

    async def settle_pairing(self, call_id: str, approved: bool) -> None:
        """Let a caller in."""
        self.done.append(("settle_pairing", call_id, str(approved)))

    async def live_calls(self) -> list[Call]:
        """Return the calls that go on."""
        return list(self.live)

    async def call(self, call_id: str) -> Call:
        """Return a call."""
        for call in self.live:
            if call.id == call_id:
                return call
        raise PhoneError("PHONE-10", "There is no such call.", "Look at the list of calls.")

    async def transcript(self, call_id: str) -> list[TranscriptLine]:
        """Return what was said."""
        await self.call(call_id)
        return [line for line in self.lines if line.call_id == call_id]

    async def history(self, words: str = "", limit: int = 50, before: str = "") -> list[Call]:
        """Return no calls."""
        return []
