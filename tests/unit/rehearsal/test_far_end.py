from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from desktop_voice.audio.frames import silence
from desktop_voice.core.errors import CommandError
from desktop_voice.rehearsal.call import Digit, NetworkCall
from desktop_voice.rehearsal.far_end_plan import read_plan
from desktop_voice.rehearsal.handset import audible
from tests.helpers.recordings import write_wav
from tests.unit.rehearsal.lone_call import lone_network, tone


async def turns(call: NetworkCall, *, reply_ms: float = 300) -> list[int]:
    """Answer each thing the far end says with a tone; return how long each was, in ms."""
    lengths: list[int] = []
    speaking_ms = quiet_ms = 0
    with call.hearing() as ears:
        call.playout.play(tone(reply_ms))
        async for heard in ears:
            if isinstance(heard, Digit):
                continue
            if audible(heard):
                speaking_ms, quiet_ms = speaking_ms + 20, 0
            elif speaking_ms:
                quiet_ms += 20
                if quiet_ms >= 200:
                    lengths.append(speaking_ms)
                    speaking_ms = 0
                    call.playout.play(tone(reply_ms))
    return lengths


async def test_recordings_are_played_one_a_turn(tmp_path: Path) -> None:
    files = [
        write_wav(tmp_path / f"{ms}.wav", np.concatenate([tone(ms), silence(100)]))
        for ms in (400, 600)
    ]
    async with lone_network() as lone:
        call = lone.call({"kind": "wav", "files": files, "gap_ms": 200, "transcribe": False})
        lengths = await turns(call)
        report = await lone.ended(call)
    assert [round(ms, -2) for ms in lengths] == [400, 600]
    assert [said["file"] for said in lone.of("far_said")] == ["400.wav", "600.wav"]
    assert (report["cause"], report["by"]) == ("completed", "far_end")


async def test_a_caller_who_speaks_first_does_not_wait(tmp_path: Path) -> None:
    files = [write_wav(tmp_path / "a.wav", tone(300))]
    plan = {"kind": "wav", "files": files, "speaks_first": True, "patience_ms": 300}
    async with lone_network() as lone:
        call = lone.call({**plan, "transcribe": False})
        await lone.ended(call)
    assert [r["type"] for r in lone.reports if r["type"] != "call"] == ["far_said", "gave_up"]


async def test_a_script_plays_recordings_over_the_apps_words(tmp_path: Path) -> None:
    play = {"play": write_wav(tmp_path / "a.wav", tone(400)), "over": True}
    plan = {"kind": "script", "steps": [play, {"hang_up": True}], "transcribe": False}
    async with lone_network() as lone:
        call = lone.call(plan)
        call.playout.play(tone(3000))
        report = await lone.ended(call)
    assert [said["file"] for said in lone.of("far_said")] == ["a.wav"]
    assert call.duration_s < 2
    assert report["by"] == "far_end"


async def test_an_unexpected_answer_is_reported_as_unmet() -> None:
    steps = [{"expect": "a pony"}, {"say": "Hooray"}]
    async with lone_network() as lone:
        call = lone.call({"kind": "script", "steps": steps}, time_limit_s=1)
        await lone.ended(call)
    assert [(r["type"], r.get("expect")) for r in lone.reports if r["type"] != "call"] == [
        ("unmet", "a pony")
    ]


async def test_a_machine_greets_beeps_and_is_told_apart_from_a_person() -> None:
    async with lone_network() as lone:
        await lone.engines.load()
        machine = lone.call({"answer": "machine", "greeting": "Leave a message."})
        person = lone.call({})
        async with asyncio.timeout(20):
            assert await person.far_end.detect(wait_for_end=True, timeout_s=10) == "human"
            start = await machine.far_end.detect(wait_for_end=False, timeout_s=10)
            end = await machine.far_end.detect(wait_for_end=True, timeout_s=10)
    assert (start, end) == ("machine_start", "machine_end_beep")


async def test_only_what_is_said_after_the_beep_is_recorded() -> None:
    async with lone_network() as lone:
        await lone.engines.load()
        call = lone.call({"answer": "machine", "greeting": "Hello."})
        words = await lone.engines.speak("The meeting has been moved to the afternoon.")
        call.playout.play(words)
        async with asyncio.timeout(20):
            await call.far_end.detect(wait_for_end=True, timeout_s=10)
        call.playout.play(words)
        await call.playout.drained()
        call.end()
        await lone.ended(call)
    first, last = lone.of("far_heard")
    assert ("recorded" in first, last["recorded"]) == (False, True)


async def test_what_the_app_says_is_reported_in_words_even_if_it_is_cut_off() -> None:
    async with lone_network() as lone:
        await lone.engines.load()
        call = lone.call({"hang_up_after_ms": 2500})
        words = await lone.engines.speak("The meeting has been moved. " * 3)
        call.playout.play(words)
        await lone.ended(call)
    heard = lone.of("far_heard")
    assert len(heard) == 1
    assert "meeting" in str(heard[0]["text"]).lower()
    assert lone.reports[-1]["state"] == "ended"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"kind": "ghost"}, "kind"),
        ({"gap_ms": 0}, "gap_ms"),
        ({"loud": True}, "loud"),
        ({"steps": [{"press": "hello"}]}, "steps.0.press"),
        ({"steps": [{}]}, "steps.0"),
    ],
)
def test_a_wrong_plan_names_its_field(fields: dict[str, object], field: str) -> None:
    with pytest.raises(CommandError, match=field):
        read_plan(fields)
