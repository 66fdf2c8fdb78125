"""A phone control that notes which command a click sends, and answers reads from lists."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeVar

from desktop_voice.core.approvals import Approval, CallOrder
from desktop_voice.core.callers import PairedCaller
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
from desktop_voice.core.errors import DesktopVoiceError, PhoneError
from desktop_voice.core.reach import Fix, NumberChoice, Reach, SetUpWish
from desktop_voice.core.settings import SettingChange

T = TypeVar("T")

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class RecordingPhone:
    """Notes commands as ``(name, *arguments)`` in ``commands``; reads come from the fields."""

    def __init__(self) -> None:
        self.commands: list[tuple[object, ...]] = []
        self.calls: tuple[Call, ...] = ()
        self.past: list[Call] = []
        self.paired: list[PairedCaller] = []
        self.lines: dict[str, list[TranscriptLine]] = {}
        self.questions: list[tuple[str, int, str]] = []
        self.error: DesktopVoiceError | None = None
        self.applied: list[SettingChange] = []
        self.reach = Reach()
        self.own_numbers: list[NumberChoice] = []
        self.set_ups: list[tuple[SetUpWish, Future[Reach]]] = []

    def request_call(
        self, number: str, mode: CallMode, message: str, *, at_night: bool = False
    ) -> None:
        self.commands.append(("request_call", number, mode, message, at_night))

    def settle_approval(self, approval_id: str, approved: bool) -> None:
        self.commands.append(("settle_approval", approval_id, approved))

    def hang_up(self, call_id: str) -> None:
        self.commands.append(("hang_up", call_id))

    def hang_up_all(self) -> None:
        self.commands.append(("hang_up_all",))

    def speak(self, call_id: str, text: str) -> None:
        self.commands.append(("speak", call_id, text))

    def send_dtmf(self, call_id: str, digits: str) -> None:
        self.commands.append(("send_dtmf", call_id, digits))

    def extend(self, call_id: str) -> None:
        self.commands.append(("extend", call_id))

    def settle_pairing(self, call_id: str, approved: bool) -> None:
        self.commands.append(("settle_pairing", call_id, approved))

    def paired_callers(self) -> Future[list[PairedCaller]]:
        return self._answer(list(self.paired))

    def remove_caller(self, number: str) -> Future[None]:
        self.commands.append(("remove_caller", number))
        if self.error is None:
            self.paired = [caller for caller in self.paired if caller.number != number]
        return self._answer(None)

    def history(self, words: str, limit: int, before: str = "") -> Future[list[Call]]:
        self.questions.append((words, limit, before))
        found = [
            call
            for call in sorted(self.past, key=lambda call: call.id, reverse=True)
            if (not before or call.id < before) and self._has(call, words)
        ]
        return self._answer(found[:limit])

    def transcript(self, call_id: str) -> Future[list[TranscriptLine]]:
        return self._answer(self.lines.get(call_id, []))

    def delete_call(self, call_id: str) -> Future[None]:
        self.commands.append(("delete_call", call_id))
        self.past = [call for call in self.past if call.id != call_id]
        return self._answer(None)

    def rehearse(self, carrier: str) -> None:
        self.commands.append(("rehearse", carrier))

    def numbers(self, carrier: CarrierName) -> Future[list[NumberChoice]]:
        self.commands.append(("numbers", carrier))
        return self._answer(list(self.own_numbers))

    def set_up(self, wish: SetUpWish) -> Future[Reach]:
        """Note the wish; the test answers its future."""
        self.commands.append(("set_up", wish))
        future: Future[Reach] = Future()
        self.set_ups.append((wish, future))
        return future

    def check_reach(self) -> None:
        self.commands.append(("check_reach",))

    def repair(self, fix: Fix) -> None:
        self.commands.append(("repair", fix))

    def apply_settings(self, changes: Sequence[SettingChange]) -> None:
        self.applied += changes

    def _has(self, call: Call, words: str) -> bool:
        said = " ".join(line.text for line in self.lines.get(call.id, []))
        return words.casefold() in f"{call.number} {said}".casefold()

    def _answer(self, result: T) -> Future[T]:
        future: Future[T] = Future()
        if self.error is None:
            future.set_result(result)
        else:
            future.set_exception(self.error)
        return future


def broken_phone_error() -> PhoneError:
    return PhoneError("PHONE-06", "The phone is not running yet.", "Wait a moment.")


def a_call(
    number: int = 1,
    *,
    state: CallState = CallState.TALKING,
    reason: EndReason = EndReason.NONE,
    far: str = "+14155550123",
    direction: Direction = Direction.OUTBOUND,
    carrier: CarrierName = CarrierName.TWILIO,
    detail: str = "",
    soft_limit_s: int = 300,
    at: datetime = NOW,
) -> Call:
    """Return call ``number``, answered after five seconds unless it is younger than that."""
    was_answered = state in (CallState.ANSWERED, CallState.TALKING, CallState.ENDING) or (
        state is CallState.ENDED and reason in (EndReason.NONE, EndReason.FAR_END_HUNG_UP)
    )
    return Call(
        id=f"{number:012x}",
        carrier=carrier,
        direction=direction,
        mode=CallMode.CONVERSATION,
        pipeline=PipelineKind.CASCADING,
        number=far,
        own_number="+14155550100",
        created_at=at,
        state=state,
        reason=reason,
        detail=detail,
        answered_at=at + timedelta(seconds=5) if was_answered else None,
        ended_at=at + timedelta(seconds=128) if state is CallState.ENDED else None,
        soft_limit_s=soft_limit_s,
    )


def an_approval(
    name: str = "a1",
    *,
    origin: Literal["window", "terminal", "assistant"] = "assistant",
    message: str = "The server is back up.",
    number: str = "+14155550123",
    seconds: float = 120.0,
    mode: CallMode = CallMode.NOTIFY,
    disclosure: str = "Hello, this is an AI assistant.",
    at_night: bool = False,
) -> Approval:
    order = CallOrder(
        number=number,
        own_number="+14155550100",
        carrier=CarrierName.TWILIO,
        mode=mode,
        pipeline=PipelineKind.GATHER,
        message=message,
        disclosure=disclosure,
        soft_limit_s=300,
        hard_limit_s=3600,
        origin=origin,
        at_night=at_night,
    )
    return Approval(name, order, order.sha256, datetime.now(UTC) + timedelta(seconds=seconds))


def some_lines(call_id: str, count: int) -> list[TranscriptLine]:
    lines = []
    for seq in range(1, count + 1):
        role: Literal["caller", "assistant"] = "caller" if seq % 2 else "assistant"
        text = f"Line {seq} of what was said about the booking for Friday evening."
        lines.append(TranscriptLine(call_id, seq, role, text, text, NOW))
    return lines
