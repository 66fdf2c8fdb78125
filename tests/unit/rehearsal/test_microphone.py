from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from desktop_voice.audio import sound_system
from desktop_voice.audio.wav import read_pcm
from desktop_voice.rehearsal.call import Digit, NetworkCall
from desktop_voice.rehearsal.handset import audible
from tests.helpers.recordings import write_wav
from tests.helpers.virtual_sound import VirtualSound, virtual_sound_or_skip
from tests.unit.rehearsal.lone_call import lone_network, tone

pytestmark = pytest.mark.sound


@pytest.fixture
def sound() -> Iterator[VirtualSound]:
    with virtual_sound_or_skip() as running, running.active():
        yield running


async def hear(call: NetworkCall, ms: int) -> None:
    """Return when the far end has said something for ``ms``."""
    with call.hearing() as ears:
        async for heard in ears:
            if not isinstance(heard, Digit) and audible(heard):
                ms -= 20
            if ms <= 0:
                return
    pytest.fail("the call ended before the far end was heard")


async def test_a_person_at_this_machine_is_the_far_end(sound: VirtualSound, tmp_path: Path) -> None:
    question = write_wav(tmp_path / "question.wav", tone(3000))
    reply = tmp_path / "reply.wav"
    async with lone_network() as lone:
        with sound.record_speaker(reply):
            call = lone.call({"kind": "microphone", "transcribe": False})
            listening = asyncio.create_task(hear(call, 400))
            async with asyncio.timeout(40):
                while not listening.done():
                    await asyncio.to_thread(sound.play_into_microphone, question)
                await listening
                call.playout.play(tone(2000))
                await call.playout.drained()
            call.end()
            await lone.ended(call)
    frames = read_pcm(reply)
    loud = sum(audible(frames[i : i + 320]) for i in range(0, len(frames), 320))
    assert loud >= 50


async def test_a_machine_without_a_microphone_ends_the_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sound_system, "find_devices", lambda: {"input": [], "output": []})
    async with lone_network() as lone:
        call = lone.call({"kind": "microphone"})
        report = await lone.ended(call)
    assert (report["cause"], report["by"]) == ("failed", "network")
    assert [failure["code"] for failure in lone.of("failure")] == ["AUDIO-02"]
