"""The registry: finds engines by entry point, lists them unloaded, and loads the chosen ones.

A package adds an engine with an entry point in the group ``desktop_voice.wake``, ``.vad``,
``.stt`` or ``.tts`` whose object is a :class:`~desktop_voice.core.engines.Engine`.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import cast

import structlog

from desktop_voice.audio.vad import VoiceActivityDetector
from desktop_voice.core.engines import Engine, EngineInfo, Role
from desktop_voice.core.errors import DesktopVoiceError, EngineError
from desktop_voice.core.settings import Settings
from desktop_voice.speech.stt.recogniser import SpeechToText
from desktop_voice.speech.tts.synthesiser import TextToSpeech
from desktop_voice.speech.wake.detector import WakeWordDetector

_log = structlog.get_logger()

_ROLE_NAMES: dict[Role, str] = {
    "wake": "wake-word engine",
    "vad": "voice activity detector",
    "stt": "speech recogniser",
    "tts": "voice engine",
}


def _entries(role: Role) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=f"desktop_voice.{role}")}


def available(role: Role) -> dict[str, EngineInfo]:
    """Return the engines of a role by key; a broken entry point is left out and logged."""
    found = {}
    for key, entry in sorted(_entries(role).items()):
        try:
            engine = entry.load()
        except Exception as error:  # noqa: BLE001 - a third party's import may raise anything
            _log.warning("engine entry point broken", role=role, engine=key, error=repr(error))
            continue
        if isinstance(engine, Engine):
            found[key] = engine.info
    return found


def load(role: Role, key: str, **options: object) -> object:
    """Create the engine ``key`` of ``role``. Blocks, so it belongs in a worker thread.

    Raises:
        EngineError: It is not installed, or it does not load on this machine.
    """
    role_name = _ROLE_NAMES[role]
    entries = _entries(role)
    if key not in entries:
        known = ", ".join(sorted(entries)) or "none"
        raise EngineError(
            f"{role.upper()}-01",
            f"The {role_name} “{key}” is not installed (installed: {known}).",
            "Choose another one in Settings, or run the set-up command again.",
        )
    try:
        engine = entries[key].load()
        created: object = engine.create(**options)
        return created
    except DesktopVoiceError:
        raise
    except Exception as error:
        raise EngineError(
            f"{role.upper()}-09",
            f"The {role_name} “{key}” does not load: {type(error).__name__}: {error}",
            "Run the set-up command again to repair it, or choose another one in Settings.",
        ) from error


def load_wake(settings: Settings) -> WakeWordDetector:
    """Create the chosen wake-word detector; as :func:`load`."""
    return cast(
        WakeWordDetector,
        load(
            "wake",
            settings.wake.engine,
            phrases=tuple(settings.wake.phrases),
            sensitivity=settings.wake.sensitivity,
        ),
    )


def load_vad(settings: Settings) -> VoiceActivityDetector:
    """Create the chosen voice activity detector; as :func:`load`."""
    return cast(VoiceActivityDetector, load("vad", settings.speech.vad_engine))


def load_stt(settings: Settings) -> SpeechToText:
    """Create the chosen speech recogniser; as :func:`load`."""
    return cast(SpeechToText, load("stt", settings.speech.stt_engine))


def load_tts(settings: Settings) -> TextToSpeech:
    """Create the chosen voice engine; as :func:`load`."""
    return cast(TextToSpeech, load("tts", settings.speech.tts_engine))
