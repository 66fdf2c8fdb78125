"""Notify: when a message was delivered, to a person or after an answering machine's beep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Next = Literal["speak", "wait", "hang_up"]

BEEP_S = 45.0


@dataclass(slots=True)
class Delivery:
    """Decides what comes after each time the message was spoken; no clock of its own.

    A person hears the message at once. Whether it is a machine is known only later: then the
    message is spoken again after the beep, because the first time nobody recorded it.

    Attributes:
        detects: Whether the carrier looks for machines on this call.
        verdict_s: How long after the message its verdict is waited for.
    """

    detects: bool
    verdict_s: float
    verdict: str = ""
    has_beeped: bool = False
    spoken_times: int = 0
    spoken_since_beep: bool = False
    _began_after_beep: bool = False

    def heard(self, machine: str) -> None:
        """Take a verdict: ``human``, ``machine``, ``unknown``, or ``beep`` after a greeting."""
        if machine == "beep":
            self.has_beeped = True
            self.verdict = "machine"
        elif not self.has_beeped:
            self.verdict = machine

    def spoken(self) -> None:
        """The whole message was played."""
        self.spoken_times += 1
        self.spoken_since_beep = self._began_after_beep

    def next(self, waited_s: float) -> Next:
        """Return what to do ``waited_s`` after the message was last spoken.

        With ``speak`` it counts as begun: what was cut in two by the beep is spoken again.
        """
        if not self.spoken_times:
            return self._speak()
        if self.has_beeped:
            return "hang_up" if self.spoken_since_beep else self._speak()
        if self.verdict == "machine":
            if waited_s < BEEP_S:
                return "wait"
            self.has_beeped = True
            return self._speak()
        if self.detects and not self.verdict and waited_s < self.verdict_s:
            return "wait"
        return "hang_up"

    def _speak(self) -> Next:
        self._began_after_beep = self.has_beeped
        return "speak"
