"""The real app on a virtual display and sound card: real sound in, real sound out, every face."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

from desktop_voice.audio.wav import read_pcm
from tests.e2e.programs import environment, make_home, running
from tests.e2e.speech import asked_aloud, voice_of
from tests.helpers.hearing import CLEAR_REPLY, MOST_WORDS, NEARLY_ALL, Listener, share_played
from tests.helpers.model_server import Mode, model_server
from tests.helpers.recordings import Recordings
from tests.helpers.virtual_sound import VirtualSound
from tests.helpers.xvfb import VirtualDisplay

pytestmark = [pytest.mark.display, pytest.mark.sound]

APP = "tests.helpers.tapped_app"


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_a_spoken_question_is_answered_aloud_by_a_model_with_every_face_on_the_way(
    tmp_path: Path,
    display: VirtualDisplay,
    sound: VirtualSound,
    recordings: Recordings,
    listener: Listener,
    pictures: Path,
    theme: str,
) -> None:
    weather = read_pcm(recordings.path("stt/livekit/weather_question.wav"))
    question = asked_aloud(recordings, weather, tmp_path / "question.wav")
    async with model_server(Mode.SLOW_FIRST_TOKEN) as server:
        server.words = re.findall(r"\S+ ?", CLEAR_REPLY)
        home = make_home(
            tmp_path,
            general__theme=theme,
            model__base_url=server.base_url,
            model__model="small-model",
            model__filler_after_s=30.0,
            speech__rate_wpm=140,
        )
        env = environment(home, display.env, sound.env)
        arguments = [APP, "--pictures", str(pictures), "--voice", str(tmp_path)]
        with sound.record_speaker(tmp_path / "speaker.wav") as speaker:
            async with running(arguments, env) as app:
                await app.until("shown", mood="idle", name="Talk. Ready")
                playing = asyncio.create_task(
                    asyncio.to_thread(sound.play_into_microphone, question)
                )
                await app.until("wake", phrase="hey_jarvis")
                await app.until("shown", mood="listening", name="Talk. Listening")
                heard = await app.until("user_turn", source="voice")
                assert "weather in paris" in heard["text"].lower()
                await app.until("shown", mood="thinking", name="Talk. Thinking")
                server.release.set()
                await app.until("shown", mood="speaking", name="Talk. Speaking")
                await playing
                said = await app.until("assistant_turn")
                assert said["text"] == said["heard"] == CLEAR_REPLY
                after = await app.until("shown", mood="follow_up")
                assert after["conversation"] == [
                    ["user", heard["text"]],
                    ["assistant", CLEAR_REPLY],
                ]
                async with running(["desktop_voice", "--mute"], env) as second:
                    assert await second.end() == 0
                await app.until("shown", mood="muted", name="Talk. Muted")
                async with running(["desktop_voice", "--quit"], env) as third:
                    assert await third.end() == 0
                assert await app.end() == 0
    assert share_played(read_pcm(speaker), voice_of(app, CLEAR_REPLY)) >= NEARLY_ALL
    assert listener.share_heard(speaker, CLEAR_REPLY) >= MOST_WORDS
    for mood in ("idle", "listening", "thinking", "speaking", "muted"):
        assert is_a_picture(pictures / f"orb-{mood}-{theme}.png")


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_a_part_that_cannot_be_loaded_is_told_and_typing_still_works(
    tmp_path: Path,
    display: VirtualDisplay,
    sound: VirtualSound,
    listener: Listener,
    pictures: Path,
    theme: str,
) -> None:
    home = make_home(tmp_path, general__theme=theme, speech__stt_engine="nope")
    env = environment(home, display.env, sound.env)
    arguments = [APP, "--pictures", str(tmp_path), "--voice", str(tmp_path)]
    with sound.record_speaker(tmp_path / "speaker.wav") as speaker:
        async with running(arguments, env) as app:
            error = await app.until("error")
            assert "nope" in error["what"]
            assert error["do"]
            await app.until("shown", mood="error", name="Talk. Something is wrong")
            await app.write("What is twelve times twelve?")
            await app.until("user_turn", text="What is twelve times twelve?", source="keyboard")
            said = await app.until("assistant_turn")
            assert "forty-four" in said["heard"]
            shown = await app.until("shown", mood="error")
            assert shown["conversation"] == [
                ["user", "What is twelve times twelve?"],
                ["assistant", said["text"]],
            ]
    assert share_played(read_pcm(speaker), voice_of(app, said["text"])) >= NEARLY_ALL
    assert listener.share_heard(speaker, said["text"]) >= MOST_WORDS
    picture = pictures / f"orb-error-{theme}.png"
    shutil.copy(tmp_path / picture.name, picture)
    assert is_a_picture(picture)


async def test_escape_ends_a_reply_at_once(
    tmp_path: Path, display: VirtualDisplay, sound: VirtualSound
) -> None:
    env = environment(make_home(tmp_path), display.env, sound.env)
    async with running([APP], env) as app:
        await app.until("shown", mood="idle")
        await app.write("What can you do?")
        await app.until("shown", mood="speaking")
        await app.write("")
        said = await app.until("assistant_turn")
        assert len(said["heard"]) < len(said["text"])
        await app.until("shown", mood="idle")


def is_a_picture(path: Path) -> bool:
    """Whether ``path`` holds a window's picture with something on it."""
    image = QImage(str(path))
    colours = {image.pixel(x, y) for x in range(0, 1000, 25) for y in range(0, 600, 25)}
    return image.width() >= 1000 and len(colours) > 10
