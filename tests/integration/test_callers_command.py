"""Pairing without a window: set-up asks new callers for a code, and a command lets them in."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from desktop_voice.core.reach import Hop, HopState
from desktop_voice.rehearsal.process import RehearsalProcess
from tests.helpers.set_up_command import (
    CALLER,
    DEADLINE_S,
    environment,
    logs_below,
    set_up_command,
)

pytestmark = pytest.mark.timeout(180)

CODE = "40718263"
KNOWN_CODE = f"import secrets\nsecrets.randbelow = lambda _limit: {int(CODE)}\n"
QUESTION: Mapping[str, object] = {"say": "What time is it?"}


@pytest.fixture(autouse=True)
def _known_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every program that is started draw the same code, which the far end then types."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(KNOWN_CODE)
    monkeypatch.setenv("PYTHONPATH", str(folder))


async def callers(variables: Mapping[str, str], *arguments: str) -> list[dict[str, Any]]:
    """Run “desktop-voice callers --json”, which must do what it is asked to."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "desktop_voice",
        "callers",
        *arguments,
        "--json",
        stdout=asyncio.subprocess.PIPE,
        env=dict(variables),
    )
    async with asyncio.timeout(DEADLINE_S):
        out, _ = await process.communicate()
    assert process.returncode == 0
    return [json.loads(line) for line in out.splitlines()]


async def test_a_stranger_types_the_code_and_is_let_in_and_put_out_again_by_command(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    steps = [{"press": f"{CODE}#"}, QUESTION, {"say": "Okay, bye bye."}]
    async with RehearsalProcess() as rehearsal:
        keys = rehearsal.card.credentials["twilio"]
        variables = environment(home, rehearsal, keys)
        async with set_up_command(home, rehearsal, keys) as command:
            await command.until("reach", state="ready")
            assert command.hop(Hop.POLICY)["state"] == HopState.OK
            ref = await rehearsal.dial(
                "twilio", CALLER, stir="A", kind="script", steps=steps, gap_ms=1200
            )
            asked = await command.until("pairing", state="asked")
            assert (asked["number"], asked["code"]) == (CALLER, CODE)
            await command.until("pairing", state="code_given", call_id=asked["call_id"])
            (waiting,) = await callers(variables)
            assert (waiting["call_id"], waiting["state"]) == (asked["call_id"], "code_given")
            await callers(variables, "let-in", asked["call_id"])
            await command.until("pairing", state="let_in")
            turn = await command.until("user_turn")
            assert "time" in turn["text"].lower()
            await command.until("call", state="ended")
            await rehearsal.wait_for("call", ref=ref, state="ended", deadline_s=30)
            (paired,) = await callers(variables)
            assert (paired["type"], paired["number"]) == ("caller", CALLER)

            await callers(variables, "remove", CALLER)
            assert await callers(variables) == []
            ref = await rehearsal.dial("twilio", CALLER, stir="A", kind="silent")
            again = await command.until("pairing", state="asked")
            await callers(variables, "refuse", again["call_id"])
            ended = await command.until("call", state="ended")
            assert ended["reason"] == "pairing_failed"
            await rehearsal.wait_for("call", ref=ref, state="ended", deadline_s=30)
            assert await command.stop() == 0
        assert not [one for one in rehearsal.reports if one["type"] == "violation"]
    logged = logs_below(home)
    assert logged
    assert CODE not in logged
    assert CALLER not in logged
