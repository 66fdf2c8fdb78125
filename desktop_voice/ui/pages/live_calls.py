"""The live calls: a card each, and each call's words on its own card."""

from __future__ import annotations

from datetime import UTC, datetime

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop_voice.core import events as ev
from desktop_voice.core.calls import Call
from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.ui.bridge import Bridge
from desktop_voice.ui.call_watch import CallWatch
from desktop_voice.ui.mailbox import Mailbox
from desktop_voice.ui.pages.live_call_card import LiveCallCard
from desktop_voice.ui.theme.tokens import Tokens

_MAX_ENDED = 3
_MAX_OPEN = 2


class LiveCalls(QWidget):
    """The calls that go on, and the few that ended last until they are closed.

    ``changed`` follows when a card comes or goes.
    """

    changed = Signal()

    def __init__(self, watch: CallWatch, bridge: Bridge, tokens: Tokens) -> None:
        super().__init__()
        self._phone = watch.phone
        self._tokens = tokens
        self._mailbox = Mailbox(self)
        self.cards: dict[str, LiveCallCard] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(14)
        bridge.call_changed.connect(self._on_call)
        bridge.call_limit_near.connect(self._on_limit)
        bridge.call_partial.connect(self._on_partial)
        bridge.call_user_turn.connect(self._on_user_turn)
        bridge.call_reply_text.connect(self._on_reply_text)
        bridge.call_assistant_turn.connect(self._on_assistant_turn)
        bridge.call_tool_ran.connect(self._on_tool)
        for call in watch.calls:
            self._fetch_words(self._add(call))

    @property
    def is_empty(self) -> bool:
        """Whether there is no card at all."""
        return not self.cards

    def set_tokens(self, tokens: Tokens) -> None:
        """Use another theme."""
        self._tokens = tokens
        for card in self.cards.values():
            card.set_tokens(tokens)

    def tick(self, now: datetime) -> None:
        """Show the time on every card; ``now`` is UTC."""
        for card in self.cards.values():
            card.tick(now)

    def _on_call(self, event: ev.CallChanged) -> None:
        call = event.call
        card = self.cards.get(call.id)
        if card is not None:
            card.show_call(call)
            card.tick(datetime.now(UTC))
        elif call.state.is_live:
            self._add(call)
        if not call.state.is_live:
            self._drop_old()

    def _add(self, call: Call) -> LiveCallCard:
        card = LiveCallCard(call, self._tokens)
        phone, call_id = self._phone, call.id
        card.hang_up.connect(lambda: phone.hang_up(call_id))
        card.extend.connect(lambda: phone.extend(call_id))
        card.speak.connect(lambda text: phone.speak(call_id, text))
        card.key_pressed.connect(lambda key: phone.send_dtmf(call_id, key))
        card.closed.connect(lambda: self._remove(call_id))
        live = [one for one in self.cards.values() if one.call.state.is_live]
        card.set_expanded(len(live) < _MAX_OPEN)
        card.tick(datetime.now(UTC))
        self.cards[call_id] = card
        self._column.addWidget(card)
        self.changed.emit()
        return card

    def _fetch_words(self, card: LiveCallCard) -> None:
        def fail(_error: DesktopVoiceError) -> None:
            """Words from now on are shown; those before are in the history."""

        self._mailbox.expect(self._phone.transcript(card.call.id), card.fill, fail)

    def _drop_old(self) -> None:
        ended = [one.call.id for one in self.cards.values() if not one.call.state.is_live]
        for call_id in ended[:-_MAX_ENDED]:
            self._remove(call_id)

    def _remove(self, call_id: str) -> None:
        card = self.cards.pop(call_id)
        self._column.removeWidget(card)
        card.hide()
        card.deleteLater()
        self.changed.emit()

    def _on_limit(self, event: ev.CallLimitNear) -> None:
        card = self.cards.get(event.call_id)
        if card is not None:
            card.limit_near(event.seconds_left)

    def _on_partial(self, event: ev.PartialTranscript) -> None:
        card = self.cards.get(event.line)
        if card is not None:
            card.show_partial(event.text)

    def _on_user_turn(self, event: ev.UserTurn) -> None:
        card = self.cards.get(event.line)
        if card is not None:
            card.add_far_turn(event)

    def _on_reply_text(self, event: ev.ReplyText) -> None:
        card = self.cards.get(event.line)
        if card is not None:
            card.extend_reply(event.text)

    def _on_assistant_turn(self, event: ev.AssistantTurn) -> None:
        card = self.cards.get(event.line)
        if card is not None:
            card.finish_reply(event)

    def _on_tool(self, event: ev.ToolRan) -> None:
        card = self.cards.get(event.line)
        if card is not None:
            card.show_tool(event.name)
