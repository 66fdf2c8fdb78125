"""The phone's status card: what stands on the calls page while nobody is on the phone."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from desktop_voice.core.events import PhoneStatusChanged
from desktop_voice.core.phone_settings import InboundPolicy
from desktop_voice.core.reach import HopReport, Reach, ReachState
from desktop_voice.ui.reach_words import hop_words, number_sentence, policy_text, reach_title
from desktop_voice.ui.theme.manager import set_kind
from desktop_voice.ui.visible_text import breakable, visible
from desktop_voice.ui.widgets.plain_label import plain_label

_CALL_OUT = "Enter a number, or ask the assistant: “Call …, and tell them …”."


class PhoneStatusCard(QFrame):
    """Says in plain words whether callers get through, and what to do if not.

    ``set_up_wanted`` asks for the set-up, ``repair_wanted`` for mending the dead hop.
    """

    set_up_wanted = Signal()
    repair_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        set_kind(self, "card")
        self._status: PhoneStatusChanged | None = None
        self._reach = Reach()
        self._dead: HopReport | None = None
        self._policy = InboundPolicy.DISABLED
        self.heading = plain_label("The phone is starting…", "heading")
        self.text = plain_label("", "")
        self.advice = plain_label("", "hint")
        self.set_up = QPushButton("Set up calls")
        set_kind(self.set_up, "primary")
        self.set_up.clicked.connect(self.set_up_wanted)
        self.repair = QPushButton("Repair")
        set_kind(self.repair, "primary")
        self.repair.clicked.connect(self.repair_wanted)
        row = QHBoxLayout()
        row.addWidget(self.set_up)
        row.addWidget(self.repair)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 20)
        column.setSpacing(8)
        for label in (self.heading, self.text, self.advice):
            column.addWidget(label)
        column.addLayout(row)
        self._show()

    @property
    def line(self) -> str:
        """What it says, in one line."""
        return self.text.text()

    def show_status(self, status: PhoneStatusChanged) -> None:
        """Show what the phone says of itself."""
        self._status = status
        self._show()

    def show_reach(self, reach: Reach, dead: HopReport | None) -> None:
        """Show how callers get through; ``dead`` is the hop that they fail at."""
        self._reach = reach
        self._dead = dead
        self._show()

    def show_policy(self, policy: InboundPolicy) -> None:
        """Show who may call in."""
        self._policy = policy
        self._show()

    def _show(self) -> None:
        dead = self._dead
        self.repair.setVisible(dead is not None)
        self.set_up.hide()
        if dead is not None:
            is_checking = self._reach.state is ReachState.CHECKING
            title = reach_title(ReachState.BROKEN)
            self._say(
                f"{title}; checking again…" if is_checking else title, hop_words(dead), dead.do
            )
        elif self._reach.state is ReachState.CHECKING:
            self._say(reach_title(ReachState.CHECKING), self._status_text, "")
        elif self._reach.state is ReachState.READY:
            words = f"{number_sentence(self._reach)} {policy_text(self._policy)}"
            self._say("Ready for calls", words, _CALL_OUT)
        else:
            self._show_off()

    def _show_off(self) -> None:
        status = self._status
        if status is None:
            return
        self.set_up.setVisible(not (status.is_set_up and status.is_reachable))
        if not status.is_set_up:
            self._say(
                "Calls are not set up yet",
                status.text,
                "The set-up leads from your carrier's keys to a number that works. “Rehearse” "
                "places a whole call on this machine, without an account.",
            )
        elif not status.is_reachable:
            self._say(
                "The carrier cannot reach this machine",
                status.text,
                "The set-up makes a public address that leads here.",
            )
        else:
            self._say("No calls right now", status.text, _CALL_OUT)

    @property
    def _status_text(self) -> str:
        return self._status.text if self._status is not None else ""

    def _say(self, heading: str, text: str, advice: str) -> None:
        self.heading.setText(heading)
        self.text.setText(breakable(visible(text)))
        self.text.setVisible(bool(text))
        self.advice.setText(breakable(visible(advice)))
        self.advice.setVisible(bool(advice))
