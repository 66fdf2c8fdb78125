"""The mouth: clause by clause, and an honest account of what was heard."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.audio.frames import Pcm
from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.core.settings import SpeechSettings
from desktop_voice.dialogue.fragments import Fragment
from desktop_voice.dialogue.mouth import Mouth, Speech
from desktop_voice.speech.worker import EngineWorker
from tests.helpers.dialogue import ScriptLine, ToneTts

REPLY = "As far as I know, it rains. Take an umbrella with you! Or wait until tomorrow."


class Watcher:
    def __init__(self) -> None:
        self.clauses: list[str] = []
        self.begins = 0
        self.problems: list[DesktopVoiceError] = []

    def on_clause(self, text: str) -> None:
        self.clauses.append(text)

    def on_begin(self) -> None:
        self.begins += 1

    def on_problem(self, error: DesktopVoiceError) -> None:
        self.problems.append(error)


async def _stream(fragments: list[Fragment]) -> AsyncIterator[Fragment]:
    for fragment in fragments:
        yield fragment


async def _speak(
    *texts: str | Fragment, tts: ToneTts | None, settings: SpeechSettings | None = None
) -> tuple[Speech, ScriptLine, Watcher]:
    line, speech, watcher = ScriptLine(), Speech(), Watcher()
    worker = EngineWorker("tts")
    loop = asyncio.get_running_loop()
    mouth = Mouth(line, tts, worker, settings or SpeechSettings(), now=loop.time)
    fragments = [text if isinstance(text, Fragment) else Fragment(text) for text in texts]
    try:
        await mouth.speak(_stream(fragments), speech, watcher)
    finally:
        worker.shut_down()
    return speech, line, watcher


async def test_a_reply_is_spoken_clause_by_clause() -> None:
    tts = ToneTts()
    settings = SpeechSettings(voice="tone", rate_wpm=200)
    speech, line, watcher = await _speak(*REPLY, tts=tts, settings=settings)
    assert [text for text, _voice, _rate in tts.spoken] == [
        "As far as I know,",
        "it rains.",
        "Take an umbrella with you!",
        "Or wait until tomorrow.",
    ]
    assert {(voice, rate) for _text, voice, rate in tts.spoken} == {("tone", 200)}
    assert watcher.clauses == [text for text, _voice, _rate in tts.spoken]
    assert watcher.begins == 1
    assert speech.text == REPLY
    assert speech.heard(line.queued_samples, line.output_rate_hz) == REPLY


async def test_heard_is_a_growing_prefix_of_the_reply_for_every_cut() -> None:
    speech, line, _watcher = await _speak(REPLY, tts=ToneTts())
    before = ""
    for played in range(0, line.queued_samples + 1, 240):
        heard = speech.heard(played, line.output_rate_hz)
        assert REPLY.startswith(heard)
        assert heard == "" or REPLY[len(heard) : len(heard) + 1] in ("", " ")
        assert heard.startswith(before)
        before = heard
    assert before == REPLY


@given(st.text("abc ,.!?\n", max_size=200), st.floats(0, 1))
def test_heard_is_a_prefix_of_any_reply(text: str, share: float) -> None:
    async def cut() -> None:
        speech, line, _watcher = await _speak(text, tts=ToneTts())
        heard = speech.heard(int(share * line.queued_samples), line.output_rate_hz)
        assert re.sub(r"\W", "", text).startswith(re.sub(r"\W", "", heard))

    asyncio.run(cut())


async def test_nothing_played_is_nothing_heard() -> None:
    speech, line, _watcher = await _speak(REPLY, tts=ToneTts())
    assert speech.heard(0, line.output_rate_hz) == ""
    assert Speech().heard(10_000, line.output_rate_hz) == ""


async def test_a_clause_that_is_still_being_made_counts_by_its_length() -> None:
    text = "Take an umbrella with you today"
    speech, heard = Speech(), []

    class AskingLine(ScriptLine):
        async def play(self, pcm: Pcm) -> None:
            await super().play(pcm)
            heard.append(speech.heard(self.queued_samples, self.output_rate_hz))

    worker = EngineWorker("tts")
    mouth = Mouth(AskingLine(), ToneTts(), worker, SpeechSettings(), now=lambda: 0.0)
    await mouth.speak(_stream([Fragment(text)]), speech, Watcher())
    worker.shut_down()
    assert heard[0] == ""
    assert heard[-1] != text
    assert all(text.startswith(part) for part in heard)


async def test_fillers_are_spoken_but_never_heard_as_the_reply() -> None:
    tts = ToneTts()
    speech, line, watcher = await _speak(
        Fragment("One moment.", is_filler=True), REPLY, tts=tts, settings=None
    )
    assert tts.spoken[0][0] == "One moment."
    assert "One moment." not in watcher.clauses
    assert speech.text == REPLY
    for played in range(0, line.queued_samples + 1, 2400):
        assert REPLY.startswith(speech.heard(played, line.output_rate_hz))
    assert speech.heard(line.queued_samples, line.output_rate_hz) == REPLY


async def test_a_voice_that_fails_is_told_of_once_and_the_rest_is_shown() -> None:
    tts = ToneTts(breaks_on="umbrella")
    speech, line, watcher = await _speak(REPLY, tts=tts)
    assert [error.code for error in watcher.problems] == ["TTS-05"]
    assert watcher.clauses[-1] == "Or wait until tomorrow."
    assert all("tomorrow" not in text for text, _voice, _rate in tts.spoken)
    assert watcher.begins == 1
    assert speech.heard(line.queued_samples, line.output_rate_hz) == REPLY
    assert speech.heard(0, line.output_rate_hz) == ""


async def test_a_voice_that_fails_after_a_filler_can_still_be_cut_short() -> None:
    speech, line, _watcher = await _speak(
        Fragment("One moment.", is_filler=True), "It rains.", tts=ToneTts(breaks_on="rains")
    )
    for played in range(0, line.queued_samples + 1, 240):
        assert "It rains.".startswith(speech.heard(played, line.output_rate_hz))


async def test_without_a_voice_a_reply_is_shown_and_counts_as_heard() -> None:
    speech, line, watcher = await _speak(REPLY, tts=None)
    assert " ".join(watcher.clauses) == REPLY
    assert watcher.begins == 1
    assert line.queued_samples == 0
    assert speech.heard(0, line.output_rate_hz) == REPLY


async def test_a_voice_without_sound_can_still_be_cut_short_after_a_filler() -> None:
    class Mute(ToneTts):
        def synthesise(self, text: str, *, voice: str, rate_wpm: int) -> Iterator[Pcm]:
            if "moment" in text:
                yield from super().synthesise(text, voice=voice, rate_wpm=rate_wpm)

    speech, line, _watcher = await _speak(
        Fragment("One moment.", is_filler=True), "It rains.", tts=Mute()
    )
    assert speech.heard(0, line.output_rate_hz) == ""
    assert speech.heard(line.queued_samples, line.output_rate_hz) == "It rains."


@pytest.mark.parametrize("text", ["", "  ", "👍", "...", "```\ncode\n```"])
async def test_what_has_no_words_makes_no_sound(text: str) -> None:
    tts = ToneTts()
    _speech, line, watcher = await _speak(text, tts=tts)
    assert tts.spoken == []
    assert line.queued_samples == 0
    assert watcher.clauses == []
    assert watcher.begins == 0


async def test_markdown_is_not_read_out() -> None:
    tts = ToneTts()
    await _speak("**Bold** news: see [here](https://example.com/a).", tts=tts)
    assert [text for text, _voice, _rate in tts.spoken] == ["Bold news:", "see here."]


async def test_settings_change_from_the_next_reply_on() -> None:
    line = ScriptLine()
    first, second = ToneTts(), ToneTts()
    worker = EngineWorker("tts")
    mouth = Mouth(line, first, worker, SpeechSettings(voice="one"), now=lambda: 0.0)
    await mouth.speak(_stream([Fragment("Hello.")]), Speech(), Watcher())
    mouth.apply(SpeechSettings(voice="two", rate_wpm=300), second)
    await mouth.speak(_stream([Fragment("Hello again.")]), Speech(), Watcher())
    worker.shut_down()
    assert first.spoken == [("Hello.", "one", 170)]
    assert second.spoken == [("Hello again.", "two", 300)]
