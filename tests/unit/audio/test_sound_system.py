"""The sound system: real devices only, and no remarks of ALSA on the terminal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from desktop_voice.audio import sound_system
from desktop_voice.audio.sound_system import FoundDevice, SoundError
from tests.helpers.virtual_sound import virtual_sound_or_skip

_OPEN_A_NONSENSE_DEVICE = """
import ctypes
from desktop_voice.audio import sound_system
alsa = ctypes.CDLL("libasound.so.2")
if {silenced}:
    sound_system._silence_alsa()
pcm = ctypes.c_void_p()
assert alsa.snd_pcm_open(ctypes.byref(pcm), b"no-such-device", 0, 0) < 0
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ALSA is for Linux")
@pytest.mark.parametrize("silenced", [False, True])
def test_the_terminal_is_spared_what_alsa_mutters(silenced: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _OPEN_A_NONSENSE_DEVICE.format(silenced=silenced)],
        capture_output=True,
        text=True,
        check=False,
    )
    if "libasound" in done.stderr:
        pytest.skip("no ALSA library on this machine")
    assert done.returncode == 0
    assert ("ALSA lib" in done.stderr) == (not silenced)


@pytest.mark.parametrize(
    ("backend", "name", "is_real"),
    [
        ("PulseAudio", b"alsa_input.usb-Headset.mono", True),
        ("PulseAudio", b"alsa_output.pci-0000.analog-stereo.monitor", False),
        ("PulseAudio", b"auto_null", False),
        ("ALSA", b"default", True),
        ("ALSA", b":0,0", True),
        ("ALSA", b"hw:CARD=Headset,DEV=0", True),
        ("ALSA", b"null", False),
        ("ALSA", b"speexrate", False),
        ("WASAPI", "{0.0.1.00000000}.monitor".encode("utf-16-le"), True),
        ("Core Audio", b"BuiltInMicrophoneDevice", True),
    ],
)
def test_what_nobody_can_speak_into_or_hear_is_no_device(
    backend: str, name: bytes, is_real: bool
) -> None:
    found = FoundDevice("A device", backend, name.ljust(256, b"\0"), is_default=False)
    assert found.is_real is is_real


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PulseAudio is for Linux")
def test_without_a_sound_server_no_plug_in_of_alsa_is_taken_for_a_device(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path}/nobody-listens-here")
    try:
        found = sound_system.find_devices()
    except SoundError:
        return
    for devices in found.values():
        assert all(b":" in device.id or b"default" in device.id for device in devices)


@pytest.mark.sound
def test_the_cards_of_a_sound_server_that_is_away_for_a_moment_are_left_to_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with virtual_sound_or_skip() as sound, sound.active():
        assert sound_system.find_devices()["output"]
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path}/nobody-listens-here")
    with pytest.raises(SoundError):
        sound_system.find_devices()
