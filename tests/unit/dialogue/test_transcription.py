"""The open utterance's transcript: few runs, short ones, and no error lost."""

import asyncio

import numpy as np
import pytest

from desktop_voice.audio.frames import SAMPLE_RATE_HZ, Pcm
from desktop_voice.core.errors import EngineError
from desktop_voice.dialogue.transcription import Transcription, without_inventions

SECOND = np.ones(SAMPLE_RATE_HZ, dtype=np.int16)


class Recogniser:
    """Says how many seconds it was given; each call waits until it is let go."""

    def __init__(self, *, is_held: bool = False) -> None:
        self.lengths_s: list[float] = []
        self.running = 0
        self.most_running = 0
        self.error: EngineError | None = None
        self.let_go = asyncio.Event()
        if not is_held:
            self.let_go.set()

    async def __call__(self, pcm: Pcm) -> str:
        self.lengths_s.append(len(pcm) / SAMPLE_RATE_HZ)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await self.let_go.wait()
            if self.error is not None:
                raise self.error
            return f"{self.lengths_s[-1]:g}s"
        finally:
            self.running -= 1


def _broken() -> EngineError:
    return EngineError("STT-03", "It failed.", "Say it again.")


async def _a_moment() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_requests_made_during_a_run_become_one_run() -> None:
    recogniser = Recogniser(is_held=True)
    transcription = Transcription(recogniser)
    for _ in range(4):
        transcription.add(SECOND)
        transcription.request()
        await _a_moment()
    assert recogniser.lengths_s == [1]
    assert transcription.is_busy
    recogniser.let_go.set()
    assert await transcription.settled() == "4s"
    assert recogniser.lengths_s == [1, 4]
    assert recogniser.most_running == 1
    assert not transcription.is_busy


async def test_a_request_without_new_sound_costs_nothing() -> None:
    recogniser = Recogniser()
    transcription = Transcription(recogniser)
    transcription.request()
    transcription.add(SECOND)
    transcription.request()
    await transcription.settled()
    transcription.request()
    assert await transcription.settled() == "1s"
    assert recogniser.lengths_s == [1]


async def test_it_knows_which_samples_its_words_cover() -> None:
    transcription = Transcription(Recogniser())
    transcription.add(SECOND)
    assert not transcription.covers(1)
    transcription.request()
    await transcription.settled()
    transcription.add(SECOND)
    assert transcription.covers(SAMPLE_RATE_HZ)
    assert not transcription.covers(SAMPLE_RATE_HZ + 1)


async def test_a_long_utterance_is_settled_at_its_pauses() -> None:
    recogniser = Recogniser()
    transcription = Transcription(recogniser)
    for second in range(1, 26):
        transcription.add(SECOND)
        transcription.request()
        await transcription.settled()
        if second % 5 == 0:
            transcription.settle_if_long()
    assert transcription.text == "10s 10s 5s"
    assert max(recogniser.lengths_s) == 10


async def test_what_was_said_after_the_words_in_hand_is_kept_when_settling() -> None:
    transcription = Transcription(Recogniser())
    for _ in range(11):
        transcription.add(SECOND)
    transcription.request()
    await transcription.settled()
    transcription.add(SECOND)
    transcription.settle_if_long()
    assert transcription.samples == SAMPLE_RATE_HZ
    assert not transcription.covers(1)
    transcription.request()
    assert await transcription.settled() == "11s 1s"


async def test_a_short_utterance_is_not_settled() -> None:
    transcription = Transcription(Recogniser())
    transcription.add(SECOND)
    transcription.request()
    await transcription.settled()
    transcription.settle_if_long()
    assert transcription.samples == SAMPLE_RATE_HZ


async def test_an_error_reaches_whoever_waits_for_the_words() -> None:
    recogniser = Recogniser(is_held=True)
    recogniser.error = _broken()
    transcription = Transcription(recogniser)
    transcription.add(SECOND)
    transcription.request()
    waiting = asyncio.create_task(transcription.settled())
    await _a_moment()
    recogniser.let_go.set()
    with pytest.raises(EngineError):
        await waiting


async def test_an_error_that_nobody_waited_for_is_tried_again_and_then_told() -> None:
    unheard: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, what: unheard.append(what))
    recogniser = Recogniser()
    recogniser.error = _broken()
    transcription = Transcription(recogniser)
    transcription.add(SECOND)
    transcription.request()
    await _a_moment()
    assert not transcription.is_busy
    with pytest.raises(EngineError):
        await transcription.settled()
    recogniser.error = None
    assert await transcription.settled() == "1s"
    assert unheard == []


async def test_dropping_ends_the_run_and_lets_go_of_whoever_waits() -> None:
    recogniser = Recogniser(is_held=True)
    transcription = Transcription(recogniser)
    transcription.add(SECOND)
    transcription.request()
    waiting = asyncio.create_task(transcription.settled())
    await _a_moment()
    transcription.drop()
    assert await waiting == ""
    assert recogniser.running == 0
    assert recogniser.lengths_s == [1]


async def test_giving_up_the_wait_does_not_end_the_run() -> None:
    recogniser = Recogniser(is_held=True)
    transcription = Transcription(recogniser)
    transcription.add(SECOND)
    transcription.request()
    waiting = asyncio.create_task(transcription.settled())
    await _a_moment()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    recogniser.let_go.set()
    assert await transcription.settled() == "1s"
    assert recogniser.lengths_s == [1]


@pytest.mark.parametrize("text", ["you", "Thank you.", "Mmm", "Oh!", "I", "...", "Uh..."])
def test_what_is_likely_invented_from_a_click_is_dropped(text: str) -> None:
    assert without_inventions(text, 200) == ""


@pytest.mark.parametrize(
    ("text", "voiced_ms", "kept"),
    [
        ("Thank you.", 900, "Thank you."),
        ("stop", 200, "stop"),
        ("  Yes. ", 200, "Yes."),
        ("...", 5000, ""),
        ("", 5000, ""),
    ],
)
def test_what_was_really_said_is_kept(text: str, voiced_ms: float, kept: str) -> None:
    assert without_inventions(text, voiced_ms) == kept
