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

# Where workers share the files, the longest must not come last. A worker that holds but one or two
# tests is given another file with them: the fourth is a short one.
LONG_ONES_FIRST = ("rehearse", "live_calls", "call_faults", "call_secrets", "many_calls")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files of this folder."""
    here = Path(__file__).parent
    ours = [index for index, item in enumerate(items) if item.path.parent == here]
    ordered = sorted((items[index] for index in ours), key=lambda item: _rank(item.path))
    for index, item in zip(ours, ordered, strict=True):
        items[index] = item


def _rank(path: Path) -> int:
    name = path.stem.removeprefix("test_")
    return LONG_ONES_FIRST.index(name) if name in LONG_ONES_FIRST else len(LONG_ONES_FIRST)


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
