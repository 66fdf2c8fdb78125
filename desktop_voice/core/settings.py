"""The settings: one pydantic model that holds every default, limit, label and help text.

The settings page is generated from it. ``title`` is the label, ``description`` the help;
``json_schema_extra["choices"]`` names the live list a field is picked from (``microphones``,
``speakers``, ``wake_words``, ``voices``, ``engines:stt`` ...), ``unit`` the unit shown behind it.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TypeAlias

from pydantic import Field, field_validator

from desktop_voice.core.phone_settings import (
    AwaySettings,
    CallLimitSettings,
    InboundSettings,
    PhoneSettings,
    ServerSettings,
    TunnelSettings,
)
from desktop_voice.core.setting_types import Section, ShortText

SCHEMA_VERSION = 1

SettingChange: TypeAlias = tuple[str, str, object]
"""A section, a field of it, and its new value."""


class Theme(StrEnum):
    """How the window is coloured."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class Patience(StrEnum):
    """How long a silence must be before a turn counts as over."""

    FAST = "fast"
    NORMAL = "normal"
    PATIENT = "patient"


class Interruption(StrEnum):
    """What may cut a reply short besides the stop word, the wake word and the keyboard."""

    NONE = "none"
    SPEECH = "speech"


class LogLevel(StrEnum):
    """How much the log holds; never audio, words or secrets."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"


def _url(value: str) -> str:
    if value and not value.startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://, or be empty")
    return value.rstrip("/")


class GeneralSettings(Section):
    """Window and start."""

    theme: Theme = Field(Theme.SYSTEM, title="Theme", description="Light, dark, or as the system.")
    close_to_tray: bool = Field(
        True,
        title="Close hides to the tray",
        description="Closing the window keeps the assistant listening; quit from the tray menu.",
    )
    start_hidden: bool = Field(
        False, title="Start hidden", description="Start in the tray without opening the window."
    )
    first_run_done: bool = Field(
        False,
        title="First-run guide finished",
        description="Switch off to see the first-run guide at the next start.",
    )
    push_to_talk_key: ShortText = Field(
        "F9",
        title="Push-to-talk key",
        description="Tap to start or end a turn, hold to talk. Written like F9 or Ctrl+Space.",
        json_schema_extra={"widget": "key"},
    )


class AudioSettings(Section):
    """Microphone and speaker."""

    microphone: ShortText = Field(
        "",
        title="Microphone",
        description="Empty follows the system's default input.",
        json_schema_extra={"choices": "microphones"},
    )
    speaker: ShortText = Field(
        "",
        title="Speaker",
        description="Empty follows the system's default output.",
        json_schema_extra={"choices": "speakers"},
    )
    volume_percent: int = Field(
        100,
        ge=0,
        le=100,
        title="Voice volume",
        description="How loud replies are.",
        json_schema_extra={"unit": "%"},
    )
    echo_cancellation: bool = Field(
        True,
        title="Echo cancellation",
        description="Takes the assistant's own voice out of the microphone. Off, or without the "
        "canceller, the microphone rests while a reply is spoken.",
    )
    sounds: bool = Field(
        True,
        title="Listening sounds",
        description="A short tone when a wake word was heard.",
    )


class WakeSettings(Section):
    """Wake word."""

    enabled: bool = Field(
        True,
        title="Listen for a wake word",
        description="Off: talk with the push-to-talk key only.",
    )
    engine: ShortText = Field(
        "micro",
        title="Wake-word engine",
        description="Which engine listens for the wake word.",
        json_schema_extra={"choices": "engines:wake"},
    )
    phrases: list[str] = Field(
        ["hey_jarvis"],
        title="Wake words",
        description="Any of these wakes the assistant.",
        min_length=1,
        max_length=8,
        json_schema_extra={"choices": "wake_words"},
    )
    sensitivity: float = Field(
        0.5,
        ge=0.0,
        le=1.0,
        title="Sensitivity",
        description="Higher wakes more easily, and more often by mistake.",
    )
    follow_up_s: float = Field(
        8.0,
        ge=0.0,
        le=60.0,
        title="Follow-up window",
        description="How long you may go on talking after a reply without the wake word.",
        json_schema_extra={"unit": "s"},
    )


class TurnSettings(Section):
    """Turn taking."""

    patience: Patience = Field(
        Patience.NORMAL,
        title="Patience",
        description="How long you may pause before your turn counts as over.",
    )
    learn_pauses: bool = Field(
        True,
        title="Learn my pauses",
        description="Wait a little longer for speakers who pause in mid-sentence.",
    )
    interruptible: Interruption = Field(
        Interruption.NONE,
        title="Interrupt by talking",
        description="Let speech cut a reply short. The wake word, “stop”, Esc and the talk key "
        "always do. Needs working echo cancellation.",
    )
    stop_words: list[str] = Field(
        ["stop"],
        title="Stop words",
        description="Said alone while a reply is spoken, each ends it.",
        max_length=8,
    )
    no_speech_s: float = Field(
        6.0,
        ge=1.0,
        le=30.0,
        title="Wait for speech",
        description="How long to wait for a question after the wake word.",
        json_schema_extra={"unit": "s"},
    )
    max_utterance_s: float = Field(
        60.0,
        ge=5.0,
        le=300.0,
        title="Longest turn",
        description="A turn is ended here even if the speaker goes on.",
        json_schema_extra={"unit": "s"},
    )


class SpeechSettings(Section):
    """Hearing and voice."""

    stt_engine: ShortText = Field(
        "moonshine",
        title="Speech recognition",
        description="Which engine turns speech into words.",
        json_schema_extra={"choices": "engines:stt"},
    )
    vad_engine: ShortText = Field(
        "silero",
        title="Voice activity detection",
        description="Which engine tells speech from silence.",
        json_schema_extra={"choices": "engines:vad"},
    )
    tts_engine: ShortText = Field(
        "espeak",
        title="Voice engine",
        description="Which engine speaks the replies.",
        json_schema_extra={"choices": "engines:tts"},
    )
    voice: ShortText = Field(
        "en-us",
        title="Voice",
        description="Which voice speaks the replies.",
        json_schema_extra={"choices": "voices"},
    )
    rate_wpm: int = Field(
        170,
        ge=80,
        le=450,
        title="Speaking rate",
        description="Words a minute.",
        json_schema_extra={"unit": "wpm"},
    )


class ModelSettings(Section):
    """Language model."""

    base_url: ShortText = Field(
        "",
        title="Server address",
        description="An OpenAI-compatible endpoint, such as http://127.0.0.1:11434/v1 (Ollama). "
        "Empty: built-in answers only.",
    )
    model: ShortText = Field(
        "", title="Model", description="The model's name as the server lists it."
    )
    api_key_env: ShortText = Field(
        "OPENAI_API_KEY",
        title="Key variable",
        description="Name of the environment variable that holds the API key; the key itself is "
        "never written to the settings.",
    )
    fallback_base_url: ShortText = Field(
        "", title="Fallback server", description="Asked when the first model stalls or fails."
    )
    fallback_model: ShortText = Field(
        "", title="Fallback model", description="The fallback model's name."
    )
    fallback_api_key_env: ShortText = Field(
        "",
        title="Fallback key variable",
        description="Name of the environment variable that holds the fallback server's API key. "
        "Empty: no key is sent there.",
    )
    filler_after_s: float = Field(
        1.5,
        ge=0.2,
        le=30.0,
        title="Say “one moment” after",
        description="How long the model may be silent before a filler is spoken.",
        json_schema_extra={"unit": "s"},
    )
    fallback_after_s: float = Field(
        8.0,
        ge=1.0,
        le=60.0,
        title="Use the fallback after",
        description="How long the model may be silent before the fallback is asked.",
        json_schema_extra={"unit": "s"},
    )
    apology_after_s: float = Field(
        20.0,
        ge=2.0,
        le=120.0,
        title="Give up after",
        description="How long to wait in all before apologising.",
        json_schema_extra={"unit": "s"},
    )
    instructions: str = Field(
        "",
        max_length=4000,
        title="Your instructions",
        description="Added to the prompt, for example “Call me Sam.”",
        json_schema_extra={"widget": "text"},
    )

    _check_urls = field_validator("base_url", "fallback_base_url")(_url)


class LogSettings(Section):
    """Logs."""

    level: LogLevel = Field(
        LogLevel.INFO,
        title="Log level",
        description="Logs stay on this machine and never hold audio, words or secrets.",
    )


class Settings(Section):
    """Everything the user can set."""

    schema_version: int = Field(
        SCHEMA_VERSION, ge=1, le=SCHEMA_VERSION, title="Version of this file", frozen=True
    )
    general: GeneralSettings = Field(default_factory=GeneralSettings, title="General")
    audio: AudioSettings = Field(default_factory=AudioSettings, title="Sound")
    wake: WakeSettings = Field(default_factory=WakeSettings, title="Wake word")
    turns: TurnSettings = Field(default_factory=TurnSettings, title="Turn taking")
    speech: SpeechSettings = Field(default_factory=SpeechSettings, title="Speech")
    model: ModelSettings = Field(default_factory=ModelSettings, title="Language model")
    phone: PhoneSettings = Field(default_factory=PhoneSettings, title="Phone")
    inbound: InboundSettings = Field(default_factory=InboundSettings, title="Incoming calls")
    limits: CallLimitSettings = Field(default_factory=CallLimitSettings, title="Limits of calls")
    tunnel: TunnelSettings = Field(default_factory=TunnelSettings, title="Tunnel")
    away: AwaySettings = Field(default_factory=AwaySettings, title="While the app is closed")
    server: ServerSettings = Field(default_factory=ServerSettings, title="Server")
    logs: LogSettings = Field(default_factory=LogSettings, title="Logs")

    def with_value(self, section: str, field: str, value: object) -> Settings:
        """Return settings with one value changed.

        Raises:
            pydantic.ValidationError: The value is outside the field's limits.
        """
        return self.with_values(((section, field, value),))

    def with_values(self, changes: Iterable[SettingChange]) -> Settings:
        """Return settings with several values changed at once.

        Raises:
            pydantic.ValidationError: A value is outside its field's limits.
        """
        data = self.model_dump()
        for section, field, value in changes:
            data[section][field] = value
        return Settings.model_validate(data)

    def changes_to(self, other: Settings) -> tuple[SettingChange, ...]:
        """Return what makes ``other`` of these settings: each field that differs."""
        before, after = self.model_dump(), other.model_dump()
        return tuple(
            (section, field, value)
            for section, fields in after.items()
            if isinstance(fields, dict)
            for field, value in fields.items()
            if before[section][field] != value
        )
