"""The calls page: new calls, questions, the calls that go on, and the history."""

from __future__ import annotations

from datetime import UTC, datetime

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from desktop_voice.core import events as ev
from desktop_voice.core.calls import CallMode
from desktop_voice.core.phone_settings import InboundPolicy
from desktop_voice.core.settings import Settings
from desktop_voice.ui.bridge import Bridge
from desktop_voice.ui.call_watch import CallWatch
from desktop_voice.ui.pages.call_history import CallHistory
from desktop_voice.ui.pages.dial_card import DialCard
from desktop_voice.ui.pages.live_calls import LiveCalls
from desktop_voice.ui.pages.phone_status_card import PhoneStatusCard
from desktop_voice.ui.pages.questions import Questions
from desktop_voice.ui.reach_watch import ReachWatch
from desktop_voice.ui.theme.manager import set_kind
from desktop_voice.ui.theme.tokens import Tokens
from desktop_voice.ui.widgets.plain_label import plain_label
from desktop_voice.ui.widgets.segments import Segments

_NARROW_EM = 44
_TICK_MS = 1000


class CallsPage(QWidget):
    """Everything about the phone; ``settings_wanted`` carries the id of a settings section.

    ``setup_wanted`` asks for the phone's set-up, ``repair_wanted`` for mending the dead hop there.
    """

    settings_wanted = Signal(str)
    setup_wanted = Signal()
    repair_wanted = Signal()

    def __init__(
        self,
        watch: CallWatch,
        reach: ReachWatch,
        bridge: Bridge,
        settings: Settings,
        tokens: Tokens,
    ) -> None:
        super().__init__()
        self.setObjectName("page")
        self._phone = watch.phone
        self._watch = watch
        self._reach = reach
        self.dial = DialCard(settings)
        self.questions = Questions(watch.phone, bridge)
        self.live = LiveCalls(watch, bridge, tokens)
        self.status = PhoneStatusCard()
        self.history = CallHistory(watch.phone, tokens)
        self.views = Segments(
            (
                ("now", "Now", "New calls and those that go on"),
                ("history", "History", "Calls that are over, with their words"),
            ),
            "Show",
        )
        self.setup_button = QPushButton("Phone set-up")
        self.setup_button.clicked.connect(self.setup_wanted)
        self.open_warning = _OpenLine()
        self._status_line = plain_label("", "hint")
        self._clock = QTimer(self)
        self._clock.setInterval(_TICK_MS)
        self._clock.timeout.connect(self._tick)
        self._build()
        self._connect(bridge)
        self.use_settings(settings)
        self._on_reach()

    def use_settings(self, settings: Settings) -> None:
        """Take country, quiet hours and the inbound policy from ``settings``."""
        self.dial.use_settings(settings)
        self.status.show_policy(settings.inbound.policy)
        self.open_warning.setVisible(settings.inbound.policy is InboundPolicy.OPEN)

    def set_tokens(self, tokens: Tokens) -> None:
        """Use another theme."""
        self.live.set_tokens(tokens)
        self.history.set_tokens(tokens)

    def show_now(self) -> None:
        """Show new calls and those that go on, the questions first."""
        self.views.set_value("now")
        self._stack.setCurrentIndex(0)
        self._scroll.verticalScrollBar().setValue(0)

    def show_history(self) -> None:
        """Show the calls that are over."""
        self.views.set_value("history")
        self._stack.setCurrentIndex(1)

    def refuse_question(self) -> bool:
        """Deny the question on show, as Esc does; False if there is none to be seen."""
        return self.views.value == "now" and self.questions.refuse_current()

    def start_search(self) -> None:
        """Go where something can be searched for."""
        if self.views.value == "now":
            self.show_history()
        if self.history.record.call is not None and self.history.record.isAncestorOf(
            self.focusWidget() or self
        ):
            self.history.record.find_bar.open()
        else:
            self.history.search.setFocus()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: D102 - Qt's own name
        super().showEvent(event)
        self._tick()
        self._clock.start()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: D102 - Qt's own name
        super().hideEvent(event)
        self._clock.stop()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: D102 - Qt's own name
        super().resizeEvent(event)
        em = self.fontMetrics().averageCharWidth() * 2
        is_narrow = self.width() < _NARROW_EM * em
        # In one column, calls and questions come before the card for new calls.
        way = QBoxLayout.Direction.BottomToTop if is_narrow else QBoxLayout.Direction.LeftToRight
        self._columns.setDirection(way)

    def _tick(self) -> None:
        self.dial.tick()
        self.live.tick(datetime.now(UTC))

    def _connect(self, bridge: Bridge) -> None:
        self.views.picked.connect(self._on_view)
        self.dial.call_wanted.connect(self._request)
        self.dial.rehearsal_wanted.connect(self._phone.rehearse)
        self.status.set_up_wanted.connect(self.setup_wanted)
        self.status.repair_wanted.connect(self.repair_wanted)
        self.open_warning.settings_wanted.connect(lambda: self.settings_wanted.emit("inbound"))
        self.questions.changed.connect(self._on_questions)
        self.questions.keyboard_freed.connect(self.dial.number.setFocus)
        self.questions.call_allowed.connect(self.dial.clear)
        self.live.changed.connect(self._show_emptiness)
        bridge.call_changed.connect(self.history.on_call)
        bridge.approval_requested.connect(self._on_approval)
        bridge.error.connect(lambda _event: self.dial.answered())
        bridge.phone_status.connect(self._on_status)
        bridge.phone_status.connect(self.history.on_status)
        self._reach.changed.connect(self._on_reach)

    def _request(self, number: str, mode: CallMode, message: str, at_night: bool) -> None:
        self._phone.request_call(number, mode, message, at_night=at_night)

    def _on_view(self, view: str) -> None:
        if view == "now":
            self.show_now()
        else:
            self.show_history()

    def _on_approval(self, event: ev.ApprovalRequested) -> None:
        if event.approval.order.origin == "window":
            self.dial.answered()
            self.show_now()

    def _on_questions(self) -> None:
        self._scroll.verticalScrollBar().setValue(0)
        self._show_emptiness()

    def _on_status(self, status: ev.PhoneStatusChanged) -> None:
        self.status.show_status(status)
        self._show_emptiness()

    def _on_reach(self) -> None:
        self.status.show_reach(self._reach.reach, self._reach.dead)
        self._show_emptiness()

    def _show_emptiness(self) -> None:
        is_empty = self.live.is_empty and self.questions.is_empty
        self.status.setVisible(is_empty)
        self.questions.setVisible(not self.questions.is_empty)
        self.live.setVisible(not self.live.is_empty)
        self._status_line.setText(self.status.line)
        self._status_line.setVisible(not is_empty and bool(self._status_line.text()))

    def _build(self) -> None:
        title = plain_label("Calls", "title", wraps=False)
        header = QHBoxLayout()
        header.setSpacing(16)
        header.addWidget(title)
        header.addWidget(self.views)
        header.addStretch(1)
        header.addWidget(self.setup_button)
        right = QVBoxLayout()
        right.setSpacing(14)
        for widget in (self.questions, self.live, self.status):
            right.addWidget(widget)
        right.addStretch(1)
        left = QVBoxLayout()
        left.addWidget(self.dial)
        left.addStretch(1)
        now = QWidget()
        now.setObjectName("scrolled")
        self._columns = QBoxLayout(QBoxLayout.Direction.LeftToRight, now)
        self._columns.setContentsMargins(0, 0, 8, 16)
        self._columns.setSpacing(16)
        self._columns.addLayout(left, 4)
        self._columns.addLayout(right, 7)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setWidget(now)
        past = QWidget()
        past_column = QVBoxLayout(past)
        past_column.setContentsMargins(0, 0, 8, 20)
        past_column.addWidget(self.history)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._scroll)
        self._stack.addWidget(past)
        page = QVBoxLayout(self)
        page.setContentsMargins(24, 18, 16, 0)
        page.setSpacing(12)
        page.addLayout(header)
        page.addWidget(self.open_warning)
        page.addWidget(self._status_line)
        page.addWidget(self._stack, 1)


class _OpenLine(QFrame):
    """The standing warning while anybody may call in; it cannot be dismissed."""

    settings_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        set_kind(self, "banner-error")
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 9, 9, 9)
        row.setSpacing(10)
        row.addWidget(plain_label("⚠", "heading", wraps=False))
        row.addWidget(
            plain_label(
                "Anybody who knows your number can call in and talk to the assistant, at your "
                "cost.",
                "label",
            ),
            1,
        )
        change = QPushButton("Change")
        change.setAccessibleName("Change who may call in")
        change.clicked.connect(self.settings_wanted)
        row.addWidget(change)
