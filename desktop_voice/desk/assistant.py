"""The desk assistant as the interface holds it: light to import, obeyed on the media loop.

Engines, sound and language model are imported by :meth:`DeskAssistant.run`, in the media thread,
so that a window can be painted before any of them is loaded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from desktop_voice.core.bus import EventBus
from desktop_voice.core.clock import Clock
from desktop_voice.core.engines import Role
from desktop_voice.core.events import StateChanged
from desktop_voice.core.ports import DeviceChoice, EngineChoice, PhoneSetUp
from desktop_voice.core.settings import Settings
from desktop_voice.core.states import AssistantState

if TYPE_CHECKING:
    from desktop_voice.agent.brain import Brain
    from desktop_voice.agent.tools import Tool
    from desktop_voice.desk.desk import Desk
    from desktop_voice.desk.loop import DeskLoop
    from desktop_voice.dialogue.lines.line import Line
    from desktop_voice.speech.engine_room import EngineRoom

_log = structlog.get_logger()


class DeskAssistant:
    """Implements :class:`~desktop_voice.core.ports.AssistantControl`.

    ``run`` and ``close`` belong to the media loop; everything else may be called from any thread.
    Commands that come before the engines are loaded are kept and obeyed then.

    Args:
        make_line: Makes another line than the desk's devices.
        needs_wake: Whether it waits for the wake word.
        key_source: Returns the model's key by the name of its environment variable, in a worker
            thread; without it the vault counts that needs no question.
        refused: Built-in intents that cannot be done here, and what is said instead.
    """

    def __init__(
        self,
        settings: Settings,
        bus: EventBus,
        clock: Clock,
        alarms_file: Path,
        make_line: Callable[[], Line] | None = None,
        *,
        needs_wake: bool = True,
        key_source: Callable[[str], str] | None = None,
        refused: Mapping[str, str] | None = None,
    ) -> None:
        self._settings = settings
        self._bus = bus
        self._clock = clock
        self._alarms_file = alarms_file
        self._make_line = make_line
        self._needs_wake = needs_wake
        self._key_source = key_source
        self._refused = refused
        self._media_loop: asyncio.AbstractEventLoop | None = None
        self._desk: Desk | None = None
        self._is_ready = False
        self._loaded = asyncio.Event()
        self._pending: list[Callable[[Desk], None]] = []
        self._state = AssistantState.OFF
        self._is_muted = False
        self._unsubscribe: Callable[[], None] = lambda: None

    # --- life, on the media loop ---

    async def run(self) -> None:
        """Load everything and serve until the line ends or :meth:`close`."""
        from desktop_voice.desk.desk import Desk
        from desktop_voice.dialogue.lines.desk import DeskLine

        self._media_loop = asyncio.get_running_loop()
        self._unsubscribe = self._bus.on(StateChanged, self._on_state)
        make_line = self._make_line
        line = make_line() if make_line else DeskLine(self._settings.audio, self._bus)
        self._desk = Desk(
            self._settings,
            self._bus,
            self._clock,
            self._alarms_file,
            line,
            needs_wake=self._needs_wake,
            key_source=self._key_source,
            refused=self._refused,
        )
        await self._desk.run(self._obey_pending)

    async def close(self) -> None:
        """End the conversation, close the devices, free the engines."""
        self._is_ready = False
        if self._desk is not None:
            await self._desk.close()
        self._unsubscribe()

    async def voice(self) -> tuple[EngineRoom, Brain]:
        """Return what hears, speaks and answers once it is loaded, for the phone to share.

        For the media loop only; both belong to the desk.
        """
        await self._loaded.wait()
        if self._desk is None:
            raise RuntimeError("the desk is gone")
        return self._desk.room, self._desk.brain

    def use_tools(self, tools: Sequence[Tool]) -> None:
        """Let the language model at the desk use ``tools``. For the media loop only."""
        if self._desk is not None:
            self._desk.manner = replace(self._desk.manner, tools=tuple(tools))

    def use_phone_setup(self, setup: PhoneSetUp) -> None:
        """Let the owner set up the phone by talking. For the media loop only."""
        if self._desk is not None:
            self._desk.phone_setup.use(setup)

    @property
    def desk(self) -> DeskLoop | None:
        """The running loop; None before :meth:`run`. For the media loop only."""
        return self._desk.loop if self._desk else None

    @property
    def has_alarms(self) -> bool:
        """Whether a timer, an alarm or a reminder is still to ring. For the media loop only."""
        return self._desk is not None and self._desk.has_alarms

    # --- AssistantControl ---

    @property
    def state(self) -> AssistantState:
        """The state last published."""
        return self._state

    @property
    def is_muted(self) -> bool:
        """Whether the microphone is closed by the user."""
        return self._is_muted

    def press_talk(self) -> None:
        """The push-to-talk key went down."""
        self._post(lambda desk: desk.loop.press_talk())

    def release_talk(self) -> None:
        """The push-to-talk key went up."""
        self._spawn(lambda desk: desk.loop.release_talk())

    def toggle_talk(self) -> None:
        """One tap of the push-to-talk key."""
        self.press_talk()
        self.release_talk()

    def stop_reply(self) -> None:
        """End the reply, or the listening, at once."""
        self._post(lambda desk: desk.stop())

    def set_muted(self, muted: bool) -> None:
        """Close (or open) the microphone for real."""
        self._spawn(lambda desk: desk.mute(muted))

    def submit_text(self, text: str) -> None:
        """A typed line: a turn like any other."""
        self._post(lambda desk: desk.loop.submit(text))

    def apply_settings(self, settings: Settings) -> None:
        """Use ``settings`` from now on, without a restart."""
        self._spawn(lambda desk: desk.apply(settings))

    def preview_voice(self, text: str, voice: str, rate_wpm: int) -> None:
        """Speak ``text`` with a voice that is not chosen yet."""
        self._spawn(lambda desk: desk.preview(text, voice, rate_wpm))

    def check_microphone(self, seconds: float) -> None:
        """Record for ``seconds``, then play it back."""
        self._spawn(lambda desk: desk.check_microphone(seconds))

    def retry(self) -> None:
        """Load the engines and open the devices again."""
        self._spawn(lambda desk: desk.retry())

    def microphones(self) -> list[DeviceChoice]:
        """Input devices, the system's default first."""
        return self._desk.microphones if self._desk else []

    def speakers(self) -> list[DeviceChoice]:
        """Output devices, the system's default first."""
        return self._desk.speakers if self._desk else []

    def voices(self) -> list[EngineChoice]:
        """Voices of the current text-to-speech engine; empty until it is loaded."""
        return list(self._desk.voices) if self._desk else []

    def wake_words(self) -> list[EngineChoice]:
        """Wake words of the current wake-word engine; empty until it is loaded."""
        return list(self._desk.wake_words) if self._desk else []

    def engines(self, role: str) -> list[EngineChoice]:
        """Registered engines of ``role``."""
        from desktop_voice.speech import registry

        roles: dict[str, Role] = {"wake": "wake", "vad": "vad", "stt": "stt", "tts": "tts"}
        return [
            EngineChoice(key, info.name, f"{info.licence} · {info.size_mb:g} MB")
            for key, info in registry.available(roles[role]).items()
        ]

    # --- between the threads ---

    def _on_state(self, event: StateChanged) -> None:
        self._state = event.state
        self._is_muted = event.muted

    def _spawn(self, command: Callable[[Desk], Coroutine[None, None, None]]) -> None:
        self._post(lambda desk: _start(desk, command(desk)))

    def _post(self, command: Callable[[Desk], None]) -> None:
        def run() -> None:
            if self._desk is not None and self._is_ready:
                command(self._desk)
            else:
                self._pending.append(command)

        if self._media_loop is None:
            self._pending.append(command)
            return
        try:
            self._media_loop.call_soon_threadsafe(run)
        except RuntimeError:
            _log.debug("command after the media loop ended")

    def _obey_pending(self) -> None:
        self._is_ready = True
        self._loaded.set()
        pending, self._pending = self._pending, []
        for command in pending:
            if self._desk is not None:
                command(self._desk)


def _start(desk: Desk, coroutine: Coroutine[None, None, None]) -> None:
    desk.spawn(coroutine)
