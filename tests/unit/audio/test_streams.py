"""Streams through a real sound system: what is said arrives, what is played is heard, death shows.

These tests wait for sound to pass in real time; the deadlines only bound a hang.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from desktop_voice.audio.devices import Device, find_device
from desktop_voice.audio.frames import Pcm
from desktop_voice.audio.resample import resample
from desktop_voice.audio.streams import MicrophoneStream, SpeakerStream
from desktop_voice.audio.wav import read_pcm
from desktop_voice.core.errors import AudioError
from tests.helpers.recordings import at_peak, recordings_or_skip, write_wav
from tests.helpers.virtual_sound import VirtualSound, virtual_sound_or_skip

pytestmark = pytest.mark.sound

DEADLINE_S = 20.0


@pytest.fixture
def sound() -> Iterator[VirtualSound]:
    with virtual_sound_or_skip() as running, running.active():
        yield running


@pytest.fixture(scope="module")
def speech() -> Pcm:
    return at_peak(recordings_or_skip().load("stt/livekit/weather_question.wav"), 0.5)


class Signal:
    """Counts a stream's callbacks and lets a test wait for what they bring about."""

    def __init__(self) -> None:
        self._came = threading.Event()

    def __call__(self) -> None:
        self._came.set()

    def wait_for(self, condition: Callable[[], bool]) -> bool:
        """Wait until ``condition`` holds, looking whenever a callback came."""
        deadline_s = time.monotonic() + DEADLINE_S
        while not condition():
            if time.monotonic() > deadline_s:
                return False
            self._came.wait(0.05)
            self._came.clear()
        return True


def likeness(one: Pcm, other: Pcm) -> float:
    """The highest correlation of two sounds over all shifts, 0 to 1."""
    a, b = one.astype(np.float64), other.astype(np.float64)
    size = len(a) + len(b)
    products = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)
    return float(products.max() / (np.linalg.norm(a) * np.linalg.norm(b)))


def test_what_is_said_arrives(sound: VirtualSound, speech: Pcm, tmp_path: Path) -> None:
    came = Signal()
    microphone = MicrophoneStream(find_device("input", ""), came)
    try:
        assert came.wait_for(lambda: len(microphone.ring) > 0)
        sound.play_into_microphone(write_wav(tmp_path / "said.wav", speech))
        heard = resample(microphone.ring.read(), microphone.rate_hz, 16_000)
        assert likeness(heard, speech) > 0.9
        assert microphone.ring.dropped == 0
        assert not microphone.is_dead
    finally:
        microphone.close()


def test_what_is_played_is_heard_and_kept_as_the_echos_reference(
    sound: VirtualSound, speech: Pcm, tmp_path: Path
) -> None:
    came = Signal()
    with sound.record_speaker(tmp_path / "heard.wav") as recorded:
        speaker = SpeakerStream(find_device("output", ""), 16_000, came)
        try:
            played = resample(speech, 16_000, speaker.rate_hz)
            assert speaker.ring.write(played) == len(played)
            assert came.wait_for(lambda: speaker.played == len(played))
            last_block = speaker.reference.written + speaker.rate_hz // 2
            assert came.wait_for(lambda: speaker.reference.written >= last_block)
            assert likeness(speaker.reference.read(), played) > 0.999
        finally:
            speaker.close()
    assert likeness(read_pcm(recorded), speech) > 0.9


def test_the_volume_is_applied_to_what_is_played_and_to_the_reference(
    sound: VirtualSound, speech: Pcm
) -> None:
    came = Signal()
    speaker = SpeakerStream(find_device("output", ""), 16_000, came)
    try:
        speaker.gain = 0.25
        speaker.ring.write(speech)
        assert came.wait_for(lambda: speaker.played == len(speech))
        reference = speaker.reference.read()
        peak = np.abs(reference.astype(np.int32)).max()
        assert peak == pytest.approx(np.abs(speech.astype(np.int32)).max() / 4, abs=2)
    finally:
        speaker.close()


def test_clear_drops_what_is_queued_and_plays_what_comes_after(sound: VirtualSound) -> None:
    came = Signal()
    speaker = SpeakerStream(find_device("output", ""), 16_000, came)
    try:
        speaker.ring.write(np.full(48_000, 1000, dtype=np.int16))
        assert came.wait_for(lambda: speaker.played > 0)
        speaker.clear()
        after = np.full(800, 2000, dtype=np.int16)
        speaker.ring.write(after)
        assert came.wait_for(lambda: len(speaker.ring) == 0)
        reference = speaker.reference.read()
        assert (reference == 2000).sum() == len(after)
        assert 0 < (reference == 1000).sum() < 48_000
    finally:
        speaker.close()


def test_a_microphone_that_is_unplugged_is_noticed_and_found_again(sound: VirtualSound) -> None:
    came = Signal()
    microphone = MicrophoneStream(find_device("input", ""), came)
    try:
        assert came.wait_for(lambda: len(microphone.ring) > 0)
        sound.kill_microphone()
        assert came.wait_for(lambda: microphone.is_dead)
    finally:
        microphone.close()
    with pytest.raises(AudioError) as caught:
        MicrophoneStream(Device("", "Headset"), came)
    assert caught.value.code == "AUDIO-04"
    assert "Headset" in caught.value.what
    assert caught.value.retryable

    sound.restore_microphone()
    again = MicrophoneStream(find_device("input", ""), came)
    try:
        assert came.wait_for(lambda: len(again.ring) > 0)
        assert not again.is_dead
    finally:
        again.close()


def test_the_sound_system_may_die_under_an_open_stream(sound: VirtualSound) -> None:
    came = Signal()
    speaker = SpeakerStream(find_device("output", ""), 16_000, came)
    speaker.ring.write(np.ones(8000, dtype=np.int16))
    assert came.wait_for(lambda: speaker.played > 0)
    sound.stop()
    assert came.wait_for(lambda: speaker.is_dead)
    speaker.close()
    speaker.close()


def test_a_stream_that_was_just_opened_is_not_called_dead(sound: VirtualSound) -> None:
    microphone = MicrophoneStream(find_device("input", ""), Signal())
    try:
        assert not microphone.is_dead
    finally:
        microphone.close()
