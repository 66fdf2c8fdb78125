"""The system's sound through miniaudio: which devices there are, and streams to and from them.

Every list and every stream has a context of its own, so that one which hangs or dies holds up no
other: any thread may list, open and close, also while another does. All of it may block.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import miniaudio
import numpy as np

from desktop_voice.audio.devices import Direction
from desktop_voice.audio.frames import Pcm

_CAPTURE_PERIOD_MS = 20
# With PulseAudio this is the whole buffer, and Python's threads may come 10 ms late.
_PLAYBACK_PERIOD_MS = 40
_PERIODS = 3
_APP_NAME = "Desktop Voice"
_ALSA_CARDS = (b"default", b"sysdefault", b"hw:", b"plughw:", b":")

_PULSEAUDIO = "PulseAudio"

SoundError = miniaudio.MiniaudioError

_has_met_pulseaudio = threading.Event()


def _backends() -> list[miniaudio.Backend]:
    """Return what to try; never miniaudio's own last resort, a device that only pretends.

    Once there was a PulseAudio (or PipeWire), its cards are left to it: while it is away for a
    moment they could be had through ALSA, and it would not get them back.
    """
    if sys.platform == "win32":
        return [miniaudio.Backend.WASAPI, miniaudio.Backend.DSOUND]
    if sys.platform == "darwin":
        return [miniaudio.Backend.COREAUDIO]
    if _has_met_pulseaudio.is_set():
        return [miniaudio.Backend.PULSEAUDIO]
    return [miniaudio.Backend.PULSEAUDIO, miniaudio.Backend.ALSA]


@dataclass(frozen=True, slots=True)
class FoundDevice:
    """A device as the system has it.

    Attributes:
        name: Its name for people; two devices may have the same.
        backend: The system's sound interface that it was found through.
        id: What opens it.
        is_default: Whether the system uses it where none is chosen.
    """

    name: str
    backend: str
    id: bytes
    is_default: bool

    @property
    def is_real(self) -> bool:
        """Whether a person can be heard by it or hear it.

        PulseAudio and PipeWire also list what each speaker plays, as a microphone, and where there
        is no speaker, one that plays to nobody; ALSA also its plug-ins.
        """
        name = self.id.rstrip(b"\0")
        if self.backend == "ALSA":
            return name.startswith(_ALSA_CARDS)
        return self.backend != _PULSEAUDIO or not (
            name.endswith(b".monitor") or name == b"auto_null"
        )


class OpenStream(Protocol):
    """A stream that runs."""

    def close(self) -> None:
        """Stop and close it; may block, may be called twice."""


def version() -> str:
    """Return which sound library this is."""
    return f"miniaudio {miniaudio.lib_version()}"


def find_devices() -> dict[Direction, list[FoundDevice]]:
    """Return the real devices there are now.

    Raises:
        SoundError: There is no sound system, or it does not say.
    """
    _silence_alsa()
    ffi, lib = miniaudio.ffi, miniaudio.lib
    devices = miniaudio.Devices(_backends())
    if devices.backend == _PULSEAUDIO:
        _has_met_pulseaudio.set()
    tables = {way: (ffi.new("ma_device_info **"), ffi.new("ma_uint32 *")) for way in _WAYS}
    status = lib.ma_context_get_devices(devices._context, *tables["output"], *tables["input"])
    if status != lib.MA_SUCCESS:
        raise SoundError("the devices are not told", status)
    found = {
        way: (
            FoundDevice(
                name=ffi.string(info.name).decode(errors="replace"),
                backend=devices.backend,
                id=bytes(ffi.buffer(ffi.addressof(info.id))),
                is_default=bool(info.isDefault),
            )
            for info in table[0][0 : count[0]]
        )
        for way, (table, count) in tables.items()
    }
    return {way: [device for device in all_ if device.is_real] for way, all_ in found.items()}


_WAYS: tuple[Direction, ...] = ("input", "output")


def open_capture(
    device_id: bytes | None, rate_hz: int, on_block: Callable[[Pcm], None]
) -> OpenStream:
    """Record mono 16-bit samples until closed.

    Args:
        device_id: The device; None is the system's default, which is followed when it changes.
        rate_hz: The rate wanted; the sound system converts.
        on_block: Called with each block, 20 ms, in the stream's own thread.

    Raises:
        SoundError: The device cannot be opened.
    """

    def take() -> Generator[bytes, bytes, None]:
        block = yield b""
        while True:
            on_block(np.frombuffer(block, dtype=np.int16))
            block = yield b""

    return _start(_Capture, device_id, rate_hz, _CAPTURE_PERIOD_MS, take())


def open_playback(device_id: bytes | None, rate_hz: int, fill: Callable[[Pcm], None]) -> OpenStream:
    """Play mono 16-bit samples until closed.

    Args:
        device_id: The device; None is the system's default, which is followed when it changes.
        rate_hz: The rate wanted; the sound system converts.
        fill: Called to fill each block, 40 ms, in the stream's own thread.

    Raises:
        SoundError: The device cannot be opened.
    """

    def give() -> Generator[bytes, int, None]:
        samples = yield b""
        while True:
            block = np.zeros(samples, dtype=np.int16)
            fill(block)
            samples = yield block.tobytes()

    return _start(_Playback, device_id, rate_hz, _PLAYBACK_PERIOD_MS, give())


class _GivesContextBack:
    """Gives its context back, which is a connection to the sound server and a thread.

    The classes of miniaudio only drop it, and when they cannot open a device, too.
    """

    _context: Any

    def __init__(self, *arguments: object, **options: object) -> None:
        try:
            super().__init__(*arguments, **options)
        except SoundError:
            self._give_back()
            raise

    def close(self) -> None:
        super().close()  # type: ignore[misc]
        self._give_back()

    def _give_back(self) -> None:
        context, self._context = getattr(self, "_context", None), None
        if context is not None:
            miniaudio.lib.ma_context_uninit(context)


class _Capture(_GivesContextBack, miniaudio.CaptureDevice):  # type: ignore[misc]
    pass


class _Playback(_GivesContextBack, miniaudio.PlaybackDevice):  # type: ignore[misc]
    pass


def _start(
    kind: type[_Capture | _Playback],
    device_id: bytes | None,
    rate_hz: int,
    period_ms: int,
    blocks: Generator[bytes, Any, None],
) -> OpenStream:
    _silence_alsa()
    ffi = miniaudio.ffi
    wanted = None
    if device_id is not None:
        wanted = ffi.new("ma_device_id *")
        ffi.memmove(wanted, device_id, len(device_id))
    device = kind(
        miniaudio.SampleFormat.SIGNED16,
        1,
        rate_hz,
        period_ms,
        wanted,
        _PERIODS,
        _backends(),
        app_name=_APP_NAME,
    )
    next(blocks)
    try:
        device.start(blocks)
    except SoundError:
        device.close()
        raise
    opened: OpenStream = device
    return opened


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
