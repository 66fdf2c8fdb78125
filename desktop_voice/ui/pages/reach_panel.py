"""The way to this machine: hop by hop, and what to do once it works."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from desktop_voice.core.events import DownloadProgress
from desktop_voice.core.numbers import display
from desktop_voice.core.reach import Reach, ReachState
from desktop_voice.ui.announce import announce
from desktop_voice.ui.reach_words import hop_words, reach_title
from desktop_voice.ui.theme.manager import set_kind
from desktop_voice.ui.visible_text import breakable, visible
from desktop_voice.ui.widgets.download_bar import DownloadBar
from desktop_voice.ui.widgets.hop_list import HopList
from desktop_voice.ui.widgets.plain_label import plain_label

_PROGRAM = "cloudflared"


class ReachPanel(QFrame):
    """Fills as reports come.

    ``fix_wanted`` carries the :class:`~desktop_voice.core.reach.HopReport` whose fix the user
    wants; ``rehearsal_wanted`` asks for a call on this machine.
    """

    fix_wanted = Signal(object)
    rehearsal_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        set_kind(self, "card")
        self._state = ReachState.OFF
        self.heading = plain_label(reach_title(ReachState.OFF), "heading")
        self.summary = plain_label("", "hint")
        self.download = DownloadBar()
        self.call = plain_label("", "label")
        self.rehearse = QPushButton("Rehearse a call")
        self.rehearse.setToolTip("A whole call on this machine, without a phone")
        self.rehearse.clicked.connect(self.rehearsal_wanted)
        self.done = self._done_box()
        self.hops = HopList()
        self.hops.fix_wanted.connect(self.fix_wanted)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(8)
        for widget in (self.heading, self.summary, self.download, self.done, self.hops):
            column.addWidget(widget)
        column.addStretch(1)
        self.show_reach(Reach())

    def show_reach(self, reach: Reach) -> None:
        """Show how callers get through; an end of the checks is announced."""
        self.hops.show_reach(reach)
        self.heading.setText(reach_title(reach.state))
        self.summary.setText(breakable(visible(_summary(reach))))
        self.summary.setVisible(bool(self.summary.text()))
        number = display(reach.number) if reach.number else "your number"
        self.call.setText(f"Call {number} from your phone now.")
        self.done.setVisible(reach.state is ReachState.READY)
        if reach.state is not ReachState.CHECKING:
            self.download.hide()
        if reach.state is not self._state and reach.state is not ReachState.OFF:
            words = self.call.text() if reach.state is ReachState.READY else ""
            announce(self, f"{self.heading.text()}. {words}".strip())
        self._state = reach.state

    def show_progress(self, event: DownloadProgress) -> None:
        """Show how far the download of a tunnel's program is; others are not this page's."""
        if event.name == _PROGRAM:
            self.download.show_progress(event)

    def _done_box(self) -> QFrame:
        box = QFrame()
        set_kind(box, "banner-notice")
        row = QHBoxLayout()
        row.addWidget(self.rehearse)
        row.addStretch(1)
        column = QVBoxLayout(box)
        column.setContentsMargins(14, 10, 14, 12)
        column.setSpacing(8)
        column.addWidget(self.call)
        column.addLayout(row)
        return box


def _summary(reach: Reach) -> str:
    match reach.state:
        case ReachState.OFF:
            return "Each hop is checked here, from the keys to a first call."
        case ReachState.READY:
            return f"Public address: {reach.base}" if reach.base else ""
        case ReachState.BROKEN if reach.broken is not None:
            return f"{reach.broken.hop.label}: {hop_words(reach.broken)}"
        case _:
            return ""
