"""The hop list: the way from a caller to this machine, one row a hop."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop_voice.core.reach import Hop, HopReport, HopState, Reach
from desktop_voice.ui.widgets.hop_row import HopRow


class HopList(QWidget):
    """All hops in the order in which they are checked; rows stay, so that focus does.

    ``fix_wanted`` carries the :class:`HopReport` whose fix the user wants; ``asked`` the row that
    asks a question.
    """

    fix_wanted = Signal(object)
    asked = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.rows = {hop: HopRow(hop) for hop in Hop}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for row in self.rows.values():
            row.fix_wanted.connect(self.fix_wanted)
            row.asked.connect(lambda row=row: self.asked.emit(row))
            column.addWidget(row)

    def show_reach(self, reach: Reach) -> None:
        """Show each hop's last report; hops without one wait."""
        reports = {report.hop: report for report in reach.hops}
        for hop, row in self.rows.items():
            row.show_report(reports.get(hop, HopReport(hop, HopState.WAITING)))
