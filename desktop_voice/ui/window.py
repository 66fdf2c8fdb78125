"""The main window: navigation, pages, banners and the keys that work everywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future

from PySide6.QtCore import Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QMainWindow,
    QStackedWidget,
    QSystemTrayIcon,
    QVBoxLayout,
    QWidget,
)

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.ports import (
    AssistantControl,
    PhoneControl,
    SettingsStore,
    VaultControl,
)
from desktop_voice.core.settings import SettingChange, Settings
from desktop_voice.ui.app_icon import app_icon
from desktop_voice.ui.bridge import Bridge
from desktop_voice.ui.call_attention import CallAttention
from desktop_voice.ui.call_watch import CallWatch
from desktop_voice.ui.navigation import Navigation
from desktop_voice.ui.onboarding.guide import FirstRunGuide
from desktop_voice.ui.pages.assistant import AssistantPage
from desktop_voice.ui.pages.calls import CallsPage
from desktop_voice.ui.pages.let_in_callers import LetInCallers
from desktop_voice.ui.pages.phone_setup import PhoneSetupPage
from desktop_voice.ui.pages.settings import SettingsPage
from desktop_voice.ui.pages.vault_door import RecoveryKey
from desktop_voice.ui.quit_question import QuitGuard
from desktop_voice.ui.reach_attention import ReachAttention
from desktop_voice.ui.reach_watch import ReachWatch
from desktop_voice.ui.retry import retry_of
from desktop_voice.ui.settings_controller import SettingsController
from desktop_voice.ui.talk_key import TalkKey
from desktop_voice.ui.theme.manager import ThemeManager
from desktop_voice.ui.theme.tokens import Tokens
from desktop_voice.ui.vault_notice import VaultNotice
from desktop_voice.ui.widgets.banner import BannerStack


class MainWindow(QMainWindow):
    """The one window. Paints before any engine is loaded; call :meth:`shut_down` at the end.

    ``quit_requested`` asks the app to end; ``hidden_to_tray`` follows a close that only hid the
    window. Main thread only, but for ``recovery_key_made``: emitted with the recovery key of a
    vault that was made elsewhere than in its panel, it has the key shown.

    Args:
        control: The assistant.
        bus: Where its events arrive, from any thread.
        settings_store: The settings as kept between starts.
        phone: The phone; without one there is no calls page.
        vault: The vault; without one the settings have no panel for it.
        test_key: Tries a key of the vault and returns in words what came of it.
    """

    quit_requested = Signal()
    hidden_to_tray = Signal()
    recovery_key_made = Signal(str)

    def __init__(
        self,
        control: AssistantControl,
        bus: EventBus,
        settings_store: SettingsStore,
        *,
        phone: PhoneControl | None = None,
        vault: VaultControl | None = None,
        test_key: Callable[[str], Future[str]] | None = None,
    ) -> None:
        super().__init__()
        app = QApplication.instance()
        if not isinstance(app, QApplication):
            raise TypeError("a window needs a QApplication")
        self._app = app
        self.control = control
        self.bridge = Bridge(bus)
        self.settings = SettingsController(settings_store, control)
        self.theme = ThemeManager(app, self.settings.current.general.theme)
        self.banners = BannerStack()
        self.recovery_key = RecoveryKey()
        self.assistant = AssistantPage(
            control, self.bridge, self.settings.current, self.theme.tokens
        )
        self.watch = CallWatch(phone, self.bridge) if phone is not None else None
        self.reach = ReachWatch(phone, self.bridge) if phone is not None else None
        self.calls: CallsPage | None = None
        self._settings_page: SettingsPage | None = None
        self._setup_page: PhoneSetupPage | None = None
        self._vault = vault
        self._test_key = test_key
        self.quit_guard = QuitGuard(self, self.watch)
        self._vault_notice = (
            VaultNotice(vault, self.banners, lambda: self.open_settings("vault"))
            if vault is not None
            else None
        )
        self.guide: FirstRunGuide | None = None
        self._models_found: dict[str, ev.ModelFound] = {}
        self._talk_key = TalkKey(self)
        self._build()
        self._connect()
        self._use_settings(self.settings.current)
        if settings_store.problem is not None:
            self.banners.add(ev.ErrorRaised.of(settings_store.problem))
        if not self.settings.current.general.first_run_done:
            self.open_guide()

    @property
    def settings_page(self) -> SettingsPage:
        """The settings; built when they are first wanted, so that the window paints sooner."""
        if self._settings_page is None:
            self._settings_page = SettingsPage(
                self.settings,
                self.control,
                vault=self._vault,
                test_key=self._test_key,
                callers=LetInCallers(self.watch.phone, self.bridge) if self.watch else None,
            )
            self._settings_page.guide_wanted.connect(self.open_guide)
            if self._settings_page.vault is not None and self._vault_notice is not None:
                self._settings_page.vault.status_changed.connect(self._vault_notice.show_status)
            self._pages.addWidget(self._settings_page)
        return self._settings_page

    @property
    def setup_page(self) -> PhoneSetupPage | None:
        """The phone's set-up, built when it is first wanted; None if there is no phone."""
        if self._setup_page is None and self.watch is not None and self.reach is not None:
            page = PhoneSetupPage(self.watch.phone, self.reach, self.settings, self._vault)
            page.back_wanted.connect(self.open_calls)
            self.bridge.download_progress.connect(page.show_progress)
            if self._vault_notice is not None:
                page.status_changed.connect(self._vault_notice.show_status)
            self._pages.addWidget(page)
            self._setup_page = page
        return self._setup_page

    def open_window(self) -> None:
        """Show the window and bring it to the front."""
        self.setWindowState(self.windowState() & ~self.windowState().WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def open_assistant(self) -> None:
        """Show the conversation."""
        self._open_page(self.assistant)

    def open_calls(self) -> None:
        """Show the calls, if there is a phone."""
        if self.calls is not None:
            self._open_page(self.calls)
            self.calls.show_now()

    def open_phone_setup(self) -> None:
        """Show the phone's set-up, if there is a phone."""
        page = self.setup_page
        if page is not None:
            self._open_page(page)

    def mend_reach(self) -> None:
        """Show the phone's set-up and mend what callers fail at, as its button does."""
        page = self.setup_page
        if page is not None:
            self._open_page(page)
            page.mend()

    def open_settings(self, section: str = "") -> None:
        """Show the settings, scrolled to ``section`` if one is named."""
        self._open_page(self.settings_page)
        self.settings_page.show_section(section)

    def open_guide(self) -> None:
        """Show the first-run guide over the pages."""
        if self.guide is not None:
            return
        self.guide = FirstRunGuide(
            self.control, self.bridge, self.settings, has_phone=self.watch is not None
        )
        for found in self._models_found.values():
            self.guide.offer_model(found)
        self.guide.finished.connect(self.close_guide)
        self.guide.phone_wanted.connect(self.open_phone_setup)
        self._root.addWidget(self.guide)
        self._root.setCurrentWidget(self.guide)
        self.guide.next.setFocus()

    def close_guide(self) -> None:
        """Leave the first-run guide, if it is open."""
        if self.guide is None:
            return
        guide, self.guide = self.guide, None
        self._root.setCurrentIndex(0)
        self._root.removeWidget(guide)
        guide.deleteLater()
        self.assistant.orb.setFocus()

    def shut_down(self) -> None:
        """Hear no more events; the window may be dropped then."""
        self.bridge.close()
        self.hide()

    def request_quit(self) -> None:
        """Ask the app to end; while calls go on, ask the user first."""
        if self._app.isSavingSession():
            self.quit_requested.emit()
            return
        if self.quit_guard.must_ask:
            self.open_window()
        self.quit_guard.request()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: D102 - Qt's own name
        stays = (
            self.settings.current.general.close_to_tray
            and QSystemTrayIcon.isSystemTrayAvailable()
            and not self._app.isSavingSession()
        )
        event.ignore()
        if stays:
            self.hide()
            self.hidden_to_tray.emit()
        else:
            self.request_quit()

    def _open_page(self, page: QWidget) -> None:
        self.close_guide()
        self._pages.setCurrentWidget(page)
        name = "Settings" if page is self._settings_page else "Assistant"
        is_phone = page in (self.calls, self._setup_page)
        self.navigation.show_current("Calls" if is_phone else name)

    def _build(self) -> None:
        self.setWindowTitle("Desktop Voice")
        self.setWindowIcon(app_icon())
        self.resize(1060, 680)
        self._pages = QStackedWidget()
        self._pages.addWidget(self.assistant)
        main = QWidget()
        row = QHBoxLayout(main)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self.navigation = self._navigation()
        row.addWidget(self.navigation)
        row.addWidget(self._pages, 1)
        self._root = QStackedWidget()
        self._root.addWidget(main)
        shell = QWidget()
        shell.setObjectName("shell")
        column = QVBoxLayout(shell)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.banners)
        self._key_row = QWidget()
        key_row = QVBoxLayout(self._key_row)
        key_row.setContentsMargins(12, 10, 12, 2)
        key_row.addWidget(self.recovery_key)
        self._key_row.hide()
        self.recovery_key.done.clicked.connect(self._key_row.hide)
        column.addWidget(self._key_row)
        column.addWidget(self._root, 1)
        self.setCentralWidget(shell)

    def _navigation(self) -> Navigation:
        navigation = Navigation(self.theme.tokens)
        navigation.add("Assistant", "Ctrl+1", self.open_assistant)
        if self.watch is not None and self.reach is not None:
            button = navigation.add("Calls", "Ctrl+2", self.open_calls)
            self.calls = CallsPage(
                self.watch, self.reach, self.bridge, self.settings.current, self.theme.tokens
            )
            self.calls.settings_wanted.connect(self.open_settings)
            self.calls.setup_wanted.connect(self.open_phone_setup)
            self.calls.repair_wanted.connect(self.mend_reach)
            self._pages.addWidget(self.calls)
            CallAttention(
                self.watch, self.bridge, self.calls, self.open_calls, button, self.banners
            )
            ReachAttention(self.reach, self.banners, self._sees_reach, self.mend_reach)
        navigation.add("Settings", self._settings_keys, self.open_settings)
        return navigation

    @property
    def _settings_keys(self) -> str:
        return "Ctrl+2" if self.watch is None else "Ctrl+3"

    def _connect(self) -> None:
        bridge = self.bridge
        bridge.error.connect(self._on_error)
        bridge.notice.connect(self.banners.add)
        bridge.alarm.connect(self._on_alarm)
        bridge.model_found.connect(self._on_model_found)
        bridge.devices_changed.connect(self._refresh_choices)
        bridge.engines_ready.connect(self._refresh_choices)
        self._talk_key.pressed.connect(self.control.press_talk)
        self._talk_key.released.connect(self.control.release_talk)
        self.assistant.settings_wanted.connect(self.open_settings)
        self.quit_guard.quit_agreed.connect(self.quit_requested)
        self.settings.changed.connect(self._use_settings)
        bridge.setting_changed.connect(
            lambda event: self._keep_settings([(event.section, event.field, event.value)])
        )
        bridge.settings_wanted.connect(lambda event: self._keep_settings(event.changes))
        if self.watch is not None:
            self.settings.chosen.connect(self.watch.phone.apply_settings)
        self.recovery_key_made.connect(self._show_recovery_key)
        self.theme.changed.connect(self._use_tokens)
        for keys, slot in (
            ("Esc", self._stop),
            ("Ctrl+1", self.open_assistant),
            *((("Ctrl+2", self.open_calls),) if self.watch is not None else ()),
            (self._settings_keys, self.open_settings),
            ("Ctrl+,", self.open_settings),
            ("Ctrl+Shift+M", self.assistant.toggle_mute),
            ("Ctrl+L", self._type),
            ("Ctrl+F", self._find),
            ("Ctrl+Q", self.request_quit),
        ):
            QShortcut(QKeySequence(keys), self).activated.connect(slot)

    def _use_settings(self, settings: Settings) -> None:
        self.theme.set_theme(settings.general.theme)
        self._talk_key.set_key(settings.general.push_to_talk_key)
        self.assistant.use_settings(settings)
        if self.calls is not None:
            self.calls.use_settings(settings)
        key = settings.general.push_to_talk_key
        rows = [f"{key}  talk"] if key else []
        self.navigation.show_keys([*rows, "Esc  stop", "Ctrl+Shift+M  mute"])

    def _keep_settings(self, changes: Sequence[SettingChange]) -> None:
        """Keep what the phone or the desk uses already; say so if it cannot be saved."""
        problem = self.settings.adopt(changes)
        if problem is not None:
            what = f"{problem.what} What was just changed is in use until the app is closed."
            self.banners.add(ev.ErrorRaised(problem.code, what, problem.do))

    def _show_recovery_key(self, code: str) -> None:
        self._key_row.show()
        self.recovery_key.show_code(code)
        self.open_window()

    def _use_tokens(self, tokens: Tokens) -> None:
        self.assistant.set_tokens(tokens)
        self.navigation.set_tokens(tokens)
        if self.calls is not None:
            self.calls.set_tokens(tokens)

    def _refresh_choices(self, _event: ev.Event) -> None:
        if self._settings_page is not None:
            self._settings_page.refresh_choices()

    def _on_error(self, event: ev.ErrorRaised) -> None:
        phone = self.watch.phone if self.watch is not None else None
        retry = retry_of(event, self.control, phone)
        self.banners.add(event, None if retry is None else ("Retry", retry))

    def _on_alarm(self, event: ev.AlarmRang) -> None:
        self.banners.add(ev.Notice(event.text))

    def _on_model_found(self, event: ev.ModelFound) -> None:
        self._models_found[event.base_url] = event
        if self.guide is not None:
            self.guide.offer_model(event)

    def _stop(self) -> None:
        page = self._pages.currentWidget()
        if isinstance(page, CallsPage) and page.refuse_question():
            return
        self.control.stop_reply()
        if self.assistant.find_bar.isVisible():
            self.assistant.find_bar.close_bar()

    def _sees_reach(self) -> bool:
        return self._pages.currentWidget() in (self.calls, self._setup_page)

    def _type(self) -> None:
        self.open_assistant()
        self.assistant.line.setFocus()

    def _find(self) -> None:
        page = self._pages.currentWidget()
        if isinstance(page, SettingsPage):
            page.search.setFocus()
        elif isinstance(page, CallsPage):
            page.start_search()
        elif page is self.assistant:
            self.assistant.find_bar.open()
