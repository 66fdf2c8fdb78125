"""Real recordings for tests and benchmarks: found beside the repository, never copied into it."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from desktop_voice.audio.frames import SAMPLE_RATE_HZ, Pcm
from desktop_voice.audio.resample import resample
from desktop_voice.audio.wav import read_pcm

_BESIDE_THE_REPOSITORY = Path(__file__).parents[2].parent / "shared" / "testdata"
_NOISE_FLOOR_PEAK = 3
"""Samples of a gap stay within +-3: about -84 dBFS, as a quiet sound card delivers."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """A recording and the words in it; ``reference`` is empty where nobody wrote them down."""

    name: str
    reference: str


@dataclass(frozen=True, slots=True)
class Recordings:
    """The folder of recordings; names are paths below its ``audio`` folder."""

    root: Path

    def path(self, name: str) -> Path:
        """Return the file of a recording."""
        return self.root / "audio" / name

    def load(self, name: str) -> Pcm:
        """Return a recording as 16 kHz mono PCM; ``.ulaw`` is headerless mu-law at 8 kHz."""
        path = self.path(name)
        if path.suffix == ".ulaw":
            raw, rate_hz = soundfile.read(
                path, dtype="int16", samplerate=8000, channels=1, format="RAW", subtype="ULAW"
            )
            return resample(raw, rate_hz, SAMPLE_RATE_HZ)
        return read_pcm(path)

    def names(self, *folders: str) -> list[str]:
        """Return the names of all recordings below ``folders``, sorted."""
        audio = self.root / "audio"
        return sorted(
            path.relative_to(audio).as_posix()
            for folder in folders
            for path in (audio / folder).rglob("*")
            if path.suffix in {".wav", ".ulaw"}
        )

    def transcripts(self) -> list[Transcript]:
        """Return every recording in ``TRANSCRIPTS.tsv`` that lies below ``audio``."""
        with (self.root / "TRANSCRIPTS.tsv").open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            return [
                Transcript(row["file"].removeprefix("audio/"), row["reference"].strip())
                for row in rows
                if row["file"].startswith("audio/")
            ]


def find_recordings() -> Recordings | None:
    """Return the recordings that ``DESKTOP_VOICE_TESTDATA`` names, else those of the checkout."""
    root = Path(os.environ.get("DESKTOP_VOICE_TESTDATA") or _BESIDE_THE_REPOSITORY)
    return Recordings(root) if (root / "TRANSCRIPTS.tsv").is_file() else None


def recordings_or_skip() -> Recordings:
    """Return the recordings, or skip the test that asks."""
    recordings = find_recordings()
    if recordings is None:
        pytest.skip("no recordings: set DESKTOP_VOICE_TESTDATA to the folder that holds them")
    return recordings


def quiet(ms: float, seed: int = 0) -> Pcm:
    """Return ``ms`` milliseconds at 16 kHz of what a quiet room sounds like to a sound card."""
    noise = np.random.default_rng(seed)
    return noise.integers(
        -_NOISE_FLOOR_PEAK,
        _NOISE_FLOOR_PEAK,
        int(SAMPLE_RATE_HZ * ms / 1000),
        dtype=np.int16,
        endpoint=True,
    )


def trim(pcm: Pcm, start_s: float = 0.0, end_s: float | None = None) -> Pcm:
    """Return the part of 16 kHz samples from ``start_s`` to ``end_s`` seconds."""
    end = None if end_s is None else int(end_s * SAMPLE_RATE_HZ)
    return pcm[int(start_s * SAMPLE_RATE_HZ) : end]


def join(pieces: Sequence[Pcm], *, gap_ms: float, before_ms: float = 0, after_ms: float = 0) -> Pcm:
    """Return 16 kHz pieces one after the other, with quiet before, between and after them."""
    parts = [quiet(before_ms)]
    for index, piece in enumerate(pieces):
        if index:
            parts.append(quiet(gap_ms, seed=index))
        parts.append(piece)
    return np.concatenate([*parts, quiet(after_ms, seed=len(pieces))])


def at_peak(pcm: Pcm, peak: float) -> Pcm:
    """Return ``pcm`` scaled so that its loudest sample is ``peak``, from 0 to 1."""
    loudest = int(np.abs(pcm.astype(np.int32)).max(initial=1))
    return (pcm.astype(np.float32) * (peak * 32767 / loudest)).astype(np.int16)


def over_telephone(pcm: Pcm) -> Pcm:
    """Return 16 kHz samples as they come out of an 8 kHz mu-law telephone line."""
    narrow = resample(pcm, SAMPLE_RATE_HZ, 8000).astype(np.float64) / 32768
    encoded = np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log1p(255)
    steps = np.round(encoded * 127) / 127
    decoded = np.sign(steps) * (np.exp(np.abs(steps) * np.log1p(255)) - 1) / 255
    return resample((decoded * 32767).astype(np.int16), 8000, SAMPLE_RATE_HZ)


def write_wav(path: Path, pcm: Pcm, sample_rate_hz: int = SAMPLE_RATE_HZ) -> Path:
    """Write 16-bit mono samples as a WAV file and return its path."""
    soundfile.write(path, pcm, sample_rate_hz, subtype="PCM_16")
    return path
