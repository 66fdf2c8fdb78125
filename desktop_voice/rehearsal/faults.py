"""Faults: what is to go wrong, asked for by the test and taken one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Where = Literal["rest:create", "rest:any", "webhook", "media", "relay"]
Kind = Literal[
    "401",
    "403",
    "404",
    "429",
    "500",
    "timeout",
    "reset",
    "lost_reply",
    "garbage",
    "drop_socket",
    "stall",
    "duplicate",
    "reorder",
    "delay",
    "jitter",
    "loss",
]
_REST: tuple[Kind, ...] = (
    *("401", "403", "404", "429", "500"),
    *("timeout", "reset", "lost_reply", "garbage", "stall", "delay"),
)
_SOCKET: tuple[Kind, ...] = ("drop_socket", "reset", "stall", "garbage", "jitter", "loss")
POSSIBLE: dict[Where, tuple[Kind, ...]] = {
    "rest:create": _REST,
    "rest:any": _REST,
    "webhook": (
        *("401", "403", "404", "429", "500"),
        *("reset", "lost_reply", "duplicate", "reorder", "delay"),
    ),
    "media": _SOCKET,
    "relay": _SOCKET[:4],
}
"""What can go wrong where; a relay carries no sound that could be late or lost."""


@dataclass(slots=True)
class Fault:
    """One fault.

    Attributes:
        carrier: Whose.
        where: At which seam.
        kind: What goes wrong.
        count: How many more times.
        after_ms: When: the delay of ``delay``, ``stall`` and ``timeout``, and how long after the
            start of a socket it is dropped.
    """

    carrier: str
    where: Where
    kind: Kind
    count: int = 1
    after_ms: int = 0


class Faults:
    """The faults that are still to happen, oldest first."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Ask for a fault."""
        self._faults.append(fault)

    def forget(self) -> None:
        """Let nothing more go wrong."""
        self._faults.clear()

    def take(self, carrier: str, *wheres: Where) -> Fault | None:
        """Return the oldest fault for one of these places, which is then used up once."""
        for fault in self._faults:
            if fault.carrier == carrier and fault.where in wheres and fault.count > 0:
                fault.count -= 1
                return fault
        return None
