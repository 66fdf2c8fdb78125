"""Devices: found, remembered by name, and an empty machine told in words a person can use."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from desktop_voice.audio import sound_system
from desktop_voice.audio.devices import Device, Direction, find_device, list_devices
from desktop_voice.audio.sound_system import FoundDevice, SoundError
from desktop_voice.core.errors import AudioError
from tests.helpers.virtual_sound import VirtualSound, virtual_sound_or_skip

DIRECTIONS: tuple[Direction, ...] = ("input", "output")

SPEAKERS = FoundDevice("Speakers", "WASAPI", b"1", False)
HEADSET = FoundDevice("Headset", "WASAPI", b"2", True)
WEBCAM = FoundDevice("Webcam", "WASAPI", b"3", True)
SECOND_WEBCAM = FoundDevice("Webcam", "WASAPI", b"4", False)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[Direction, list[FoundDevice]]:
    """What the system says it has."""
    found: dict[Direction, list[FoundDevice]] = {
        "input": [FoundDevice("Headset", "WASAPI", b"2", False), WEBCAM, SECOND_WEBCAM],
        "output": [SPEAKERS, HEADSET],
    }
    monkeypatch.setattr(sound_system, "find_devices", lambda: found)
    return found


@pytest.mark.usefixtures("machine")
def test_each_direction_lists_its_devices_only() -> None:
    listed = list_devices()
    assert [device.name for device in listed["input"]] == ["Headset", "Webcam", "Webcam"]
    assert [device.name for device in listed["output"]] == ["Speakers", "Headset"]


@pytest.mark.usefixtures("machine")
def test_a_device_is_found_again_by_its_key_even_beside_one_of_the_same_name() -> None:
    for direction, devices in list_devices().items():
        assert len({device.key for device in devices}) == len(devices)
        for device in devices:
            assert find_device(direction, device.key) == device


@pytest.mark.usefixtures("machine")
def test_the_default_is_used_when_none_is_chosen_or_the_chosen_one_is_gone() -> None:
    for key in ("", "Unplugged [WASAPI]"):
        # No id: the system's default is followed when it changes.
        assert find_device("input", key) == Device("", "Webcam", None)


def test_without_a_default_the_first_is_used(
    machine: dict[Direction, list[FoundDevice]],
) -> None:
    machine["input"] = [SECOND_WEBCAM]
    assert find_device("input", "") == Device("", "Webcam", b"4")


@pytest.mark.parametrize(
    ("direction", "code", "word"),
    [("input", "AUDIO-02", "microphone"), ("output", "AUDIO-03", "speaker")],
)
def test_a_machine_without_a_device_is_told(
    machine: dict[Direction, list[FoundDevice]], direction: Direction, code: str, word: str
) -> None:
    machine[direction] = []
    assert list_devices()[direction] == ()
    with pytest.raises(AudioError) as caught:
        find_device(direction, "")
    assert caught.value.code == code
    assert word in caught.value.what
    assert caught.value.retryable


def test_a_machine_without_a_sound_system_has_no_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise SoundError("cannot init context", -401)

    monkeypatch.setattr(sound_system, "find_devices", fail)
    assert list_devices() == {"input": (), "output": ()}


def test_a_machine_without_the_sound_library_is_told_what_to_do() -> None:
    script = """
import sys
from desktop_voice.audio.devices import find_device
from desktop_voice.core.errors import AudioError
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name == "miniaudio":
            raise OSError("its native library cannot be loaded")
sys.meta_path.insert(0, Missing())
try:
    find_device("input", "")
except AudioError as error:
    print(error.code, error.do)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("AUDIO-01 ")
    assert "./start" in done.stdout


@pytest.fixture
def sound() -> Iterator[VirtualSound]:
    with virtual_sound_or_skip() as running, running.active():
        yield running


@pytest.mark.sound
@pytest.mark.usefixtures("sound")
def test_a_real_sound_system_has_both_directions() -> None:
    for direction in DIRECTIONS:
        default = find_device(direction, "")
        listed = list_devices()[direction]
        assert default.name in {device.name for device in listed}
        assert default.key == ""


@pytest.mark.sound
def test_what_a_speaker_plays_is_no_microphone(sound: VirtualSound) -> None:
    sound.kill_microphone()
    # The server's default is now the monitor of a speaker.
    with pytest.raises(AudioError) as caught:
        find_device("input", "")
    assert caught.value.code == "AUDIO-02"
    sound.restore_microphone()
    assert find_device("input", "")


@pytest.mark.sound
@pytest.mark.usefixtures("sound")
@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts descriptors in /proc")
def test_looking_for_devices_and_opening_them_leaves_nothing_behind() -> None:
    def held() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))

    before = None
    for _ in range(100):
        list_devices()
        sound_system.open_capture(None, 16_000, lambda _block: None).close()
        sound_system.open_playback(None, 24_000, lambda _block: None).close()
        before = before or held()
    assert held() == before
