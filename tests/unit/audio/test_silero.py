"""Silero: its card, the block it takes, and that one stream does not stain the next."""

import numpy as np
import pytest

from desktop_voice.audio.frames import Pcm, silence
from desktop_voice.audio.silero import ENGINE, SileroVad
from tests.helpers.recordings import recordings_or_skip, trim


def blocks(pcm: Pcm, size: int) -> list[Pcm]:
    return [pcm[at : at + size] for at in range(0, len(pcm) - size + 1, size)]


def test_the_card_is_complete() -> None:
    assert ENGINE.info.name == "Silero VAD"
    assert ENGINE.info.licence == "MIT"
    assert not ENGINE.info.needs_network
    assert isinstance(ENGINE.create(), SileroVad)


def test_what_is_no_speech_is_not_taken_for_it() -> None:
    vad = SileroVad()
    times = np.arange(32_000) / 16_000
    sounds = {
        "silence": silence(2000),
        "white noise": np.random.default_rng(1).normal(0, 1000, 32_000).astype(np.int16),
        "a tone": (np.sin(2 * np.pi * 440 * times) * 8000).astype(np.int16),
    }
    for name, pcm in sounds.items():
        vad.reset()
        assert max(vad.probability(block) for block in blocks(pcm, vad.block_samples)) < 0.5, name


def test_reset_makes_the_next_stream_as_the_first() -> None:
    speech = trim(recordings_or_skip().load("stt/jfk.wav"), 0.3, 2.0)
    vad = SileroVad()
    first = [vad.probability(block) for block in blocks(speech, vad.block_samples)]
    assert max(first) > 0.9
    vad.reset()
    again = [vad.probability(block) for block in blocks(speech, vad.block_samples)]
    assert again == pytest.approx(first, abs=1e-3)


def test_two_streams_do_not_disturb_each_other() -> None:
    speech = trim(recordings_or_skip().load("stt/jfk.wav"), 0.3, 2.0)
    alone, one, two = SileroVad(), SileroVad(), SileroVad()
    noise = np.random.default_rng(1).normal(0, 3000, len(speech)).astype(np.int16)
    for clean, loud in zip(blocks(speech, 512), blocks(noise, 512), strict=True):
        expected = alone.probability(clean)
        assert one.probability(clean) == pytest.approx(expected, abs=1e-3)
        two.probability(loud)
