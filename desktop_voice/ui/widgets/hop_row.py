"""A hop as a row: how it is, how long it took, what to do, and the button that does it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from desktop_voice.core.reach import Fix, Hop, HopReport, HopState
from desktop_voice.ui.announce import announce
from desktop_voice.ui.reach_words import (
    hop_kind,
    hop_shape,
    hop_state_text,
    hop_words,
    took_text,
)
from desktop_voice.ui.theme.manager import set_kind
from desktop_voice.ui.visible_text import breakable, visible
from desktop_voice.ui.widgets.armed_button import ArmedButton
from desktop_voice.ui.widgets.plain_label import plain_label

_SIGN_WIDTH_EM = 1.6


class HopRow(QFrame):
    """One hop; ``fix_wanted`` carries the :class:`HopReport` whose fix the user wants.

    ``asked`` tells that it asks a question, which wants to be in view.

    Sending a number's calls here takes them away from where they go now, so that is asked once
    more.
    """

    fix_wanted = Signal(object)
    asked = Signal()

    def __init__(self, hop: Hop) -> None:
        super().__init__()
        set_kind(self, "hop")
        self.report = HopReport(hop, HopState.WAITING)
        self.sign = plain_label("", wraps=False)
        self.sign.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self.name = plain_label(hop.label, "label")
        self.state = plain_label("", wraps=False)
        self.text = plain_label("", "hint")
        self.advice = plain_label("", "hint")
        self.fix_button = QPushButton("")
        self.fix_button.clicked.connect(self._fix)
        self.question = _PointQuestion()
        self.question.agreed.connect(lambda: self.fix_wanted.emit(self.report))
        self.question.no.clicked.connect(self._refuse)
        self._build()
        self._show()

    def show_report(self, report: HopReport) -> None:
        """Show how the hop is now; a failure is announced once."""
        if report == self.report:
            return
        is_news = report.state is HopState.FAILED and (
            self.report.state is not HopState.FAILED or self.report.text != report.text
        )
        self.report = report
        self._show()
        if is_news:
            announce(self, f"{report.hop.label} failed. {hop_words(report)} {report.do}".strip())

    def start_fix(self) -> None:
        """Do what the hop's button does."""
        self._fix()

    def _show(self) -> None:
        report = self.report
        kind = hop_kind(report.state)
        self.sign.setText(hop_shape(report.state))
        set_kind(self.sign, kind)
        took = took_text(report.took_ms)
        self.state.setText(" · ".join(part for part in (hop_state_text(report), took) if part))
        set_kind(self.state, kind)
        self.text.setText(breakable(visible(report.text)))
        self.text.setVisible(bool(report.text))
        is_bad = report.state in (HopState.FAILED, HopState.WARNING)
        set_kind(self.text, "" if is_bad else "hint")
        advice = f"{report.do} ({report.code})" if report.code else report.do
        self.advice.setText(breakable(visible(advice)))
        self.advice.setVisible(bool(report.do or (is_bad and report.code)))
        self.fix_button.setText(report.fix.label)
        self.fix_button.setAccessibleName(f"{report.fix.label}: {report.hop.label}")
        self.fix_button.setAccessibleDescription(report.text)
        self.fix_button.setVisible(report.fix is not Fix.NONE)
        self.question.close_question()
        self.setAccessibleName(
            f"{report.hop.label}: {hop_state_text(report)}. {report.text} {report.do}".strip()
        )

    def _fix(self) -> None:
        if self.report.fix is Fix.POINT_NUMBER:
            self.fix_button.hide()
            self.question.open_question()
            self.asked.emit()
        elif self.report.fix is not Fix.NONE:
            self.fix_wanted.emit(self.report)

    def _refuse(self) -> None:
        self.question.close_question()
        self.fix_button.show()
        self.fix_button.setFocus()

    def _build(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.name, 1)
        head.addWidget(self.state, 0, Qt.AlignmentFlag.AlignTop)
        foot = QHBoxLayout()
        foot.addWidget(self.fix_button)
        foot.addStretch(1)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addLayout(head)
        words.addWidget(self.text)
        words.addWidget(self.advice)
        words.addLayout(foot)
        words.addWidget(self.question)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 5, 0, 5)
        row.setSpacing(8)
        self.sign.setMinimumWidth(int(self.fontMetrics().height() * _SIGN_WIDTH_EM))
        row.addWidget(self.sign, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)


class _PointQuestion(QWidget):
    """Asks in words before a number's calls are taken away from where they go now."""

    agreed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.words = plain_label(
            "Its calls come here from now on, and no longer to where they go today. "
            "That place is remembered.",
            "label",
        )
        self.yes = ArmedButton("Yes, send them here")
        set_kind(self.yes, "primary")
        self.yes.clicked.connect(self._agree)
        self.no = QPushButton("Leave it as it is")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 6, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.words)
        for button in (self.yes, self.no):
            column.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        self.hide()

    def open_question(self) -> None:
        """Ask."""
        self.show()
        self.no.setFocus()
        announce(self, self.words.text())

    def close_question(self) -> None:
        """Ask no longer."""
        self.hide()

    def _agree(self) -> None:
        self.hide()
        self.agreed.emit()
