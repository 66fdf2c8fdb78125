"""``desktop-voice rehearse``: whole calls with the carrier on this machine, real callers."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from desktop_voice.agent.brain import NO_MODEL_ON_CALLS
from tests.helpers.hearing import share_of_words
from tests.helpers.recordings import Recordings

QUESTION = "phone/google/audio.wav"
WORDS = "how old is the brooklyn bridge"
GREETING = "Hello! How can I help you today?"
# A sentence that the recogniser understands in eSpeak's voice over 8 kHz, ten times of ten.
MESSAGE = "Your package will arrive tomorrow afternoon between two and four."
CLEARLY = 0.55
"""Share of the words of an eSpeak voice that a far end understands over 8 kHz, at the least."""


async def rehearse(home: Path, *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "desktop_voice",
        "rehearse",
        *arguments,
        "--json",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "DESKTOP_VOICE_HOME": str(home)},
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, [json.loads(line) for line in out.splitlines()], err.decode()


def texts(events: list[dict[str, Any]], kind: str) -> str:
    return " ".join(str(event["text"]) for event in events if event["type"] == kind)


@pytest.mark.timeout(600)
async def test_every_carrier_pipeline_direction_and_mode_completes_a_call(
    tmp_path: Path, recordings: Recordings
) -> None:
    at_once = asyncio.Semaphore(3)

    async def one(carrier: str, pipeline: str, direction: str, mode: str) -> str:
        """Rehearse one combination; return what is wrong with it, or an empty string."""
        name = f"{carrier} {pipeline} {direction} {mode}"
        arguments = [carrier, "--pipeline", pipeline, "--mode", mode]
        arguments += ["--in", str(recordings.path(QUESTION))]
        if direction == "outbound":
            arguments.append("--outbound")
        if mode == "notify":
            arguments += ["--message", MESSAGE]
        async with at_once:
            status, events, errors = await rehearse(tmp_path / name.replace(" ", "-"), *arguments)
        if status != 0:
            return f"{name}: exit {status}: {errors[-600:]} {events[-4:]}"
        calls = [event for event in events if event["type"] == "call"]
        assert {call["pipeline"] for call in calls} == {pipeline}, name
        assert {call["direction"] for call in calls} == {direction}, name
        assert calls[-1]["state"] == "ended", name
        heard = texts(events, "far_heard")
        if mode == "notify":
            assert calls[-1]["reason"] == "message_delivered", name
            expected = MESSAGE
        else:
            if share_of_words(WORDS, texts(events, "user_turn")) < 0.8:
                return f"{name}: the caller was not understood: {texts(events, 'user_turn')!r}"
            assert NO_MODEL_ON_CALLS in texts(events, "assistant_turn"), name
            expected = f"{GREETING} {NO_MODEL_ON_CALLS}"
        share = share_of_words(expected, heard)
        return "" if share >= CLEARLY else f"{name}: {share:.2f} of the words in {heard!r}"

    combinations = list(
        product(
            ("twilio", "telnyx", "plivo"),
            ("gather", "cascading"),
            ("inbound", "outbound"),
            ("notify", "conversation"),
        )
    )
    assert len(combinations) == 24
    results = await asyncio.gather(*(one(*combination) for combination in combinations))
    assert [result for result in results if result] == []


async def test_a_recording_that_is_not_there_is_refused_before_anything_starts(
    tmp_path: Path,
) -> None:
    status, events, errors = await rehearse(tmp_path, "twilio", "--in", str(tmp_path / "no.wav"))
    assert status == 1
    assert [event["code"] for event in events] == ["CLI-02"]
    assert "There is no file" in errors
