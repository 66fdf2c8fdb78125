"""The voice gate, with a scripted detector for its rules and the real Silero over real people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from desktop_voice.audio.frames import FRAME_SAMPLES, Pcm
from desktop_voice.audio.silero import SileroVad
from desktop_voice.audio.vad import VoiceGate
from tests.helpers.recordings import Recordings, at_peak, join, quiet, recordings_or_skip

SPEAKERS = [
    "stt/jfk.wav",
    "stt/moonshine/beckett.wav",
    "stt/livekit/weather_question.wav",
    "stt/pocketsphinx/librivox/sense_and_sensibility_01_austen_64kb-0880.wav",
    "stt/speechbrain/spk1_snt1.wav",
    "stt/speechbrain/spk2_snt2.wav",
    "stt/dialogflow/today.wav",
    "tts-samples/kokoro_af_heart.wav",
]


class Scripted:
    """A detector that answers with given probabilities, one a block."""

    block_samples = 4

    def __init__(self, probabilities: Sequence[float]) -> None:
        self._probabilities = iter(probabilities)
        self.was_reset = False

    def probability(self, block: Pcm) -> float:
        assert len(block) == self.block_samples
        return next(self._probabilities)

    def reset(self) -> None:
        self.was_reset = True


def voiced_frames(gate: VoiceGate, pcm: Pcm) -> list[bool]:
    return [
        gate.push(pcm[at : at + FRAME_SAMPLES])
        for at in range(0, len(pcm) - FRAME_SAMPLES + 1, FRAME_SAMPLES)
    ]


@pytest.fixture(scope="module")
def recordings() -> Recordings:
    return recordings_or_skip()


def test_on_and_off_have_thresholds_of_their_own() -> None:
    gate = VoiceGate(Scripted([0.4, 0.5, 0.4, 0.35, 0.34, 0.49]))
    block = np.zeros(4, dtype=np.int16)
    assert [gate.push(block) for _ in range(6)] == [False, True, True, True, False, False]


def test_a_frame_shorter_than_a_block_changes_nothing_yet() -> None:
    gate = VoiceGate(Scripted([0.9]))
    assert not gate.push(np.zeros(3, dtype=np.int16))
    assert gate.push(np.zeros(1, dtype=np.int16))
    assert gate.probability == 0.9


def test_reset_forgets_the_half_block_and_the_voice() -> None:
    detector = Scripted([0.9, 0.1])
    gate = VoiceGate(detector)
    gate.push(np.zeros(6, dtype=np.int16))
    gate.reset()
    assert not gate.voiced
    assert gate.probability == 0
    assert detector.was_reset
    assert not gate.push(np.zeros(2, dtype=np.int16))
    assert gate.probability == 0


@pytest.mark.parametrize("name", SPEAKERS)
@pytest.mark.parametrize("peak", [0.9, 0.05])
def test_people_are_heard_near_and_far_and_the_gate_closes_after_them(
    recordings: Recordings, name: str, peak: float
) -> None:
    speech = at_peak(recordings.load(name), peak)
    gate = VoiceGate(SileroVad())
    assert not any(voiced_frames(gate, quiet(1000)))
    assert any(voiced_frames(gate, speech))
    assert not voiced_frames(gate, quiet(1000))[-1]


def test_a_pause_between_two_sentences_is_seen(recordings: Recordings) -> None:
    first = recordings.load("stt/speechbrain/spk1_snt1.wav")
    second = recordings.load("stt/speechbrain/spk1_snt2.wav")
    pcm = join([first, second], gap_ms=1500, before_ms=500, after_ms=1000)
    voiced = voiced_frames(VoiceGate(SileroVad()), pcm)
    starts = [i for i in range(1, len(voiced)) if voiced[i] and not voiced[i - 1]]
    middle_of_gap = (8000 + len(first) + 12_000) // FRAME_SAMPLES
    assert not voiced[middle_of_gap]
    assert any(start < middle_of_gap for start in starts)
    assert any(start > middle_of_gap for start in starts)


@pytest.mark.parametrize("name", ["noise/speechbrain/noise2.wav", "phone/dtmf/dtmf-5.wav"])
def test_noise_is_not_a_person(recordings: Recordings, name: str) -> None:
    voiced = voiced_frames(VoiceGate(SileroVad()), recordings.load(name))
    assert sum(voiced) <= 0.1 * len(voiced)
