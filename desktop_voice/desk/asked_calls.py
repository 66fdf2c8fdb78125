"""Asked calls: tells the desk's conversation how the calls ended that were asked for in it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from desktop_voice.agent.intents.durations import say_duration
from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import Call, CallState
from desktop_voice.core.numbers import display

MAX_REMEMBERED = 5


class AskedCalls:
    """Follows the calls that the assistant was asked for; on the thread that publishes of calls.

    Args:
        bus: Where approvals and calls are told of.
        tell: Takes one line about a call that has ended.
    """

    def __init__(self, bus: EventBus, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._approvals: set[str] = set()
        self._over: deque[str] = deque(maxlen=MAX_REMEMBERED)
        self._unsubscribe = [
            bus.on(ev.ApprovalRequested, self._on_asked),
            bus.on(ev.ApprovalSettled, self._on_settled),
            bus.on(ev.CallChanged, self._on_call),
        ]

    @property
    def instructions(self) -> str:
        """What the model is told of these calls: which they were, and nothing that was said."""
        if not self._over:
            return ""
        calls = "\n".join(self._over)
        return (
            f"Calls that the user asked for and that are over, the last one last:\n{calls}\n"
            "If the user asks what was said, get_status with the call's id tells it, quoted. Never "
            "say an id aloud."
        )

    def close(self) -> None:
        """Follow no more calls."""
        for end in self._unsubscribe:
            end()

    def _on_asked(self, event: ev.ApprovalRequested) -> None:
        if event.approval.order.origin == "assistant":
            self._approvals.add(event.approval.id)

    def _on_settled(self, event: ev.ApprovalSettled) -> None:
        if event.outcome != "approved":
            self._approvals.discard(event.approval_id)

    def _on_call(self, event: ev.CallChanged) -> None:
        call = event.call
        if call.state is not CallState.ENDED or call.approval_id not in self._approvals:
            return
        self._approvals.remove(call.approval_id)
        line = outcome(call)
        self._over.append(f"{call.id}: {line}")
        self._tell(line)


def outcome(call: Call) -> str:
    """Return whom a call was with, why it ended, and how long they talked."""
    talked = ""
    if call.answered_at is not None and call.ended_at is not None:
        seconds = (call.ended_at - call.answered_at).total_seconds()
        talked = f"It lasted {say_duration(seconds)}." if seconds >= 1 else ""
    words = f"The call to {display(call.number)} is over. {call.reason.text} {talked}"
    return " ".join(words.split())
