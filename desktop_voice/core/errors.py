"""Errors a person can meet: each says what happened and what to do."""

from __future__ import annotations


class DesktopVoiceError(Exception):
    """Base of every error that may reach a person.

    Attributes:
        code: Stable identifier such as ``AUDIO-01``, listed in the user guide.
        what: What happened, one sentence, no secrets and no transcript.
        do: What the user can do about it, one sentence.
        retryable: Whether trying the same thing again may succeed.
    """

    def __init__(self, code: str, what: str, do: str, *, retryable: bool = False) -> None:
        super().__init__(f"{what} {do}")
        self.code = code
        self.what = what
        self.do = do
        self.retryable = retryable


class AudioError(DesktopVoiceError):
    """A sound device, the sound system or a sound file cannot be used."""


class EngineError(DesktopVoiceError):
    """A wake-word, VAD, STT or TTS engine is missing or broken."""


class ModelError(DesktopVoiceError):
    """The language model refused, stalled, answered rubbish or died."""


class SettingsError(DesktopVoiceError):
    """The settings file cannot be read, understood or written."""


class CommandError(DesktopVoiceError):
    """A command was asked for something it cannot do."""


class VaultError(DesktopVoiceError):
    """The vault cannot be opened or written, or does not hold what is asked for."""


class PhoneError(DesktopVoiceError):
    """A call cannot be placed, taken or gone on with, or the carrier refused something."""


class StoreError(DesktopVoiceError):
    """The database of calls cannot be opened, read or written."""
