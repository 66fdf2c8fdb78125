"""Sound devices: the system's list with stable names, and which of them the user chose."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from types import ModuleType
from typing import Literal

import structlog

from desktop_voice.core.errors import AudioError

_log = structlog.get_logger()

Direction = Literal["input", "output"]

SYSTEM_DEFAULT = ""


@dataclass(frozen=True, slots=True)
class Device:
    """A device that can be opened.

    Attributes:
        key: Stable over restarts and re-plugging: name and sound interface; empty for the system's
            default.
        name: Its name for people.
        id: What opens it; None for the system's default, whichever that is by then.
    """

    key: str
    name: str
    id: bytes | None = field(default=None, repr=False)


def sound_system() -> ModuleType:
    """Return :mod:`desktop_voice.audio.sound_system`, loaded when sound is first wanted.

    Raises:
        AudioError: Its library cannot be loaded; ``do`` says what to do.
    """
    try:
        from desktop_voice.audio import sound_system as module
    except (ImportError, OSError) as error:
        raise AudioError(
            "AUDIO-01",
            "No sound: the sound library cannot be loaded.",
            "Install the app anew: delete its .venv folder and run ./start again. Until then you "
            "can type.",
        ) from error
    return module


def list_devices() -> dict[Direction, tuple[Device, ...]]:
    """Return the devices there are; may block.

    Raises:
        AudioError: As :func:`sound_system`.
    """
    return {
        direction: tuple(device for device, _is_default in named)
        for direction, named in _find().items()
    }


def find_device(direction: Direction, key: str) -> Device:
    """Return the chosen device, or the system's default for an empty key; may block.

    A device that is gone is replaced by the default; the caller compares keys to tell.

    Raises:
        AudioError: As :func:`sound_system`, or the machine has no device of this direction.
    """
    present = _find()[direction]
    for device, _is_default in present:
        if device.key == key:
            return device
    for device, is_default in present:
        if is_default:
            return Device(SYSTEM_DEFAULT, device.name)
    if present:
        first = present[0][0]
        return Device(SYSTEM_DEFAULT, first.name, first.id)
    word = "microphone" if direction == "input" else "speaker"
    hint = "" if os.name == "nt" else " On Linux, check that PulseAudio or PipeWire is running."
    raise AudioError(
        "AUDIO-02" if direction == "input" else "AUDIO-03",
        f"There is no {word} on this machine.",
        f"Plug one in: it is picked up by itself. Until then you can type.{hint}",
        retryable=True,
    )


def _find() -> dict[Direction, list[tuple[Device, bool]]]:
    """Return the devices of each direction, and whether each is the system's default."""
    module = sound_system()
    try:
        found = module.find_devices()
    except module.SoundError as error:
        _log.info("no sound system answers", error=str(error))
        return {"input": [], "output": []}
    named: dict[Direction, list[tuple[Device, bool]]] = {}
    for direction, devices in found.items():
        seen: Counter[str] = Counter()
        named[direction] = []
        for device in devices:
            key = f"{device.name} [{device.backend}]"
            seen[key] += 1
            if seen[key] > 1:
                key += f" {seen[key]}"
            named[direction].append((Device(key, device.name, device.id), device.is_default))
    return named
