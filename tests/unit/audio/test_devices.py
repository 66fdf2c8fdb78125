"""Devices: found, remembered by name, and an empty machine told in words a person can use."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from desktop_voice.audio import devices
from desktop_voice.audio.devices import find_device, list_devices, portaudio, refresh
from desktop_voice.core.errors import AudioError
from tests.helpers.virtual_sound import VirtualSound, virtual_sound_or_skip

DIRECTIONS: tuple[devices.Direction, ...] = ("input", "output")


class Machine(ModuleType):
    """PortAudio as it looks on a machine with given devices (name, inputs, outputs)."""

    def __init__(self, present: list[tuple[str, int, int]], default: tuple[int, int]) -> None:
        super().__init__("sounddevice")
        self._present = present
        self.default = type("Default", (), {"device": default})

    def query_hostapis(self) -> list[dict[str, object]]:
        return [{"name": "WASAPI"}]

    def query_devices(self) -> list[dict[str, object]]:
        return [
            {
                "name": name,
                "hostapi": 0,
                "max_input_channels": inputs,
                "max_output_channels": outputs,
                "default_samplerate": 48000.0,
            }
            for name, inputs, outputs in self._present
        ]


@pytest.fixture
def headset(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine([("Speakers", 0, 2), ("Headset", 1, 2), ("Webcam", 2, 0)], (2, 0))
    monkeypatch.setitem(sys.modules, "sounddevice", machine)
    return machine


@pytest.mark.usefixtures("headset")
def test_each_direction_lists_its_devices_only() -> None:
    assert [device.name for device in list_devices("input")] == ["Headset", "Webcam"]
    assert [device.name for device in list_devices("output")] == ["Speakers", "Headset"]


@pytest.mark.usefixtures("headset")
def test_a_device_is_found_again_by_its_key() -> None:
    (chosen,) = [device for device in list_devices("output") if device.name == "Headset"]
    assert find_device("output", chosen.key) == chosen


@pytest.mark.usefixtures("headset")
def test_the_default_is_used_when_none_is_chosen_or_the_chosen_one_is_gone() -> None:
    for key in ("", "Unplugged [WASAPI]"):
        device = find_device("input", key)
        assert (device.key, device.name, device.index) == ("", "Webcam", 2)
        assert device.default_rate_hz == 48_000


def test_without_a_default_the_first_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", Machine([("Headset", 1, 2)], (-1, -1)))
    assert find_device("input", "").name == "Headset"


@pytest.mark.parametrize(
    ("direction", "code", "word"),
    [("input", "AUDIO-02", "microphone"), ("output", "AUDIO-03", "speaker")],
)
def test_a_machine_without_a_device_is_told(
    monkeypatch: pytest.MonkeyPatch, direction: devices.Direction, code: str, word: str
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", Machine([], (-1, -1)))
    assert list_devices(direction) == []
    with pytest.raises(AudioError) as caught:
        find_device(direction, "")
    assert caught.value.code == code
    assert word in caught.value.what
    assert caught.value.retryable


def test_a_machine_without_portaudio_is_told_what_to_type() -> None:
    script = """
import ctypes.util, sys
from desktop_voice.audio.devices import portaudio
from desktop_voice.core.errors import AudioError
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name == "sounddevice":
            raise OSError("PortAudio library not found")
sys.meta_path.insert(0, Missing())
try:
    portaudio()
except AudioError as error:
    print(error.code, error.do)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("AUDIO-01 ")
    assert "libportaudio2" in done.stdout


_OPEN_A_NONSENSE_DEVICE = """
import ctypes
from desktop_voice.audio.devices import portaudio
alsa = ctypes.CDLL("libasound.so.2")
if {silenced}:
    portaudio()
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
    if "libasound" in done.stderr or "sounddevice" in done.stderr:
        pytest.skip("no ALSA library, or no PortAudio, on this machine")
    assert done.returncode == 0
    assert ("ALSA lib" in done.stderr) == (not silenced)


@pytest.fixture
def sound() -> Iterator[VirtualSound]:
    with virtual_sound_or_skip() as running, running.active():
        yield running


@pytest.mark.sound
@pytest.mark.usefixtures("sound")
def test_a_real_sound_system_has_both_directions() -> None:
    for direction in DIRECTIONS:
        assert find_device(direction, "").name == "default"
        keys = [device.key for device in list_devices(direction)]
        assert "pulse [ALSA]" in keys
        assert len(set(keys)) == len(keys)


@pytest.mark.sound
@pytest.mark.usefixtures("sound")
def test_the_list_can_be_read_anew_and_keys_stay() -> None:
    before = [device.key for device in list_devices("input")]
    refresh()
    assert [device.key for device in list_devices("input")] == before
    assert portaudio().query_hostapis()
