"""The page “Phone set-up”: from keys to a proven number with one button."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.core.events import DownloadProgress
from desktop_voice.core.phone_settings import CarrierChoice
from desktop_voice.core.ports import PhoneControl, VaultControl, VaultStatus
from desktop_voice.core.reach import Fix, Hop, HopReport, NumberChoice, Reach, ReachState, SetUpWish
from desktop_voice.core.settings import SettingChange, Settings
from desktop_voice.ui.announce import announce
from desktop_voice.ui.mailbox import Mailbox
from desktop_voice.ui.pages.away_choice import AwayPicker
from desktop_voice.ui.pages.caller_rules import CallerRules
from desktop_voice.ui.pages.carrier_guide import CARRIERS
from desktop_voice.ui.pages.carrier_keys import CarrierKeys
from desktop_voice.ui.pages.key_field import KeyField
from desktop_voice.ui.pages.key_keeper import KeyKeeper
from desktop_voice.ui.pages.number_picker import NumberPicker
from desktop_voice.ui.pages.reach_panel import ReachPanel
from desktop_voice.ui.pages.tunnel_picker import TunnelPicker
from desktop_voice.ui.pages.vault_gate import VaultGate
from desktop_voice.ui.reach_watch import ReachWatch
from desktop_voice.ui.reach_words import needs_user
from desktop_voice.ui.settings_controller import SettingsController
from desktop_voice.ui.theme.manager import set_kind
from desktop_voice.ui.visible_text import breakable, visible
from desktop_voice.ui.widgets.option_list import OptionList
from desktop_voice.ui.widgets.plain_label import plain_label

_NARROW_EM = 54


class PhoneSetupPage(QWidget):
    """Carrier, number, tunnel and callers on one side; the way to this machine on the other.

    What is typed stays while the page is left. ``back_wanted`` asks for the calls page;
    ``status_changed`` carries the vault's :class:`VaultStatus`.

    Args:
        phone: What sets the number up.
        watch: How callers get through.
        settings: The window's way to the settings.
        vault: Where the keys go; without one they come from the environment alone.
    """

    back_wanted = Signal()
    status_changed = Signal(object)

    def __init__(
        self,
        phone: PhoneControl,
        watch: ReachWatch,
        settings: SettingsController,
        vault: VaultControl | None,
    ) -> None:
        super().__init__()
        self.setObjectName("page")
        self._phone = phone
        self._watch = watch
        self._settings = settings
        self._mailbox = Mailbox(self)
        self._asked_for: CarrierName | None = None
        self._carrier_setting = CarrierChoice.NONE
        self.carrier = OptionList(
            [(name.value, guide.title, f"Needs {guide.needs}") for name, guide in CARRIERS.items()],
            "Carrier",
        )
        self.keys = {name: CarrierKeys(name) for name in CarrierName}
        self.gate = VaultGate(vault) if vault is not None else None
        self._keeper = (
            KeyKeeper(vault, self.gate) if vault is not None and self.gate is not None else None
        )
        self.number = NumberPicker()
        self.tunnel = TunnelPicker(settings.current, has_vault=vault is not None)
        self.callers = CallerRules(settings)
        self.away = AwayPicker(settings)
        self.reach = ReachPanel()
        self.status = plain_label("", "hint")
        self.check = QPushButton("Check again")
        self.start = QPushButton("Make my number work")
        set_kind(self.start, "primary")
        self._build()
        self._connect()
        self._use_carrier_setting(settings.current)
        self._show_carrier()
        self._show_reach(watch.reach)

    @property
    def chosen_carrier(self) -> CarrierName | None:
        """The carrier that is chosen here; None while none is."""
        return CarrierName(self.carrier.value) if self.carrier.value else None

    def show_progress(self, event: DownloadProgress) -> None:
        """Show how far a download is."""
        self.reach.show_progress(event)

    def mend(self) -> None:
        """Do what the button beside the dead hop does, as if it were pressed."""
        dead = self._watch.dead
        if dead is not None:
            row = self.reach.hops.rows[dead.hop]
            row.start_fix()
            if not needs_user(dead.fix):
                self._bring_up(row)

    def make_it_work(self) -> None:
        """Keep the keys, save the choices, and have the number set up and proven."""
        carrier = self.chosen_carrier
        if carrier is None:
            self._tell("Choose a carrier first.", is_problem=True)
            self._focus(self.carrier)
            return
        line = self.tunnel.missing()
        if line is not None:
            line.show_problem("This way needs it.")
            self._focus(line)
            return
        self._tell("")
        self._keep((*self.keys[carrier].fields, *self.tunnel.fields), self._set_up)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: D102 - Qt's own name
        super().showEvent(event)
        if self.gate is not None:
            self.gate.refresh()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: D102 - Qt's own name
        super().hideEvent(event)
        if self._keeper is not None and self.gate is not None:
            self._keeper.forget()
            self.gate.door.clear()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: D102 - Qt's own name
        super().resizeEvent(event)
        em = self.fontMetrics().averageCharWidth() * 2
        is_narrow = self.width() < _NARROW_EM * em
        way = QBoxLayout.Direction.TopToBottom if is_narrow else QBoxLayout.Direction.LeftToRight
        self._columns.setDirection(way)

    # --- keys and numbers ---

    def _keep(self, fields: tuple[KeyField, ...], then: Callable[[], None]) -> None:
        if self._keeper is None:
            then()
            return
        if any(field.value for field in fields):
            # Another account may have other numbers.
            self._asked_for = None
        self._keeper.keep(fields, then)
        if self._keeper.is_waiting:
            self._tell("Your keys need an open vault. It goes on by itself then.")
            self._bring_up(self.gate)

    def _on_vault(self, status: VaultStatus) -> None:
        for keys in self.keys.values():
            keys.show_status(status)
        self.tunnel.show_status(status)
        self.status_changed.emit(status)
        carrier = self.chosen_carrier
        if carrier is not None and self._asked_for is not carrier and self._has_all(carrier):
            self._ask_for_numbers()

    def _has_all(self, carrier: CarrierName) -> bool:
        return self.keys[carrier].are_known and not self.keys[carrier].is_typed

    def _find_numbers(self) -> None:
        carrier = self.chosen_carrier
        if carrier is None:
            self._focus(self.carrier)
        else:
            self._keep(self.keys[carrier].fields, self._ask_for_numbers)

    def _ask_for_numbers(self) -> None:
        carrier = self.chosen_carrier
        if carrier is None:
            return
        self._asked_for = carrier
        self.number.show_search()
        self._mailbox.expect(
            self._phone.numbers(carrier),
            lambda choices: self._show_numbers(carrier, choices),
            lambda error: self._show_no_numbers(carrier, error),
        )

    def _show_numbers(self, carrier: CarrierName, choices: list[NumberChoice]) -> None:
        if carrier is self.chosen_carrier:
            number = self._settings.current.phone.number
            self.number.show_numbers(choices, number, CARRIERS[carrier].buy)

    def _show_no_numbers(self, carrier: CarrierName, error: DesktopVoiceError) -> None:
        if carrier is self.chosen_carrier:
            self._asked_for = None
            self.number.show_problem(f"{error.what} {error.do}")

    # --- setting up ---

    def _set_up(self) -> None:
        carrier = self.chosen_carrier
        if carrier is None:
            return
        choice = CarrierChoice(carrier.value)
        changes: list[SettingChange] = [
            ("phone", "carrier", choice),
            *self.tunnel.changes(),
            *self.callers.changes(),
        ]
        if self.number.value or self._settings.current.phone.carrier is not choice:
            changes.append(("phone", "number", self.number.value))
        problem = self._settings.change_all(changes)
        if problem is not None:
            line = self.tunnel.line_of(problem.field)
            if line is not None:
                line.show_problem(problem.text)
                self._focus(line)
            else:
                self._tell(problem.text, is_problem=True)
            return
        wish = SetUpWish(
            carrier=carrier,
            number=self.number.value,
            tunnel=self.tunnel.provider,
            policy=self.callers.policy,
        )
        self._tell("Setting up…")
        self._bring_up(self.reach)
        self._mailbox.expect(self._phone.set_up(wish), self._done, self._failed)

    def _done(self, reach: Reach) -> None:
        self._show_reach(reach)
        self._tell("")
        if reach.broken is not None:
            self._bring_up(self.reach.hops.rows[reach.broken.hop])
        else:
            self._bring_up(self.reach.done)

    def _failed(self, error: DesktopVoiceError) -> None:
        self._tell(f"{error.what} {error.do} ({error.code})", is_problem=True)

    def _fix(self, report: HopReport) -> None:
        carrier = self.chosen_carrier
        match report.fix:
            case Fix.ENTER_KEYS if report.hop is Hop.TUNNEL and self.tunnel.fields:
                self._bring_up(self.tunnel)
                self.tunnel.fields[0].focus()
            case Fix.ENTER_KEYS if carrier is not None and self._keeper is not None:
                self._bring_up(self.keys[carrier])
                self.keys[carrier].focus()
            case Fix.ENTER_KEYS:
                self._focus(self.carrier)
            case Fix.UNLOCK_VAULT if self._keeper is not None and self.gate is not None:
                self._keeper.open_gate()
                self._bring_up(self.gate)
            case Fix.CHOOSE_NUMBER:
                self._bring_up(self.number)
                self.number.focus()
                if carrier is not None and not self.number.value:
                    self._ask_for_numbers()
            case Fix.CHOOSE_POLICY:
                self._focus(self.callers.options)
            case _:
                self._phone.repair(report.fix)

    def _rehearse(self) -> None:
        carrier = self.chosen_carrier
        if carrier is not None:
            self._phone.rehearse(carrier.value)
            self.back_wanted.emit()

    # --- what is shown ---

    def _pick_carrier(self) -> None:
        if self._keeper is not None:
            self._keeper.forget()
        self._asked_for = None
        self.number.show_unknown()
        self._tell("")
        self._show_carrier()
        if self.gate is not None and self.gate.status is not None:
            self._on_vault(self.gate.status)

    def _show_carrier(self) -> None:
        carrier = self.chosen_carrier
        for name, keys in self.keys.items():
            keys.setVisible(name is carrier and self.gate is not None)

    def _use_settings(self, settings: Settings) -> None:
        self._use_carrier_setting(settings)
        self.tunnel.use_settings(settings)
        self.callers.use_settings(settings)
        self.away.use_settings(settings)

    def _use_carrier_setting(self, settings: Settings) -> None:
        carrier = settings.phone.carrier
        if carrier is self._carrier_setting:
            return
        self._carrier_setting = carrier
        if carrier is not CarrierChoice.NONE and carrier.value != self.carrier.value:
            self.carrier.set_value(carrier.value)
            self._pick_carrier()

    def _show_reach(self, reach: Reach) -> None:
        self.reach.show_reach(reach)
        is_running = reach.state is ReachState.CHECKING
        self.start.setText("Start again" if is_running else "Make my number work")
        self.check.setEnabled(not is_running)

    def _tell(self, text: str, *, is_problem: bool = False) -> None:
        self.status.setText(breakable(visible(text)))
        set_kind(self.status, "problem" if is_problem else "hint")
        announce(self.status, text)

    def _focus(self, widget: QWidget) -> None:
        self._bring_up(widget)
        widget.setFocus()

    def _bring_up(self, widget: QWidget | None) -> None:
        if widget is None:
            return

        def scroll() -> None:
            if widget.isVisible():
                self._scroll.ensureWidgetVisible(widget, 0, 24)

        # What was just shown has its place only after the layout's next pass.
        QTimer.singleShot(0, self, scroll)

    def _connect(self) -> None:
        self.carrier.picked.connect(lambda _key: self._pick_carrier())
        for keys in self.keys.values():
            for field in keys.fields:
                field.submitted.connect(self.make_it_work)
        if self._keeper is not None:
            for field in self.findChildren(KeyField):
                field.import_wanted.connect(partial(self._keeper.take_over, field))
        if self.gate is not None:
            self.gate.status_changed.connect(self._on_vault)
        self.number.search_wanted.connect(self._find_numbers)
        self.reach.fix_wanted.connect(self._fix)
        self.reach.hops.asked.connect(self._bring_up)
        self.reach.rehearsal_wanted.connect(self._rehearse)
        self.start.clicked.connect(self.make_it_work)
        self.check.clicked.connect(self._phone.check_reach)
        self._watch.changed.connect(self._show_reach)
        self._settings.changed.connect(self._use_settings)

    def _build(self) -> None:
        self.back = QPushButton("‹ Calls")
        set_kind(self.back, "quiet")
        self.back.setAccessibleName("Back to the calls")
        self.back.clicked.connect(self.back_wanted)
        header = QHBoxLayout()
        header.setSpacing(10)
        header.addWidget(self.back)
        header.addWidget(plain_label("Phone set-up", "title", wraps=False))
        header.addStretch(1)
        choices = QVBoxLayout()
        choices.setSpacing(14)
        choices.addWidget(_card("Carrier", self.carrier, *self.keys.values(), self.gate))
        choices.addWidget(_card("Number", self.number))
        choices.addWidget(_card("Tunnel", self.tunnel))
        choices.addWidget(_card("Who may call in", self.callers))
        choices.addStretch(1)
        way = QVBoxLayout()
        way.setSpacing(14)
        way.addWidget(self.reach)
        way.addWidget(_card("While the app is closed, callers get", self.away))
        way.addStretch(1)
        scrolled = QWidget()
        scrolled.setObjectName("scrolled")
        self._columns = QBoxLayout(QBoxLayout.Direction.LeftToRight, scrolled)
        self._columns.setContentsMargins(0, 0, 8, 16)
        self._columns.setSpacing(16)
        self._columns.addLayout(choices, 6)
        self._columns.addLayout(way, 5)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(scrolled)
        foot = QHBoxLayout()
        foot.setContentsMargins(0, 0, 8, 14)
        foot.setSpacing(10)
        foot.addWidget(self.status, 1)
        foot.addWidget(self.check)
        foot.addWidget(self.start)
        page = QVBoxLayout(self)
        page.setContentsMargins(24, 18, 16, 0)
        page.setSpacing(12)
        page.addLayout(header)
        page.addWidget(self._scroll, 1)
        page.addLayout(foot)


def _card(title: str, *widgets: QWidget | None) -> QFrame:
    card = QFrame()
    set_kind(card, "card")
    column = QVBoxLayout(card)
    column.setContentsMargins(20, 14, 20, 16)
    column.setSpacing(10)
    column.addWidget(plain_label(title, "heading"))
    for widget in widgets:
        if widget is not None:
            column.addWidget(widget)
    return card
