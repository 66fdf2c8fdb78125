"""A running app as the local API sees it, kept in memory."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Literal

from desktop_voice.core.approvals import Approval, CallOrder
from desktop_voice.core.calls import (
    Call,
    CallMode,
    CallState,
    CarrierName,
    Direction,
    EndReason,
    PipelineKind,
    TranscriptLine,
)
from desktop_voice.core.errors import AudioError, PhoneError
from desktop_voice.server.local_api import LocalApi
from desktop_voice.telephony.carriers.carrier import Health
from tests.helpers.virtual_clock import VirtualClock


@dataclass
class RunningApp:
    """Call actions and services that note what they were asked for."""

    clock: VirtualClock = field(default_factory=VirtualClock)
    approvals: dict[str, Approval] = field(default_factory=dict)
    settled: list[tuple[str, bool]] = field(default_factory=list)
    placed: dict[str, Call] = field(default_factory=dict)
    heard: list[bytes] = field(default_factory=list)
    asked: list[tuple[str, int, str]] = field(default_factory=list)
    failure: Exception | None = None
    said: str = "Grüß Gott"

    async def request_call(
        self,
        number: str,
        mode: CallMode,
        message: str,
        origin: Literal["window", "terminal", "assistant"],
        *,
        at_night: bool = False,
    ) -> Approval:
        """Make an order; a number without + is refused."""
        if not number.startswith("+"):
            raise PhoneError("PHONE-02", "This is no number.", "Write it with +.")
        order = CallOrder(
            number=number,
            own_number="+14155550100",
            carrier=CarrierName.TWILIO,
            mode=mode,
            pipeline=PipelineKind.GATHER,
            message=message,
            disclosure="Hello, this is an AI assistant.",
            soft_limit_s=300,
            hard_limit_s=3600,
            origin=origin,
            at_night=at_night,
        )
        approval = Approval(
            f"approval-{len(self.approvals)}",
            order,
            order.sha256,
            self.clock.now() + timedelta(seconds=120),
        )
        self.approvals[approval.id] = approval
        return approval

    async def settle_approval(self, approval_id: str, approved: bool) -> Call | None:
        """Place the call, in memory."""
        self.settled.append((approval_id, approved))
        if not approved:
            return None
        order = self.approvals[approval_id].order
        call = Call(
            f"call-{len(self.placed)}",
            order.carrier,
            Direction.OUTBOUND,
            order.mode,
            order.pipeline,
            order.number,
            order.own_number,
            self.clock.now(),
            approval_id=approval_id,
        )
        self.placed[call.id] = call
        return call

    async def hang_up(self, call_id: str) -> None:
        """End a call."""
        call = await self.call(call_id)
        if not call.state.is_live:
            raise PhoneError("PHONE-11", "The call is over.", "Nothing is left to do.")
        self.placed[call_id] = replace(
            call, state=CallState.ENDED, reason=EndReason.WE_HUNG_UP, ended_at=self.clock.now()
        )

    async def hang_up_all(self) -> list[str]:
        """End every live call."""
        ids = [call.id for call in await self.live_calls()]
        for call_id in ids:
            await self.hang_up(call_id)
        return ids

    async def live_calls(self) -> list[Call]:
        """Return the live calls."""
        if self.failure is not None:
            raise self.failure
        return [call for call in self.placed.values() if call.state.is_live]

    async def call(self, call_id: str) -> Call:
        """Return a call."""
        if call_id not in self.placed:
            raise PhoneError("PHONE-10", "There is no such call.", "List the calls.")
        return self.placed[call_id]

    async def transcript(self, call_id: str) -> list[TranscriptLine]:
        """Return one line."""
        await self.call(call_id)
        return [TranscriptLine(call_id, 1, "caller", self.said, self.said, self.clock.now())]

    async def history(self, words: str = "", limit: int = 50, before: str = "") -> list[Call]:
        """Return all calls."""
        self.asked.append((words, limit, before))
        return list(self.placed.values())

    async def speak(self, call_id: str, text: str) -> None:
        """Not asked for here."""
        raise AssertionError

    async def send_dtmf(self, call_id: str, digits: str) -> None:
        """Not asked for here."""
        raise AssertionError

    async def extend(self, call_id: str, seconds: int = 300) -> int:
        """Move a call's soft limit, up to the hard one."""
        call = await self.call(call_id)
        won_s = min(seconds, call.hard_limit_s - call.soft_limit_s)
        self.placed[call_id] = replace(call, soft_limit_s=call.soft_limit_s + won_s)
        return won_s

    async def settle_pairing(self, call_id: str, approved: bool) -> None:
        """Not asked for here."""
        raise AssertionError

    async def transcribe(self, wav: bytes) -> str:
        """Hear a recording."""
        if not wav.startswith(b"RIFF"):
            raise AudioError("AUDIO-07", "This is no WAV file.", "Give another one.")
        self.heard.append(wav)
        return "turn on the light"

    def status(self) -> Mapping[str, object]:
        """Return a state."""
        return {"state": "armed", "muted": False}

    async def telephony_health(self) -> Mapping[CarrierName, Health]:
        """One carrier is well, one is not."""
        problem = PhoneError("CARRIER-03", "The token was refused.", "Enter it again.")
        return {
            CarrierName.TWILIO: Health(True, "The account is active."),
            CarrierName.PLIVO: Health(False, "The token was refused.", problem),
        }


@contextlib.asynccontextmanager
async def serving(app: RunningApp, file: Path) -> AsyncIterator[LocalApi]:
    """Run the local API of ``app``."""
    api = LocalApi(app, app, file=file, clock=app.clock)
    await api.start()
    try:
        yield api
    finally:
        await api.close()
