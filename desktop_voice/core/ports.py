"""Ports: what the window, the tray and the command line may ask of the desk assistant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.core.settings import Settings
from desktop_voice.core.states import AssistantState


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """A sound device as the user picks it; ``key`` is stable over restarts and re-plugging."""

    key: str
    label: str


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine or a voice as the user picks it."""

    key: str
    label: str
    detail: str = ""


class AssistantControl(Protocol):
    """The desk assistant as the interface sees it.

    Every method may be called from any thread, returns at once and never raises; results and
    errors arrive as events on the bus.
    """

    @property
    def state(self) -> AssistantState:
        """The state last published."""

    @property
    def is_muted(self) -> bool:
        """Whether the microphone is closed by the user."""

    def press_talk(self) -> None:
        """The push-to-talk key went down: start listening, or stop a reply and listen."""

    def release_talk(self) -> None:
        """The key went up: a tap (under 350 ms) leaves listening on, a hold ends the turn."""

    def toggle_talk(self) -> None:
        """One tap: listen, end the turn that is open, or cut the reply and listen."""

    def stop_reply(self) -> None:
        """End the reply, or the listening, at once."""

    def set_muted(self, muted: bool) -> None:
        """Close (or open) the microphone for real."""

    def submit_text(self, text: str) -> None:
        """A typed line: a turn like any other. Blank text is ignored."""

    def apply_settings(self, settings: Settings) -> None:
        """Use ``settings`` from now on, without a restart."""

    def preview_voice(self, text: str, voice: str, rate_wpm: int) -> None:
        """Speak ``text`` with a voice that is not chosen yet."""

    def check_microphone(self, seconds: float) -> None:
        """Record for ``seconds`` (levels are published meanwhile), then play it back."""

    def retry(self) -> None:
        """Leave FAULT: load the engines and open the devices again."""

    def microphones(self) -> list[DeviceChoice]:
        """Input devices, the system's default first."""

    def speakers(self) -> list[DeviceChoice]:
        """Output devices, the system's default first."""

    def voices(self) -> list[EngineChoice]:
        """Voices of the current text-to-speech engine."""

    def wake_words(self) -> list[EngineChoice]:
        """Wake words of the current wake-word engine."""

    def engines(self, role: str) -> list[EngineChoice]:
        """Registered engines of ``role``: ``wake``, ``vad``, ``stt`` or ``tts``."""


class SettingsStore(Protocol):
    """The settings as they are kept between starts. Main thread only."""

    @property
    def current(self) -> Settings:
        """The settings last loaded or saved."""

    @property
    def problem(self) -> DesktopVoiceError | None:
        """What was wrong with the file at the start; None if nothing was."""

    def save(self, settings: Settings) -> None:
        """Keep ``settings``.

        Raises:
            SettingsError: They cannot be written; ``current`` is unchanged.
        """
