"""The whole interface in one object: window, tray and the commands of later starts."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication, QSystemTrayIcon

from desktop_voice.core.bus import EventBus
from desktop_voice.core.ports import AssistantControl, PhoneControl, SettingsStore, VaultControl
from desktop_voice.ui.tray import Tray
from desktop_voice.ui.window import MainWindow


class Shell(QObject):
    """Builds window and tray; ``quit_requested`` asks the app to end. Main thread only.

    The arguments are those of :class:`~desktop_voice.ui.window.MainWindow`.
    """

    quit_requested = Signal()

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
        QApplication.setQuitOnLastWindowClosed(False)
        QApplication.setApplicationDisplayName("Desktop Voice")
        self.window = MainWindow(
            control, bus, settings_store, phone=phone, vault=vault, test_key=test_key
        )
        self.tray = Tray(self.window)
        self.window.quit_requested.connect(self.quit_requested)
        # Calls are hung up first, which may take a while: nothing of the app is left to click on.
        self.quit_requested.connect(self.tray.icon.hide)
        self._commands: dict[str, Callable[[], None]] = {
            "--hidden": lambda: None,
            "--settings": self._open_settings,
            "--toggle-talk": control.toggle_talk,
            "--stop": control.stop_reply,
            "--mute": lambda: control.set_muted(True),
            "--unmute": lambda: control.set_muted(False),
            "--quit": self.quit_requested.emit,
        }

    def start(self, *, hidden: bool) -> None:
        """Show the tray, and the window unless it shall stay ``hidden`` and can be reached."""
        self.tray.show()
        if not hidden or not QSystemTrayIcon.isSystemTrayAvailable():
            self.window.open_window()

    def handle_command(self, arguments: list[str]) -> None:
        """Do what a later start was asked to do; without a known flag, open the window."""
        known = [self._commands[word] for word in arguments if word in self._commands]
        for command in known or [self.window.open_window]:
            command()

    def close(self) -> None:
        """Take window and tray away and hear no more events."""
        self.tray.close()
        self.window.shut_down()

    def _open_settings(self) -> None:
        self.window.open_settings()
        self.window.open_window()
