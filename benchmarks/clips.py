"""Synthetic questions for benchmarks and tests: clearly spoken, each with a built-in answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from desktop_voice.audio.frames import SAMPLE_RATE_HZ, Pcm
from desktop_voice.audio.resample import resample
from desktop_voice.speech.tts.espeak import ESpeak

VOICE = "en-us+belinda"
"""A voice of eSpeak NG that a speech recogniser understands well."""
RATE_WPM = 130
QUESTIONS = (
    "What time is it?",
    "What is twelve times twelve?",
    "Tell me the time.",
    "What is twenty plus thirty?",
    "What can you do?",
    "What is your name?",
    "What is fifteen times four?",
    "What are you?",
    "Convert ten miles to kilometers.",
    "Can you hear me?",
    "Set a timer for ten minutes.",
    "Cancel the timer.",
)


def spoken(text: str, *, voice: str = VOICE, rate_wpm: int = RATE_WPM) -> Pcm:
    """Return ``text`` as 16 kHz speech."""
    engine = ESpeak()
    pcm = np.concatenate(list(engine.synthesise(text, voice=voice, rate_wpm=rate_wpm)))
    return resample(pcm, engine.sample_rate_hz, SAMPLE_RATE_HZ)


def write_clip(folder: Path, text: str) -> Path:
    """Write ``text`` as a WAV file into ``folder`` and return its path."""
    path = folder / ("".join(c if c.isalnum() else "-" for c in text.lower()).strip("-") + ".wav")
    soundfile.write(path, spoken(text), SAMPLE_RATE_HZ, subtype="PCM_16")
    return path
