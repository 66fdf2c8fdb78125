"""What a recording of the speaker holds: words as a listener hears them, and the voice's own sound.

A recogniser hears a synthetic voice differently from one time to the next, even when the sound is
the same but for where it begins. So no test may ask for a phrase: it asks for a share of the words,
and whether the sound that the voice made is in the recording.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from benchmarks.wer import words_of
from desktop_voice.audio.frames import SAMPLE_RATE_HZ, Pcm
from desktop_voice.audio.wav import read_pcm
from desktop_voice.speech import registry
from desktop_voice.speech.stt.recogniser import SpeechToText

CLEAR_REPLY = "It is raining in Paris, but on Monday you can visit the garden and the old castle."
"""A reply that a recogniser understands well in a synthetic voice."""
MOST_WORDS = 0.6
"""The least share of words that tells a reply from every other one."""
NEARLY_ALL = 0.75
"""The least share of its sound that tells it was played: a gap on a busy machine spoils a piece."""

_PIECE = SAMPLE_RATE_HZ // 5
_SLACK = SAMPLE_RATE_HZ // 2
_SAME_SOUND = 0.9
_AUDIBLE_RMS = 200.0

_Samples = NDArray[np.float64]


class Listener:
    """Understands recordings, as a person at the speaker would."""

    def __init__(self) -> None:
        self._stt = cast(SpeechToText, registry.load("stt", "moonshine"))

    def share_heard(self, wav: Path, text: str) -> float:
        """Return the share of the words of ``text``, from 0 to 1, that are heard in order."""
        return share_of_words(text, self._stt.transcribe(read_pcm(wav)))


def share_of_words(text: str, heard: str) -> float:
    """Return the share of the words of ``text`` that ``heard`` has in the same order.

    Numbers count as words, in digits or not.
    """
    wanted = words_of(text)
    return _common(wanted, words_of(heard)) / len(wanted)


def _common(a: Sequence[str], b: Sequence[str]) -> int:
    """Return the length of the longest common subsequence."""
    row = [0] * (len(b) + 1)
    for word in a:
        above = row
        row = [0]
        for j, other in enumerate(b):
            row.append(above[j] + 1 if word == other else max(row[j], above[j + 1]))
    return row[-1]


def share_played(recording: Pcm, speech: Pcm) -> float:
    """Return the share of ``speech``, from 0 to 1, whose very sound is in ``recording``.

    Both at 16 kHz. Judged by pieces of 200 ms, the silent ones left out; each may lie up to 0.5 s
    from where the others are, at any loudness.
    """
    heard, spoken = recording.astype(np.float64), speech.astype(np.float64)
    start = int(np.argmax(_correlation(heard, spoken)))
    margin = np.zeros(_SLACK)
    heard = np.concatenate([margin, heard, margin, np.zeros(len(spoken))])
    found = [
        _likeness(heard[start + at : start + at + _PIECE + 2 * _SLACK], spoken[at : at + _PIECE])
        >= _SAME_SOUND
        for at in range(0, len(spoken) - _PIECE + 1, _PIECE)
        if np.sqrt(np.square(spoken[at : at + _PIECE]).mean()) >= _AUDIBLE_RMS
    ]
    return sum(found) / len(found)


def _likeness(region: _Samples, piece: _Samples) -> float:
    """Return how like ``piece`` the likest stretch of ``region`` is, from 0 to 1."""
    product = _correlation(region, piece)[: len(region) - len(piece) + 1]
    energy = np.concatenate([[0.0], np.cumsum(np.square(region))])
    energies = (energy[len(piece) :] - energy[: -len(piece)]) * np.square(piece).sum()
    silence = (_AUDIBLE_RMS / 10) ** 2 * len(piece) * np.square(piece).sum()
    return float((product / np.sqrt(np.maximum(energies, silence))).max())


def _correlation(long: _Samples, short: _Samples) -> _Samples:
    """Return the product of ``short`` with the stretch of ``long`` at each place of ``long``."""
    size = 1 << (len(long) + len(short)).bit_length()
    spectrum = np.fft.rfft(long, size) * np.conj(np.fft.rfft(short, size))
    return np.fft.irfft(spectrum, size)[: len(long)]
