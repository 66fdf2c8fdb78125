"""The app: builds the window, the assistant and the threads, and takes them down in order."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from concurrent.futures import Future

import structlog
from PySide6.QtWidgets import QApplication

from desktop_voice.core.bus import EventBus
from desktop_voice.core.clock import SystemClock
from desktop_voice.core.errors import CommandError
from desktop_voice.core.events import ErrorRaised, SettingChanged
from desktop_voice.desk.assistant import DeskAssistant
from desktop_voice.storage.paths import app_paths
from desktop_voice.storage.settings_file import SettingsFile
from desktop_voice.system.logs import configure_logs, install_exception_hooks
from desktop_voice.system.media_thread import MediaThread
from desktop_voice.system.single_instance import SingleInstance
from desktop_voice.ui import runtime
from desktop_voice.ui.shell import Shell

_log = structlog.get_logger()

_CLOSE_TIMEOUT_S = 5.0


def run_app(commands: Sequence[str], *, is_hidden: bool) -> int:
    """Open the app, or hand ``commands`` to the one that runs; return the exit status.

    Raises:
        CommandError: There is no desktop, or a running app does not answer.
    """
    if not _has_display():
        raise CommandError(
            "APP-02",
            "There is no desktop here to open the window on.",
            "Start it on a desktop, or use “desktop-voice talk”, which needs none.",
        )
    qt = QApplication(sys.argv[:1])
    paths = app_paths()
    instance = SingleInstance(str(paths.config))
    if not instance.acquire():
        if instance.send(list(commands)):
            return 0
        raise CommandError(
            "APP-01",
            "Desktop Voice is already running but does not answer.",
            "Quit it from its tray menu, or end its process, and start it again.",
        )
    if "--quit" in commands:
        instance.close()
        return 0
    settings_file = SettingsFile(paths.settings_file)
    settings = settings_file.current
    log_problem = configure_logs(paths.log_file, settings.logs.level)
    install_exception_hooks()
    bus = EventBus()
    assistant = DeskAssistant(settings, bus, SystemClock(), paths.alarms_file)
    shell = Shell(assistant, bus, settings_file)
    if log_problem is not None:
        bus.publish(ErrorRaised.of(log_problem))
    instance.command_received.connect(shell.handle_command)
    shell.start(hidden=is_hidden or settings.general.start_hidden)
    if commands:
        shell.handle_command(list(commands))
    try:
        return runtime.run(qt, _serve(shell, assistant, bus))
    finally:
        shell.close()
        instance.close()


def _has_display() -> bool:
    """Whether Qt will find a desktop; without one it aborts instead of raising."""
    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in names)


async def _serve(shell: Shell, assistant: DeskAssistant, bus: EventBus) -> int:
    """Run the assistant in the media thread until the app is to quit."""
    loop = asyncio.get_running_loop()
    quit_wanted = asyncio.Event()
    shell.quit_requested.connect(quit_wanted.set)

    def keep_setting(event: SettingChanged) -> None:
        change = shell.window.settings.change
        loop.call_soon_threadsafe(change, event.section, event.field, event.value)

    unsubscribe = bus.on(SettingChanged, keep_setting)
    media = MediaThread()

    def tell_failure(running: Future[None]) -> None:
        error = None if running.cancelled() else running.exception()
        if error is not None:
            _log.critical("the assistant does not run", exc_info=error)
            what = f"The assistant does not run ({type(error).__name__})."
            do = "Start the app again; if it happens again, see the log."
            bus.publish(ErrorRaised("DESK-01", what, do))

    try:
        media.submit(assistant.run()).add_done_callback(tell_failure)
        await quit_wanted.wait()
    finally:
        unsubscribe()
        shell.window.hide()
        media.stop(assistant.close, _CLOSE_TIMEOUT_S)
    return 0
