"""The pacer: when sound goes to a carrier, and how much of it was really played there."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

FRAME_S = 0.02
LEAD_S = 0.14
"""How much is kept queued at the carrier: covers a busy loop, and a clear drops it anyway."""

_LAST_MOMENT_S = 0.04
_MARK_EVERY_S = 0.2
# A mark that is this much overdue is taken for played; after two in a row marks are not waited for.
_MARK_LATE_S = 1.0
_UNDERRUN_WITHIN_S = 0.5


@dataclass(frozen=True, slots=True)
class _Mark:
    name: str
    position: int
    due_s: float


class Pacer:
    """Owns the lead, the marks and the played position of one line; no clock, no I/O.

    Positions count samples. The carrier is modelled as a player that plays what it has: it says
    when the next frame is due, and what was played where marks do not tell. A sender that is late
    by more than the lead starts anew instead of catching up, so that no burst exceeds the lead.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._ends_s = float("-inf")
        self._sent = 0
        self._played = 0
        self._acked = 0
        self._acked_s: float | None = None
        self._epoch = 0
        self._marked = 0
        self._marks: deque[_Mark] = deque()
        self._missed_marks = 0
        self.underruns = 0

    @property
    def epoch(self) -> int:
        """Rises with each clear."""
        return self._epoch

    @property
    def sent(self) -> int:
        """Samples handed to the carrier so far; those that were cleared do not count."""
        return self._sent

    def queued_s(self, now_s: float) -> float:
        """Return how much is queued at the carrier, in seconds."""
        return max(0.0, self._ends_s - now_s)

    def due_s(self, unsent: int) -> float:
        """Return when the next frame is due; ``unsent`` samples wait for it.

        Less than a whole frame waits for the rest of it until the last moment.
        """
        is_whole = unsent >= self._rate_hz * FRAME_S
        return self._ends_s - (LEAD_S - FRAME_S if is_whole else _LAST_MOMENT_S)

    def frame_sent(self, samples: int, now_s: float) -> None:
        """Note that a frame with ``samples`` of sound goes out now."""
        if now_s >= self._ends_s:
            if now_s - self._ends_s < _UNDERRUN_WITHIN_S:
                self.underruns += 1
            self._ends_s = now_s
            self._acked_s = None
            # The first frame's mark tells when playing began.
            self._marked = self._sent - self._samples(_MARK_EVERY_S)
        self._ends_s += FRAME_S
        self._sent += samples

    def frame_arrived(self, now_s: float) -> None:
        """Note that the socket has taken the frame: if that was late, it is played later."""
        self._ends_s = max(self._ends_s, now_s + FRAME_S)

    def next_mark(self, now_s: float, *, is_end: bool) -> str | None:
        """Return the name of a mark that is to be sent now, if one is.

        Args:
            now_s: The time.
            is_end: Nothing more is queued on our side.
        """
        if self._sent <= self._marked:
            return None
        if self._sent - self._marked < self._samples(_MARK_EVERY_S) and not (
            is_end and now_s >= self.end_mark_due_s
        ):
            return None
        name = f"{self._epoch}.{self._sent}"
        self._marked = self._sent
        self._marks.append(_Mark(name, self._sent, self._ends_s))
        return name

    @property
    def end_mark_due_s(self) -> float:
        """When the mark behind the last frame goes out if no frame follows.

        That is late, so that sound that trickles in does not get a mark for every piece.
        """
        return self._ends_s - LEAD_S / 2

    @property
    def is_marked_to_end(self) -> bool:
        """Whether a mark was sent after the last frame."""
        return self._marked >= self._sent

    def mark_came(self, name: str, now_s: float) -> None:
        """Take a mark back; those of an older epoch were dropped, not played, and mean nothing."""
        position = next((mark.position for mark in self._marks if mark.name == name), None)
        if position is None:
            return
        while self._marks and self._marks[0].position <= position:
            self._marks.popleft()
        self._acked, self._acked_s = max(self._acked, position), now_s
        self._missed_marks = 0

    def played(self, now_s: float) -> int:
        """Return how far playing has come: what marks say, and time between two of them."""
        while self._marks and now_s - self._marks[0].due_s > _MARK_LATE_S:
            overdue = self._marks.popleft()
            self._missed_marks += 1
            self._acked, self._acked_s = max(self._acked, overdue.position), overdue.due_s
        if self._missed_marks >= 2:
            position = self._sent - self._samples(self.queued_s(now_s))
        elif self._acked_s is None:
            position = self._acked
        else:
            until = self._marks[0].position if self._marks else self._acked
            position = min(until, self._acked + self._samples(now_s - self._acked_s))
        self._played = max(self._played, min(position, self._sent))
        return self._played

    @property
    def is_all_known_played(self) -> bool:
        """Whether everything sent was played for certain, so that there is nothing to clear."""
        return self._acked >= self._sent

    def clear(self, now_s: float) -> None:
        """Forget what was sent but not played; the position stays where playing has come."""
        self._sent = self._acked = self._marked = self.played(now_s)
        self._acked_s = None
        self._ends_s = float("-inf")
        self._marks.clear()
        self._epoch += 1

    def _samples(self, seconds: float) -> int:
        return int(seconds * self._rate_hz)
