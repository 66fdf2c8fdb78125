"""Echo cancellation over real rooms and real people: the assistant does not hear itself."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from desktop_voice.audio.echo import EchoCanceller
from desktop_voice.audio.frames import FRAME_SAMPLES, SAMPLE_RATE_HZ, Pcm
from desktop_voice.audio.levels import rms_dbfs
from desktop_voice.core.errors import EngineError
from desktop_voice.speech.wake.micro import MicroWakeWordDetector
from tests.helpers.recordings import Recordings, at_peak, join, quiet, recordings_or_skip

ROOMS = [f"rir/speechbrain/rir{number}.wav" for number in (1, 2, 3, 4)]
WAKE_CLIPS = [
    "wake/pymww/alexa/1.wav",
    "wake/pymww/alexa/2.wav",
    "wake/pymww/hey_jarvis/1.wav",
    "wake/pymww/hey_jarvis/2.wav",
    "wake/pymww/hey_mycroft/1.wav",
    "wake/pymww/hey_mycroft/2.wav",
    "wake/pymww/okay_nabu/1.wav",
    "wake/pymww/okay_nabu/2.wav",
]
DELAY_MS = 60


@pytest.fixture(scope="module")
def recordings() -> Recordings:
    return recordings_or_skip()


def heard_in_room(played: Pcm, room: Pcm, delay_ms: int = DELAY_MS, gain: float = 0.3) -> Pcm:
    """What a microphone picks up of ``played``: the room's echo, late, and a little noise."""
    size = len(played) + len(room)
    response = room.astype(np.float64) / np.abs(room.astype(np.float64)).max()
    echo = np.fft.irfft(np.fft.rfft(played, size) * np.fft.rfft(response, size), size)
    echo *= gain * np.sqrt((played.astype(np.float64) ** 2).mean() / (echo**2).mean())
    delay = SAMPLE_RATE_HZ * delay_ms // 1000
    late = np.concatenate([np.zeros(delay), echo])[: len(played)]
    return np.clip(late + quiet(len(played) / 16), -32768, 32767).astype(np.int16)


def cancelled(played: Pcm, microphone: Pcm) -> Pcm:
    """The microphone without the echo, frame by frame as the app does it."""
    canceller = EchoCanceller()
    cleaned = []
    for at in range(0, len(microphone) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
        canceller.feed_reference(played[at : at + FRAME_SAMPLES])
        cleaned.append(canceller.process(microphone[at : at + FRAME_SAMPLES]))
    return np.concatenate(cleaned)


def echo_loss_db(microphone: Pcm, cleaned: Pcm) -> float:
    """How much less there is in the second half."""
    half = len(cleaned) // 2
    return rms_dbfs(microphone[half : len(cleaned)]) - rms_dbfs(cleaned[half:])


def woken_by(pcm: Pcm) -> set[str]:
    detector = MicroWakeWordDetector(("hey_jarvis", "okay_nabu", "hey_mycroft", "alexa"), 0.5)
    heard = (detector.process(pcm[at : at + 320]) for at in range(0, len(pcm) - 319, 320))
    return {phrase for phrase in heard if phrase}


@pytest.mark.parametrize("room", ROOMS)
def test_a_reply_is_taken_out_of_the_microphone(recordings: Recordings, room: str) -> None:
    played = at_peak(recordings.load("stt/jfk.wav"), 0.5)
    microphone = heard_in_room(played, recordings.load(room))
    assert echo_loss_db(microphone, cancelled(played, microphone)) >= 15


@pytest.mark.parametrize("delay_ms", [20, 200, 400])
def test_no_device_delay_needs_a_hint(recordings: Recordings, delay_ms: int) -> None:
    played = at_peak(recordings.load("stt/jfk.wav"), 0.5)
    microphone = heard_in_room(played, recordings.load(ROOMS[2]), delay_ms)
    assert echo_loss_db(microphone, cancelled(played, microphone)) >= 15


def test_the_echo_of_a_real_loudspeaker_is_taken_out(recordings: Recordings) -> None:
    case = "aec/9mkQhVtzTEy2hDk-6u2Sww_farend_singletalk"
    played, microphone = recordings.load(f"{case}_lpb.wav"), recordings.load(f"{case}_mic.wav")
    length = min(len(played), len(microphone))
    assert echo_loss_db(microphone, cancelled(played[:length], microphone[:length])) >= 15


def test_a_person_alone_is_left_as_they_are(recordings: Recordings) -> None:
    speech = at_peak(recordings.load("stt/jfk.wav"), 0.5)
    cleaned = cancelled(np.zeros_like(speech), speech)
    assert rms_dbfs(cleaned) == pytest.approx(rms_dbfs(speech), abs=1.0)


def test_the_assistant_saying_wake_words_does_not_wake_itself(recordings: Recordings) -> None:
    played = join(
        [at_peak(recordings.load(name), 0.5) for name in WAKE_CLIPS], gap_ms=2500, before_ms=300
    )
    microphone = heard_in_room(played, recordings.load(ROOMS[2]))
    assert len(woken_by(microphone)) >= 3, "the echo must be loud enough to prove anything"
    assert woken_by(cancelled(played, microphone)) == set()


def test_a_wake_word_wakes_through_the_canceller_while_a_reply_is_spoken(
    recordings: Recordings,
) -> None:
    played = at_peak(recordings.load("stt/jfk.wav"), 0.5)
    microphone = heard_in_room(played, recordings.load(ROOMS[1]), gain=0.15).astype(np.int32)
    phrase = at_peak(recordings.load("wake/pymww/hey_jarvis/1.wav"), 0.7)
    microphone[80_000 : 80_000 + len(phrase)] += phrase
    both = np.clip(microphone, -32768, 32767).astype(np.int16)
    assert woken_by(cancelled(played, both)) == {"hey_jarvis"}


def test_chunks_of_any_length_come_back_in_steps_of_10_ms() -> None:
    canceller = EchoCanceller()
    sizes = [len(canceller.process(quiet(ms))) for ms in (5, 5, 12, 8, 0, 20)]
    assert sizes == [0, 160, 160, 160, 0, 320]


def test_a_machine_without_the_library_is_told_what_happens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "livekit", None)
    with pytest.raises(EngineError) as caught:
        EchoCanceller()
    assert caught.value.code == "ECHO-01"
    assert "headphones" in caught.value.do
