"""Sound devices: PortAudio's list with stable names, and how to open what the user chose."""

from __future__ import annotations

import ctypes
import os
import sys
from dataclasses import dataclass
from functools import cache
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
        key: Stable over restarts and re-plugging: name and host API; empty for the system default.
        name: Its name for people.
        index: PortAudio's index, valid until the list is read again.
        default_rate_hz: The rate it runs at by itself.
    """

    key: str
    name: str
    index: int
    default_rate_hz: int


def portaudio() -> ModuleType:
    """Return the ``sounddevice`` module.

    Raises:
        AudioError: PortAudio is not installed; ``do`` says what to type.
    """
    _silence_alsa()
    try:
        import sounddevice
    except OSError as error:
        raise AudioError(
            "AUDIO-01",
            "No sound: the PortAudio library is not installed.",
            "On Debian or Ubuntu type: sudo apt-get install libportaudio2 — then press Retry. "
            "Until then you can type.",
            retryable=True,
        ) from error
    return sounddevice  # type: ignore[no-any-return]


@cache
def _silence_alsa() -> object:
    """Keep ALSA's remarks about underruns and absent devices off the terminal (Linux only).

    The C handler takes more, variable arguments; they are the caller's to clean up and are left.

    Returns:
        What must stay alive as long as ALSA may call it: the cache sees to that.
    """
    if not sys.platform.startswith("linux"):
        return None
    handler_type = ctypes.CFUNCTYPE(
        None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p
    )
    handler = handler_type(lambda _file, _line, _function, _error, _format: None)
    try:
        alsa = ctypes.CDLL("libasound.so.2")
        alsa.snd_lib_error_set_handler(handler)
    except (OSError, AttributeError):
        return None
    return alsa, handler


def refresh() -> None:
    """Read the device list anew; only while no stream is open (PortAudio freezes it at start)."""
    module = portaudio()
    module._terminate()
    module._initialize()


def list_devices(direction: Direction) -> list[Device]:
    """Return the devices of one direction.

    Raises:
        AudioError: PortAudio is missing.
    """
    module = portaudio()
    channels = f"max_{direction}_channels"
    hosts = [str(host["name"]) for host in module.query_hostapis()]
    devices = []
    for index, info in enumerate(module.query_devices()):
        if info[channels] < 1:
            continue
        name = str(info["name"])
        key = f"{name} [{hosts[info['hostapi']]}]"
        devices.append(Device(key, name, index, int(info["default_samplerate"])))
    return devices


def find_device(direction: Direction, key: str) -> Device:
    """Return the chosen device, or the system's default for an empty key.

    A device that is gone is replaced by the default; the caller compares keys to tell.

    Raises:
        AudioError: PortAudio is missing, or the machine has no device of this direction.
    """
    module = portaudio()
    devices = list_devices(direction)
    if key:
        for device in devices:
            if device.key == key:
                return device
    default_index = module.default.device[0 if direction == "input" else 1]
    for device in devices:
        if device.index == default_index:
            return Device(SYSTEM_DEFAULT, device.name, device.index, device.default_rate_hz)
    if devices:
        first = devices[0]
        return Device(SYSTEM_DEFAULT, first.name, first.index, first.default_rate_hz)
    word = "microphone" if direction == "input" else "speaker"
    hint = "" if os.name == "nt" else " On Linux, check that PulseAudio or PipeWire is running."
    raise AudioError(
        "AUDIO-02" if direction == "input" else "AUDIO-03",
        f"There is no {word} on this machine.",
        f"Plug one in: it is picked up by itself. Until then you can type.{hint}",
        retryable=True,
    )
