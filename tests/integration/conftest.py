"""Fixtures of the conversations over real recordings."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from desktop_voice.audio.frames import Pcm
from desktop_voice.core.settings import Settings
from desktop_voice.speech import registry
from desktop_voice.speech.stt.recogniser import SpeechToText
from tests.helpers.recordings import Recordings, recordings_or_skip
from tests.helpers.talk import Talker


class _Kept:
    """An engine that outlives the conversations it serves."""

    def __init__(self, stt: SpeechToText) -> None:
        self._stt = stt

    def transcribe(self, pcm: Pcm) -> str:
        return self._stt.transcribe(pcm)

    def close(self) -> None:
        """Is closed by its owner."""


@pytest.fixture(scope="session")
def stt() -> Iterator[SpeechToText]:
    """The real speech recogniser, loaded once."""
    engine = registry.load_stt(Settings())
    yield _Kept(engine)
    engine.close()


@pytest.fixture
def recordings() -> Recordings:
    return recordings_or_skip()


@pytest.fixture
def talk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Talker:
    """The command as it is, loading every engine itself."""
    monkeypatch.setenv("DESKTOP_VOICE_HOME", str(tmp_path / "home"))
    return Talker(tmp_path / "home", capsys)


@pytest.fixture
def quick_talk(talk: Talker, stt: SpeechToText, monkeypatch: pytest.MonkeyPatch) -> Talker:
    """The command with a recogniser that is loaded already."""
    monkeypatch.setattr(registry, "load_stt", lambda _settings: stt)
    return talk
