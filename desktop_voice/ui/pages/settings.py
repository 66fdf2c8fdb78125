"""The settings page: generated from the settings model, saved and applied at every change."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from desktop_voice.core.ports import AssistantControl, VaultControl
from desktop_voice.core.settings import Settings
from desktop_voice.ui.announce import announce
from desktop_voice.ui.pages.let_in_callers import LetInCallers
from desktop_voice.ui.pages.setting_row import FieldRow, live_choices
from desktop_voice.ui.pages.setting_spec import SectionSpec, section_specs
from desktop_voice.ui.pages.vault_panel import TestKey, VaultPanel
from desktop_voice.ui.settings_controller import SettingsController
from desktop_voice.ui.theme.manager import set_kind

_SAVED_HINT_MS = 2500
_VAULT_BEHIND = "phone"
_CALLERS_IN = "inbound"


class SectionCard(QFrame):
    """One section of the settings as a card; that of incoming calls with the ``callers``."""

    def __init__(
        self, spec: SectionSpec, rows: Sequence[FieldRow], callers: LetInCallers | None = None
    ) -> None:
        super().__init__()
        self.spec = spec
        self.rows = tuple(rows)
        self.callers = callers
        set_kind(self, "card")
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 14, 14, 10)
        column.setSpacing(0)
        heading = QLabel(spec.title)
        set_kind(heading, "heading")
        column.addWidget(heading)
        column.addSpacing(4)
        for row in rows:
            column.addWidget(row)
        if callers is not None:
            column.addWidget(callers)

    def filter(self, words: str) -> int:
        """Show only the rows that match; return how many do."""
        whole = words.strip().casefold() in self.spec.title.casefold()
        hits = 0
        for row in self.rows:
            is_hit = whole or row.spec.matches(words)
            row.setVisible(is_hit)
            hits += is_hit
        if self.callers is not None:
            hits += self.callers.filter(words, is_whole=whole)
        self.setVisible(hits > 0)
        return hits


class SettingsPage(QWidget):
    """All settings with a search, the vault's panel and the callers, if there are such.

    ``guide_wanted`` asks for the first-run guide.
    """

    guide_wanted = Signal()

    def __init__(
        self,
        settings: SettingsController,
        control: AssistantControl,
        *,
        vault: VaultControl | None = None,
        test_key: TestKey | None = None,
        callers: LetInCallers | None = None,
    ) -> None:
        super().__init__()
        self.callers = callers
        self.vault = VaultPanel(vault, test_key) if vault is not None else None
        self.setObjectName("page")
        self._settings = settings
        self._control = control
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search settings")
        self.search.setAccessibleName("Search settings")
        self.search.setClearButtonEnabled(False)
        self.search.setFixedWidth(230)
        self.search.textChanged.connect(self._filter)
        self._saved = QLabel("")
        set_kind(self._saved, "success")
        self._saved_timer = QTimer(self)
        self._saved_timer.setSingleShot(True)
        self._saved_timer.setInterval(_SAVED_HINT_MS)
        self._saved_timer.timeout.connect(self._saved.clear)
        self.rows: dict[tuple[str, str], FieldRow] = {}
        self.cards = [self._card(spec) for spec in section_specs()]
        self._build()
        settings.changed.connect(self._show_values)

    @property
    def saved_text(self) -> str:
        """The hint that follows a saved change for a moment; empty otherwise."""
        return self._saved.text()

    def show_section(self, section: str) -> None:
        """Scroll to ``section``, the name of a field of the settings model."""
        self.search.clear()
        for card in self.cards:
            if card.spec.name == section:
                self._scrolled.adjustSize()
                self._scroll.verticalScrollBar().setValue(card.y() - 4)
                card.rows[0].editor.setFocus()
        if section == "vault" and self.vault is not None:
            self._scrolled.adjustSize()
            self._scroll.verticalScrollBar().setValue(self.vault.y() - 4)
            self.vault.door.first.setFocus()

    def refresh_choices(self) -> None:
        """Read devices, voices, wake words and engines again."""
        for row in self.rows.values():
            row.editor.refresh()

    def _build(self) -> None:
        title = QLabel("Settings")
        set_kind(title, "title")
        guide = QPushButton("First-run guide")
        guide.setToolTip("Go through microphone, wake word, voice and model again")
        guide.clicked.connect(self.guide_wanted)
        header = QHBoxLayout()
        header.setSpacing(12)
        header.addWidget(title)
        header.addStretch(1)
        header.addWidget(self._saved)
        header.addWidget(self.search)
        header.addWidget(guide)
        self._nothing = QLabel("No setting matches.")
        set_kind(self._nothing, "hint")
        self._nothing.hide()
        self._scrolled = scrolled = QWidget()
        scrolled.setObjectName("scrolled")
        column = QVBoxLayout(scrolled)
        column.setContentsMargins(0, 0, 8, 0)
        column.setSpacing(14)
        for card in self.cards:
            column.addWidget(card)
            if card.spec.name == _VAULT_BEHIND and self.vault is not None:
                column.addWidget(self.vault)
        column.addWidget(self._nothing)
        column.addStretch(1)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(scrolled)
        page = QVBoxLayout(self)
        page.setContentsMargins(24, 18, 16, 0)
        page.setSpacing(14)
        page.addLayout(header)
        page.addWidget(self._scroll, 1)

    def _card(self, spec: SectionSpec) -> SectionCard:
        rows = []
        choices = live_choices(self._control)
        for field in spec.fields:
            row = FieldRow(field, self._settings, choices)
            row.saved.connect(self._show_saved)
            self.rows[(field.section, field.name)] = row
            rows.append(row)
        return SectionCard(spec, rows, self.callers if spec.name == _CALLERS_IN else None)

    def _show_values(self, settings: Settings) -> None:
        for row in self.rows.values():
            row.show_value(settings)

    def _show_saved(self, title: str) -> None:
        self._saved.setText("✓ Saved")
        self._saved_timer.start()
        announce(self._saved, f"{title} saved")

    def _filter(self, words: str) -> None:
        hits = sum(card.filter(words) for card in self.cards)
        if self.vault is not None:
            hits += self.vault.filter(words)
        self._nothing.setVisible(hits == 0)
        self._scroll.verticalScrollBar().setValue(0)
