"""Fixtures of the end-to-end tests: a display, a sound card and a session bus for each test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from desktop_voice.audio.wav import read_pcm
from desktop_voice.speech import registry
from desktop_voice.speech.stt.recogniser import SpeechToText
from tests.helpers.recordings import Recordings, recordings_or_skip
from tests.helpers.virtual_sound import VirtualSound, virtual_sound_or_skip
from tests.helpers.xvfb import VirtualDisplay, virtual_display_or_skip

PICTURES = Path(__file__).parents[2] / "artefacts"


@pytest.fixture(scope="module")
def display() -> Iterator[VirtualDisplay]:
    with virtual_display_or_skip() as display:
        yield display


@pytest.fixture
def sound() -> Iterator[VirtualSound]:
    with virtual_sound_or_skip() as sound:
        yield sound


@pytest.fixture(scope="module")
def recordings() -> Recordings:
    return recordings_or_skip()


@pytest.fixture
def pictures() -> Path:
    """Where pictures of the window are kept after the tests."""
    PICTURES.mkdir(exist_ok=True)
    return PICTURES


class Listener:
    """Understands recordings, as a person at the speaker would."""

    def __init__(self) -> None:
        self._stt = cast(SpeechToText, registry.load("stt", "moonshine"))

    def words_in(self, wav: Path) -> str:
        """Return what is said in a recording, in lower case and with numbers in words."""
        text = self._stt.transcribe(read_pcm(wav)).lower()
        return re.sub(r"\b(?:1|100 and )?44\b|forty four", "forty-four", text)


@pytest.fixture(scope="session")
def listener() -> Listener:
    return Listener()
