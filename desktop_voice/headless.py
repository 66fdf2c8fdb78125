"""The assistant's parts without a window: what commands run that hold or serve calls."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from desktop_voice.core.bus import EventBus
from desktop_voice.core.events import ErrorRaised, Event, SettingsWanted

if TYPE_CHECKING:
    from desktop_voice.agent.brain import Brain
    from desktop_voice.core.settings import SettingChange
    from desktop_voice.server.phone_service import PhoneService
    from desktop_voice.speech.engine_room import EngineRoom
    from desktop_voice.storage.settings_file import SettingsFile
    from desktop_voice.system.vault_control import VaultService

_ENDINGS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""Ctrl+C, the end of the process, and a terminal that is closed: the number is given back first."""

Show = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Headless:
    """Loaded engines and a brain, on a loop of their own.

    Attributes:
        settings_file: Where settings are kept; those that a set-up changes as well.
        bus: What happens.
        room: The engines.
        brain: What answers.
    """

    settings_file: SettingsFile
    bus: EventBus
    room: EngineRoom
    brain: Brain


def with_engines(
    show: Show,
    run: Callable[[Headless], Coroutine[Any, Any, None]],
    key_source: Callable[[str], str] | None = None,
) -> None:
    """Load the engines, run ``run``, and take everything down again; blocks.

    Args:
        show: Gets every event, problems of the start among them.
        run: What is done meanwhile.
        key_source: Returns the model's key by the name of its environment variable; without it
            the vault counts that needs no question.
    """
    from desktop_voice.agent.alarms import Alarms
    from desktop_voice.agent.brain import Brain
    from desktop_voice.core.clock import SystemClock
    from desktop_voice.speech.engine_room import EngineRoom
    from desktop_voice.storage.paths import app_paths
    from desktop_voice.storage.settings_file import SettingsFile
    from desktop_voice.storage.vault_secrets import stored_key
    from desktop_voice.system.core_dumps import forbid_core_dumps
    from desktop_voice.system.logs import configure_logs
    from desktop_voice.system.media_thread import use_short_turns

    forbid_core_dumps()
    paths = app_paths()
    settings_file = SettingsFile(paths.settings_file)
    settings = settings_file.current
    log_problem = configure_logs(paths.log_file, settings.logs.level)
    bus = EventBus()
    bus.on(Event, show)
    for problem in (log_problem, settings_file.problem):
        if problem is not None:
            bus.publish(ErrorRaised.of(problem))

    async def main() -> None:
        room = EngineRoom()
        clock = SystemClock()
        brain = Brain(
            settings.model,
            clock=clock,
            alarms=Alarms(paths.talk_alarms_file, clock=clock),
            key_source=key_source or cache(stored_key),
        )
        try:
            engines, _warm = await asyncio.gather(room.load(settings, None), brain.warm_up())
            for problem in engines.problems:
                bus.publish(ErrorRaised.of(problem))
            await run(Headless(settings_file, bus, room, brain))
        finally:
            await brain.close()
            await room.close()

    use_short_turns()
    asyncio.run(main())


def with_phone(
    show: Show,
    run: Callable[[PhoneService, asyncio.Event], Coroutine[Any, Any, None]],
    vault: VaultService,
    for_this_run: Sequence[SettingChange] = (),
) -> None:
    """Serve the phone as the app would, for as long as ``run`` takes; blocks.

    Args:
        show: As for :func:`with_engines`.
        run: Gets the phone, and an event that is set when the user, or the system, wants an end.
        vault: Where the keys come from.
        for_this_run: Settings that differ from those that are kept, and are not kept themselves.
    """
    from desktop_voice.core.clock import SystemClock
    from desktop_voice.server.listening import notices
    from desktop_voice.server.outside import outside
    from desktop_voice.server.phone_service import PhoneService
    from desktop_voice.storage.paths import app_paths

    async def serve(parts: Headless) -> None:
        paths = app_paths()
        kept = parts.settings_file.current
        settings = kept.with_values(for_this_run)
        for notice in notices(kept.server, settings.server, None):
            parts.bus.publish(notice)
        service = PhoneService(
            settings,
            bus=parts.bus,
            clock=SystemClock(),
            database=paths.calls_file,
            room=parts.room,
            brain=parts.brain,
            outside=outside(vault.key, os.environ),
            local_api_file=paths.local_api_file,
            numbers_file=paths.numbers_file,
            programs=paths.cache,
        )

        def keep(event: SettingsWanted) -> None:
            settings = parts.settings_file.current.with_values(event.changes)
            parts.settings_file.save(settings)

        parts.bus.on(SettingsWanted, keep)
        is_wanted = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in _ENDINGS:
            number = getattr(signal, name, None)
            # What was started with “nohup” is to outlive its terminal.
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda *_of: loop.call_soon_threadsafe(is_wanted.set))
        try:
            await service.start()
            # Another process may give it other keys.
            tell = partial(loop.call_soon_threadsafe, service.keys_changed_soon)
            unsubscribe = vault.subscribe(tell)
            try:
                await run(service, is_wanted)
            finally:
                unsubscribe()
        finally:
            await service.close()

    def show_if_possible(event: Event) -> None:
        with contextlib.suppress(OSError):
            # A terminal that is gone keeps no number from being given back.
            show(event)

    with_engines(show_if_possible, serve, vault.variable)
