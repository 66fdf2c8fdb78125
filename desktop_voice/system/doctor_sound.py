"""The doctor's checks of the sound library, the devices and the echo canceller."""

from __future__ import annotations

import threading
from collections.abc import Callable

from desktop_voice.audio.devices import find_device, sound_system
from desktop_voice.audio.echo import EchoCanceller
from desktop_voice.audio.frames import SAMPLE_RATE_HZ, silence
from desktop_voice.audio.streams import MicrophoneStream, SpeakerStream
from desktop_voice.system.doctor_checks import Check

_LISTEN_S = 0.3
_FIRST_SOUND_S = 3.0


def check_library() -> Check:
    """The sound library."""
    return Check("sound", "ok", sound_system().version())


def check_microphone(key: str) -> Check:
    """Opens the microphone and listens for a moment."""
    device = find_device("input", key)
    came = threading.Event()
    microphone = MicrophoneStream(device, came.set)
    try:
        wanted = int(_LISTEN_S * microphone.rate_hz)
        arrived = _wait(came, lambda: len(microphone.ring) >= wanted)
        heard = microphone.ring.read()
    finally:
        microphone.close()
    if not arrived:
        return _mute("microphone", device.name)
    if not heard.any():
        return Check(
            "microphone",
            "warn",
            f"The microphone “{device.name}” delivers nothing but silence.",
            "Unmute it in the system's sound settings, and allow this app to use it.",
        )
    return _opened("microphone", key, device.key, device.name)


def check_speaker(key: str) -> Check:
    """Opens the speaker and plays a moment of silence."""
    device = find_device("output", key)
    came = threading.Event()
    speaker = SpeakerStream(device, SAMPLE_RATE_HZ, came.set)
    try:
        wanted = speaker.ring.write(silence(_LISTEN_S * 1000, speaker.rate_hz))
        played = _wait(came, lambda: speaker.played >= wanted)
    finally:
        speaker.close()
    if not played:
        return _mute("speaker", device.name)
    return _opened("speaker", key, device.key, device.name)


def check_echo() -> Check:
    """The echo canceller."""
    canceller = EchoCanceller()
    canceller.feed_reference(silence(100))
    return Check(
        "echo canceller",
        "ok" if len(canceller.process(silence(100))) == SAMPLE_RATE_HZ // 10 else "fail",
        "WebRTC AEC3",
    )


def _wait(came: threading.Event, is_done: Callable[[], bool]) -> bool:
    """Wait for callbacks until ``is_done``; give up when none comes for some seconds."""
    while not is_done():
        came.clear()
        if not came.wait(_FIRST_SOUND_S):
            return is_done()
    return True


def _mute(name: str, device: str) -> Check:
    return Check(
        name,
        "fail",
        f"The {name} “{device}” opens, but no sound passes.",
        "Unplug it and plug it in again, or choose another one in Settings > Sound.",
    )


def _opened(name: str, chosen: str, used: str, device: str) -> Check:
    if chosen != used:
        return Check(
            name,
            "warn",
            f"The chosen {name} is not there; “{device}” is used instead.",
            "Plug it in, or choose another one in Settings > Sound.",
        )
    return Check(name, "ok", f"“{device}” opens")
