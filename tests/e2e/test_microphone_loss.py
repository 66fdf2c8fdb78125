"""No microphone, no sound server, a microphone pulled out: told, survived, picked up again."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.e2e.programs import Program, environment, make_home, running
from tests.e2e.sources import wait_for_reader
from tests.e2e.speech import asked_aloud
from tests.helpers.recordings import Recordings
from tests.helpers.virtual_sound import VirtualSound
from tests.helpers.xvfb import VirtualDisplay

pytestmark = [pytest.mark.display, pytest.mark.sound]

APP = "tests.helpers.tapped_app"
QUESTION = "What is twelve times twelve?"


async def crash(sound: VirtualSound) -> None:
    """End the sound server while streams are open."""
    ending = await asyncio.create_subprocess_exec("pactl", "exit", env=os.environ | sound.env)
    assert await ending.wait() == 0


async def is_answered_when_typed(app: Program) -> None:
    await app.write(QUESTION)
    await app.until("user_turn", text=QUESTION, source="keyboard")
    assert "forty-four" in (await app.until("assistant_turn"))["text"]


async def is_answered_when_spoken(
    app: Program, sound: VirtualSound, question: Path, *, is_first: bool = False
) -> None:
    await wait_for_reader(sound, app)
    # At the start nobody knows which comes first, this or the microphone's loss.
    await app.until("state", state="armed", in_any_order=is_first)
    await asyncio.to_thread(sound.play_into_microphone, question)
    await app.until("wake")
    turn = await app.until("user_turn", source="voice")
    assert "forty-four" in (await app.until("assistant_turn"))["heard"], turn["text"]


async def test_without_a_microphone_the_app_says_so_answers_what_is_typed_and_waits_for_one(
    tmp_path: Path, display: VirtualDisplay, sound: VirtualSound, recordings: Recordings
) -> None:
    question = asked_aloud(recordings, QUESTION, tmp_path / "question.wav")
    sound.kill_microphone()
    env = environment(make_home(tmp_path, wake__follow_up_s=0.0), display.env, sound.env)
    async with running([APP], env) as app:
        error = await app.until("error")
        assert "microphone" in error["what"]
        assert error["do"]
        await app.until("state", state="armed", in_any_order=True)
        await is_answered_when_typed(app)
        sound.restore_microphone()
        await is_answered_when_spoken(app, sound, question)
    assert len(app.of("error")) == 1


async def test_without_a_sound_server_the_app_says_so_and_answers_what_is_typed(
    tmp_path: Path, display: VirtualDisplay, sound: VirtualSound
) -> None:
    nowhere = {"PULSE_SERVER": f"unix:{tmp_path}/nobody-listens-here"}
    env = environment(make_home(tmp_path), display.env, sound.env, nowhere)
    async with running([APP], env) as app:
        for word in ("speaker", "microphone"):
            error = await app.until("error")
            assert word in error["what"]
            assert "type" in error["do"]
        await app.until("state", state="armed", in_any_order=True)
        await is_answered_when_typed(app)
        async with running(["desktop_voice", "--quit"], env) as second:
            assert await second.end() == 0
        assert await app.end() == 0


async def test_a_microphone_pulled_out_in_mid_sentence_is_told_and_picked_up_when_it_returns(
    tmp_path: Path, display: VirtualDisplay, sound: VirtualSound, recordings: Recordings
) -> None:
    question = asked_aloud(recordings, QUESTION, tmp_path / "question.wav")
    env = environment(make_home(tmp_path, wake__follow_up_s=0.0), display.env, sound.env)
    async with running([APP], env) as app:
        await app.until("state", state="armed")
        playing = asyncio.create_task(asyncio.to_thread(sound.play_into_microphone, question))
        await app.until("speech_started")
        await asyncio.to_thread(sound.kill_microphone)
        notice = await app.until("notice")
        assert "microphone" in notice["what"]
        error = await app.until("error")
        assert "microphone" in error["what"]
        assert error["do"]
        await app.until("state", state="armed")
        await playing
        await is_answered_when_typed(app)
        sound.restore_microphone()
        await is_answered_when_spoken(app, sound, question)
    assert len(app.of("user_turn")) == 2


async def test_a_sound_server_that_dies_in_mid_sentence_leaves_the_app_alive(
    tmp_path: Path, display: VirtualDisplay, sound: VirtualSound, recordings: Recordings
) -> None:
    env = environment(make_home(tmp_path), display.env, sound.env)
    async with running([APP], env) as app:
        await app.until("state", state="armed")
        await app.write("What can you do?")
        await app.until("state", state="speaking")
        await crash(sound)
        await app.until("error")
        await app.until("assistant_turn")
        await is_answered_when_typed(app)
        async with running(["desktop_voice", "--quit"], env) as second:
            assert await second.end() == 0
        assert await app.end() == 0


async def test_talk_without_a_microphone_tells_what_to_do(
    tmp_path: Path, sound: VirtualSound, recordings: Recordings
) -> None:
    question = asked_aloud(recordings, QUESTION, tmp_path / "question.wav")
    sound.kill_microphone()
    env = environment(make_home(tmp_path, wake__follow_up_s=0.0), sound.env)
    async with running(["desktop_voice", "talk", "--json"], env) as talk:
        error = await talk.until("error")
        assert "microphone" in error["what"]
        assert error["do"]
        sound.restore_microphone()
        await is_answered_when_spoken(talk, sound, question, is_first=True)
        assert await talk.end() == 0
