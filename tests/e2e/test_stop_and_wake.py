"""What ends a reply at the sound card: “stop”, Esc, the wake word; and what does not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from desktop_voice.audio.wav import read_pcm
from tests.e2e.programs import Program, environment, make_home, running
from tests.e2e.speech import asked_aloud, said_aloud, voice_of
from tests.helpers.hearing import NEARLY_ALL, share_played
from tests.helpers.recordings import Recordings
from tests.helpers.virtual_sound import VirtualSound
from tests.helpers.xvfb import VirtualDisplay

pytestmark = [pytest.mark.display, pytest.mark.sound]

APP = "tests.helpers.tapped_app"
LONG_QUESTION = "What can you do?"


async def begin_a_long_reply(app: Program) -> None:
    await app.until("state", state="armed")
    await app.write(LONG_QUESTION)
    await app.until("state", state="speaking")


async def test_stop_said_into_a_reply_ends_it(
    tmp_path: Path, display: VirtualDisplay, sound: VirtualSound
) -> None:
    # Without an echo the canceller is left out once 0.3 s of a reply have shown that there is none.
    stop = said_aloud("Stop.", tmp_path / "stop.wav", after_ms=1200)
    env = environment(make_home(tmp_path), display.env, sound.env)
    async with running([APP], env) as app:
        await begin_a_long_reply(app)
        await app.until("shown", mood="speaking")
        await asyncio.to_thread(sound.play_into_microphone, stop)
        reply = await app.until("assistant_turn")
        assert len(reply["heard"]) < len(reply["text"])
        await app.until("barge_in", by="stop_word")
        await app.until("state", state="armed")
    assert not [turn for turn in app.of("user_turn") if turn["source"] == "voice"]


async def test_the_wake_word_cuts_a_reply_and_the_next_question_is_answered(
    tmp_path: Path, display: VirtualDisplay, sound: VirtualSound, recordings: Recordings
) -> None:
    question = asked_aloud(recordings, "What is twelve times twelve?", tmp_path / "question.wav")
    env = environment(make_home(tmp_path), display.env, sound.env)
    async with running([APP], env) as app:
        await begin_a_long_reply(app)
        await app.until("shown", mood="speaking")
        await asyncio.to_thread(sound.play_into_microphone, question)
        await app.until("wake")
        cut = await app.until("assistant_turn")
        assert len(cut["heard"]) < len(cut["text"])
        await app.until("barge_in", by="wake_word")
        turn = await app.until("user_turn", source="voice")
        assert "forty-four" in (await app.until("assistant_turn"))["heard"], turn["text"]


async def test_a_stopped_reply_is_silent_at_once(
    tmp_path: Path, display: VirtualDisplay, sound: VirtualSound
) -> None:
    env = environment(make_home(tmp_path), display.env, sound.env)
    with sound.record_speaker(tmp_path / "speaker.wav") as speaker:
        async with running([APP, "--voice", str(tmp_path)], env) as app:
            await begin_a_long_reply(app)
            await app.until("shown", mood="speaking")
            await app.write("")
            stopped = await app.until("assistant_turn")
            await app.until("barge_in", by="key")
            await app.until("state", state="armed")
            # What sounds now, had it not been stopped, is in the recording before this answer.
            await app.write("What is twelve times twelve?")
            answer = await app.until("assistant_turn")
            await app.until("state", state="armed")
    recording = read_pcm(speaker)
    share_told = len(stopped["heard"].split()) / len(stopped["text"].split())
    assert share_told < 0.5
    # Without the stop, as much as 4 s of the reply's 9 s would still have been played.
    assert share_played(recording, voice_of(app, stopped["text"])) < share_told + 0.15
    assert share_played(recording, voice_of(app, answer["text"])) >= NEARLY_ALL


@pytest.mark.parametrize("delay_ms", [20, 120])
async def test_the_assistant_never_hears_itself(
    tmp_path: Path, display: VirtualDisplay, sound: VirtualSound, delay_ms: int
) -> None:
    sound.add_echo(delay_ms)
    env = environment(make_home(tmp_path), display.env, sound.env)
    async with running([APP], env) as app:
        await begin_a_long_reply(app)
        reply = await app.until("assistant_turn")
        assert reply["heard"] == reply["text"]
        # The whole follow-up window passes, in which no wake word would be needed.
        await app.until("state", state="follow_up")
        await app.until("state", state="armed")
    assert not app.of("wake")
    assert not app.of("barge_in")
    assert not [turn for turn in app.of("user_turn") if turn["source"] == "voice"]
