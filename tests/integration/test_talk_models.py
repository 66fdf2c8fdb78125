"""Spoken questions to a language model that answers, refuses, stalls, rambles or dies."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pytest

from desktop_voice.agent.model_reply import APOLOGY, BROKEN_OFF
from desktop_voice.audio.frames import SAMPLE_RATE_HZ
from desktop_voice.audio.wav import read_pcm
from tests.helpers.model_server import Mode, ModelServer, model_server, unused_port
from tests.helpers.recordings import Recordings, write_wav
from tests.helpers.talk import Talker, TalkResult

SETTINGS = """
[model]
base_url = "{base_url}"
model = "small-model"
filler_after_s = 0.5
fallback_after_s = 1.0
apology_after_s = 2.0
"""


@contextmanager
def served(mode: Mode) -> Iterator[ModelServer]:
    """Run a model server on a thread of its own: the command brings its own loop."""
    started: Future[ModelServer] = Future()
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    async def serve() -> None:
        async with model_server(mode) as server:
            started.set_result(server)
            await over.wait()

    def run() -> None:
        loop.run_until_complete(serve())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield started.result(10)
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()


@pytest.fixture
def question(recordings: Recordings, tmp_path: Path) -> Path:
    """A question that no built-in intent answers."""
    return write_wav(tmp_path / "question.wav", recordings.load("phone/google/audio.wav"))


def _ask(talk: Talker, question: Path, base_url: str) -> TalkResult:
    talk.settings(SETTINGS.format(base_url=base_url))
    reply = question.with_name("reply.wav")
    result = talk(question, "--no-wake", "--out", str(reply))
    assert result.status == 0, result.errors
    assert len(result.heard) == 1
    assert "Traceback" not in result.errors
    assert len(read_pcm(reply)) > SAMPLE_RATE_HZ // 2, "nothing was spoken"
    return result


def test_a_model_answers_a_spoken_question(quick_talk: Talker, question: Path) -> None:
    with served(Mode.NORMAL) as server:
        result = _ask(quick_talk, question, server.base_url)
        assert result.said == "Paris is in France."
        assert result.of("error") == []
        asked = server.requests[0]["messages"][-1]
        assert asked["role"] == "user"
        assert "Brooklyn Bridge" in asked["content"]


@pytest.mark.parametrize(
    "mode",
    [
        Mode.STALLS,
        Mode.UNAUTHORISED,
        Mode.UNKNOWN_MODEL,
        Mode.TOO_MANY_REQUESTS,
        Mode.SERVER_ERROR,
        Mode.ERROR_IN_STREAM,
        Mode.RUBBISH,
        Mode.HTML,
        Mode.EMPTY,
    ],
)
def test_a_model_that_does_not_answer_is_apologised_for(
    quick_talk: Talker, question: Path, mode: Mode
) -> None:
    with served(mode) as server:
        result = _ask(quick_talk, question, server.base_url)
    assert result.said == APOLOGY
    (error,) = result.of("error")
    assert error["code"]
    assert error["what"]
    assert error["do"]


def test_a_server_that_is_not_there_is_apologised_for(quick_talk: Talker, question: Path) -> None:
    port = asyncio.run(unused_port())
    result = _ask(quick_talk, question, f"http://127.0.0.1:{port}/v1")
    assert result.said == APOLOGY
    (error,) = result.of("error")
    assert error["what"]
    assert error["do"]


@pytest.mark.parametrize("mode", [Mode.DIES_HALF_WAY, Mode.STALLS_HALF_WAY])
def test_a_model_that_breaks_off_keeps_what_it_said(
    quick_talk: Talker, question: Path, mode: Mode
) -> None:
    with served(mode) as server:
        result = _ask(quick_talk, question, server.base_url)
    assert result.said.startswith("Paris is ")
    assert result.said.endswith(BROKEN_OFF.strip())
    (error,) = result.of("error")
    assert error["what"]
    assert error["do"]


@pytest.mark.parametrize("mode", [Mode.THINKS, Mode.REASONS, Mode.STAYS_OPEN])
def test_odd_but_whole_answers_are_spoken_as_they_are_meant(
    quick_talk: Talker, question: Path, mode: Mode
) -> None:
    with served(mode) as server:
        result = _ask(quick_talk, question, server.base_url)
    assert result.said == "Paris is in France."
    assert result.of("error") == []
