"""The app: builds the window, the assistant and the threads, and takes them down in order."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from PySide6.QtWidgets import QApplication

from desktop_voice.core.bus import EventBus
from desktop_voice.core.clock import Clock, SystemClock
from desktop_voice.core.errors import CommandError, DesktopVoiceError
from desktop_voice.core.events import ErrorRaised
from desktop_voice.desk.assistant import DeskAssistant
from desktop_voice.server.phone import Phone
from desktop_voice.storage.paths import app_paths
from desktop_voice.storage.settings_file import SettingsFile
from desktop_voice.system.core_dumps import forbid_core_dumps
from desktop_voice.system.logs import configure_logs, install_exception_hooks
from desktop_voice.system.media_thread import MediaThread
from desktop_voice.system.single_instance import SingleInstance
from desktop_voice.system.vault_control import VaultService
from desktop_voice.ui import runtime
from desktop_voice.ui.shell import Shell

if TYPE_CHECKING:
    from desktop_voice.server.phone_service import PhoneService

_log = structlog.get_logger()

# Live calls are hung up first and the carrier's word is waited for, then numbers are given back;
# only carriers that do not answer take as long as this.
_CLOSE_TIMEOUT_S = 25.0


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
    forbid_core_dumps()
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
    clock = SystemClock()
    phone = Phone(bus, partial(_rehearse, bus, clock))
    vault = VaultService(paths.vault_file, on_change=phone.keys_changed)
    assistant = DeskAssistant(settings, bus, clock, paths.alarms_file, key_source=vault.variable)
    shell = Shell(assistant, bus, settings_file, phone=phone, vault=vault, test_key=phone.test_key)

    async def serve_phone() -> None:
        """Start the phone on the desk's engines once they are loaded."""
        from desktop_voice.server.outside import outside
        from desktop_voice.server.phone_service import PhoneService
        from desktop_voice.telephony.voice_call import VoiceCall

        room, brain = await assistant.voice()
        service = PhoneService(
            settings_file.current,
            bus=bus,
            clock=clock,
            database=paths.calls_file,
            room=room,
            brain=brain,
            outside=outside(vault.key, os.environ),
            local_api_file=paths.local_api_file,
            numbers_file=paths.numbers_file,
            programs=paths.cache,
        )
        await phone.serve(service)
        set_up = phone.set_up_of(service, vault, shell.window.recovery_key_made.emit)
        await set_up.refresh()
        assistant.use_phone_setup(set_up)
        assistant.use_tools([VoiceCall(service.actions)])

    if log_problem is not None:
        bus.publish(ErrorRaised.of(log_problem))
    instance.command_received.connect(shell.handle_command)
    shell.start(hidden=is_hidden or settings.general.start_hidden)
    if commands:
        shell.handle_command(list(commands))
    try:
        return runtime.run(qt, _serve(shell, assistant, phone, serve_phone, bus))
    finally:
        shell.close()
        vault.close()
        instance.close()


def _has_display() -> bool:
    """Whether Qt will find a desktop; without one it aborts instead of raising."""
    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in names)


async def _rehearse(
    bus: EventBus,
    clock: Clock,
    service: PhoneService,
    carrier: str,
    on_service: Callable[[PhoneService], None],
) -> None:
    """Have the carrier on this machine call the assistant, with the desk's engines."""
    from desktop_voice.core.calls import CarrierName
    from desktop_voice.rehearse import RehearsalPlan, rehearse

    await rehearse(
        RehearsalPlan(CarrierName(carrier)),
        service.settings,
        bus=bus,
        clock=clock,
        room=service.room,
        brain=service.brain,
        on_service=on_service,
    )


async def _serve(
    shell: Shell,
    assistant: DeskAssistant,
    phone: Phone,
    serve_phone: Callable[[], Coroutine[Any, Any, None]],
    bus: EventBus,
) -> int:
    """Run assistant and phone in the media thread until the app is to quit."""
    quit_wanted = asyncio.Event()
    shell.quit_requested.connect(quit_wanted.set)
    media = MediaThread()

    def tell_failure(code: str, who: str, running: Future[None]) -> None:
        error = None if running.cancelled() else running.exception()
        if isinstance(error, DesktopVoiceError):
            bus.publish(ErrorRaised.of(error))
        elif error is not None:
            _log.critical("a part does not run", part=who, exc_info=error)
            what = f"The {who} does not run ({type(error).__name__})."
            do = "Start the app again; if it happens again, see the log."
            bus.publish(ErrorRaised(code, what, do))

    async def close() -> None:
        try:
            await phone.close()
        finally:
            await assistant.close()

    try:
        running = media.submit(assistant.run())
        running.add_done_callback(partial(tell_failure, "DESK-01", "assistant"))
        calling = media.submit(serve_phone())
        calling.add_done_callback(partial(tell_failure, "PHONE-00", "phone"))
        await quit_wanted.wait()
    finally:
        shell.window.hide()
        media.stop(close, _CLOSE_TIMEOUT_S)
    return 0
