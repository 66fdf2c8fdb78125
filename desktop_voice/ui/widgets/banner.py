"""Banners: errors and notices that stay until the user has dealt with them."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from desktop_voice.core.events import ErrorRaised, Notice
from desktop_voice.ui.announce import announce
from desktop_voice.ui.theme.manager import set_kind

_MAX_SHOWN = 2

Message = ErrorRaised | Notice
Action = tuple[str, Callable[[], None]]


class Banner(QFrame):
    """One message: what happened, what to do, and the buttons for it."""

    dismissed = Signal()
    acted = Signal()

    def __init__(self, message: Message, action: Action | None = None) -> None:
        super().__init__()
        self.message = message
        is_error = isinstance(message, ErrorRaised)
        set_kind(self, "banner-error" if is_error else "banner-notice")
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 9, 9, 9)
        row.setSpacing(10)
        sign = QLabel("⚠" if is_error else "ℹ")
        set_kind(sign, "heading")
        row.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(1)
        what = QLabel(message.what)
        what.setTextFormat(Qt.TextFormat.PlainText)
        what.setWordWrap(True)
        set_kind(what, "label")
        words.addWidget(what)
        do = f"{message.do} ({message.code})" if isinstance(message, ErrorRaised) else message.do
        if do:
            advice = QLabel(do)
            advice.setTextFormat(Qt.TextFormat.PlainText)
            advice.setWordWrap(True)
            set_kind(advice, "hint")
            words.addWidget(advice)
        row.addLayout(words, 1)
        if action is not None:
            act = QPushButton(action[0])
            act.setAccessibleDescription(message.what)
            act.clicked.connect(self.acted)
            row.addWidget(act, 0, Qt.AlignmentFlag.AlignVCenter)
        dismiss = QPushButton("✕")
        set_kind(dismiss, "quiet")
        dismiss.setAccessibleName("Dismiss message")
        dismiss.setAccessibleDescription(message.what)
        dismiss.setToolTip("Dismiss")
        dismiss.clicked.connect(self.dismissed)
        row.addWidget(dismiss, 0, Qt.AlignmentFlag.AlignVCenter)


class BannerStack(QWidget):
    """The newest messages, each once; older ones come up as these are dismissed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._messages: list[Message] = []
        self._actions: dict[Message, Action] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(12, 10, 12, 2)
        self._column.setSpacing(8)
        self._more = QLabel("")
        set_kind(self._more, "hint")
        self._banners: list[Banner] = []
        self._column.addWidget(self._more)
        self._refresh()

    @property
    def messages(self) -> tuple[Message, ...]:
        """All messages that were not dismissed, the newest first."""
        return tuple(self._messages)

    def add(self, message: Message, action: Action | None = None) -> None:
        """Show ``message`` on top; a repeated one moves up instead of standing twice.

        ``action`` is a further button: its text, and what it does besides dismissing.
        """
        if message in self._messages:
            self._messages.remove(message)
        self._messages.insert(0, message)
        if action is not None:
            self._actions[message] = action
        self._refresh()
        announce(self, f"{message.what} {message.do}".strip())

    def dismiss(self, message: Message) -> None:
        """Forget ``message``, if it is still there."""
        self._actions.pop(message, None)
        if message in self._messages:
            self._messages.remove(message)
            self._refresh()

    def _act(self, message: Message) -> None:
        action = self._actions.get(message)
        self.dismiss(message)
        if action is not None:
            action[1]()

    def _refresh(self) -> None:
        for banner in self._banners:
            self._column.removeWidget(banner)
            banner.hide()
            banner.deleteLater()
        self._banners = [self._banner(message) for message in self._messages[:_MAX_SHOWN]]
        for index, banner in enumerate(self._banners):
            self._column.insertWidget(index, banner)
        hidden = len(self._messages) - len(self._banners)
        self._more.setText(f"and {hidden} more" if hidden else "")
        self._more.setVisible(hidden > 0)
        self.setVisible(bool(self._messages))

    def _banner(self, message: Message) -> Banner:
        banner = Banner(message, self._actions.get(message))
        banner.acted.connect(lambda: self._act(message))
        banner.dismissed.connect(lambda: self.dismiss(message))
        return banner
