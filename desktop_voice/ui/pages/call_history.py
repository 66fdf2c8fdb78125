"""The history: past calls, newest first, with a search, and the record of the chosen one."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from desktop_voice.core.calls import Call
from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.core.events import CallChanged, PhoneStatusChanged
from desktop_voice.core.ports import PhoneControl
from desktop_voice.ui import call_words as words
from desktop_voice.ui.announce import announce
from desktop_voice.ui.mailbox import Mailbox
from desktop_voice.ui.pages.call_record import CallRecord
from desktop_voice.ui.theme.manager import set_kind
from desktop_voice.ui.theme.tokens import Tokens
from desktop_voice.ui.visible_text import visible
from desktop_voice.ui.widgets.entry_delegate import EntryDelegate
from desktop_voice.ui.widgets.plain_label import plain_label

PAGE_SIZE = 50
_TYPING_PAUSE_MS = 250
_NARROW_EM = 46
_NEAR_END_ROWS = 10


class CallHistory(QWidget):
    """A list that grows as it is scrolled, beside the record of the chosen call."""

    def __init__(self, phone: PhoneControl, tokens: Tokens) -> None:
        super().__init__()
        self._phone = phone
        self._mailbox = Mailbox(self)
        self._question = 0
        self._is_asking = False
        self._has_more = False
        self._is_stale = True
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search numbers and words")
        self.search.setAccessibleName("Search the history")
        self.search.setMaxLength(200)
        self.list = QListWidget()
        self.list.setAccessibleName("Past calls, newest first")
        self._delegate = EntryDelegate(self.list, tokens)
        self.list.setItemDelegate(self._delegate)
        self.list.setMouseTracking(True)
        self.list.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.list.currentItemChanged.connect(self._on_current)
        self.list.verticalScrollBar().valueChanged.connect(self._on_scrolled)
        self.status = plain_label("", "hint")
        self.record = CallRecord(phone, tokens)
        self.record.deleted.connect(self._forget)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_TYPING_PAUSE_MS)
        self._pause.timeout.connect(self.reload)
        self.search.textChanged.connect(self._on_words)
        self.search.returnPressed.connect(self.reload)
        delete = QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self.list)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(self.record.ask_to_delete)
        self._build()

    @property
    def calls(self) -> list[Call]:
        """The calls on the list, newest first."""
        return [_call_of(self.list.item(row)) for row in range(self.list.count())]

    def set_tokens(self, tokens: Tokens) -> None:
        """Use another theme."""
        self._delegate.set_tokens(tokens)
        self.record.set_tokens(tokens)

    def on_call(self, event: CallChanged) -> None:
        """Take note of a change: a call on the list is shown anew, a new one comes on top."""
        call = event.call
        for row in range(self.list.count()):
            item = self.list.item(row)
            if _call_of(item).id == call.id:
                _show(item, call)
                shown = self.record.call
                if shown is not None and shown.id == call.id and not call.state.is_live:
                    self.record.show_call(call)
                return
        self._is_stale = True
        if self.isVisible():
            self._pause.start()

    def on_status(self, _event: PhoneStatusChanged) -> None:
        """Ask again for what could not be had: the phone runs by now."""
        if self._is_stale and self.isVisible():
            self._pause.start()

    def reload(self) -> None:
        """Ask for the newest calls that have the words."""
        self._pause.stop()
        self._is_stale = False
        self._ask(before="")

    def open_call(self, call_id: str) -> None:
        """Choose a call that is on the list."""
        for row, call in enumerate(self.calls):
            if call.id == call_id:
                self.list.setCurrentRow(row)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: D102 - Qt's own name
        super().showEvent(event)
        if self._is_stale:
            self.reload()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: D102 - Qt's own name
        super().resizeEvent(event)
        is_narrow = self.width() < _NARROW_EM * self.fontMetrics().averageCharWidth() * 2
        way = QBoxLayout.Direction.TopToBottom if is_narrow else QBoxLayout.Direction.LeftToRight
        self._columns.setDirection(way)

    def _on_words(self) -> None:
        self._pause.start()

    def _on_scrolled(self, value: int) -> None:
        bar = self.list.verticalScrollBar()
        if value >= bar.maximum() - bar.pageStep():
            self._ask_more()

    def _ask_more(self) -> None:
        if self._has_more and not self._is_asking:
            self._ask(before=self.calls[-1].id)

    def _ask(self, *, before: str) -> None:
        self._question += 1
        question = self._question
        self._is_asking = True
        self.status.setText("Looking…")
        self._mailbox.expect(
            self._phone.history(self.search.text().strip(), PAGE_SIZE, before),
            lambda calls: self._take(question, calls, is_first=not before),
            lambda error: self._fail(question, error),
        )

    def _take(self, question: int, calls: Sequence[Call], *, is_first: bool) -> None:
        if question != self._question:
            return  # an answer to what is no longer asked
        self._is_asking = False
        self._has_more = len(calls) == PAGE_SIZE
        if is_first:
            self._replace(calls)
        else:
            known = {call.id for call in self.calls}
            for call in calls:
                if call.id not in known:
                    self._append(call)
        self._show_status()

    def _replace(self, calls: Sequence[Call]) -> None:
        chosen = self.record.call
        self.list.blockSignals(True)
        self.list.clear()
        for call in calls:
            self._append(call)
            if chosen is not None and call.id == chosen.id:
                self.list.setCurrentRow(self.list.count() - 1)
        self.list.blockSignals(False)
        if chosen is not None and self.list.currentItem() is None:
            self.record.show_call(None)

    def _append(self, call: Call) -> None:
        item = QListWidgetItem()
        _show(item, call)
        self.list.addItem(item)

    def _fail(self, question: int, error: DesktopVoiceError) -> None:
        if question == self._question:
            self._is_asking = False
            self._is_stale = True
            self.status.setText(f"{error.what} {error.do}")

    def _show_status(self) -> None:
        count = self.list.count()
        if count:
            text = f"{count} calls{', scroll for more' if self._has_more else ''}"
            text = "1 call" if count == 1 else text
        else:
            text = "No call has these words." if self.search.text().strip() else "No calls yet."
        if text != self.status.text():
            self.status.setText(text)
            announce(self.status, text)

    def _on_current(self, item: QListWidgetItem | None, _before: QListWidgetItem | None) -> None:
        self.record.show_call(None if item is None else _call_of(item))
        if item is not None and self.list.row(item) >= self.list.count() - _NEAR_END_ROWS:
            self._ask_more()

    def _forget(self, call_id: str) -> None:
        for row, call in enumerate(self.calls):
            if call.id == call_id:
                self.list.takeItem(row)
        if self.list.currentItem() is None:
            self.record.show_call(None)
        self._show_status()
        self.list.setFocus()

    def _build(self) -> None:
        card = QFrame()
        set_kind(card, "card")
        left = QVBoxLayout(card)
        left.setContentsMargins(14, 14, 14, 12)
        left.setSpacing(8)
        left.addWidget(self.search)
        left.addWidget(self.list, 1)
        left.addWidget(self.status)
        self._columns = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._columns.setContentsMargins(0, 0, 0, 0)
        self._columns.setSpacing(16)
        self._columns.addWidget(card, 4)
        self._columns.addWidget(self.record, 5)


def _call_of(item: QListWidgetItem) -> Call:
    call = item.data(Qt.ItemDataRole.UserRole)
    if not isinstance(call, Call):
        raise TypeError("an item of the history holds a call")
    return call


def _show(item: QListWidgetItem, call: Call) -> None:
    spent = words.talk_time(call, call.ended_at or call.created_at)
    length = f"{words.duration_text(spent.total_seconds())} · " if spent is not None else ""
    item.setText(
        f"{words.direction_shape(call.direction)} {visible(words.number_text(call.number))}\n"
        f"{words.when_text(call.created_at)} · {length}{words.outcome_text(call)}"
    )
    item.setData(Qt.ItemDataRole.UserRole, call)
    item.setData(
        Qt.ItemDataRole.AccessibleTextRole,
        f"{words.direction_text(call.direction)} {item.text()}".replace("\n", ", "),
    )
