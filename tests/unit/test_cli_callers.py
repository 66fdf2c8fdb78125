"""The callers command: beside a phone that takes calls, with real codes and the real local API."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from desktop_voice import cli
from desktop_voice.core import events as ev
from desktop_voice.server.callers_api import CallersApi
from desktop_voice.server.local_api import LocalApi
from desktop_voice.storage.paths import app_paths
from desktop_voice.telephony.carriers.carrier import CarrierEventKind as K
from desktop_voice.telephony.steps import Gather, Step
from tests.helpers.call_lab import FAR, Lab, call_lab
from tests.helpers.local_api import RunningApp

_LOGGED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ")
Run = Callable[..., Coroutine[Any, Any, int]]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESKTOP_VOICE_HOME", str(tmp_path))


def beside(folder: Path, use: Callable[[Lab, Run], Coroutine[Any, Any, None]]) -> None:
    """Serve a phone that asks for codes, and hand out what runs commands beside it."""

    async def run(*arguments: str) -> int:
        return await asyncio.to_thread(cli.main, ("callers", *arguments))

    async def whole() -> None:
        file = app_paths().local_api_file
        file.parent.mkdir(parents=True, exist_ok=True)
        async with call_lab(folder, inbound={"policy": "pairing"}) as lab:
            routes = CallersApi(lab.manager.callers).routes
            api = LocalApi(lab.manager, RunningApp(), file=file, clock=lab.clock, routes=routes)
            await api.start()
            try:
                await use(lab, run)
            finally:
                await api.close()

    asyncio.run(whole())


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    """Return what was printed; the log of a test's own phone goes to the same place."""
    lines = capsys.readouterr().out.splitlines(keepends=True)
    return "".join(line for line in lines if not _LOGGED.match(line))


async def typed(lab: Lab, steps: list[Step], code: str) -> None:
    (gather,) = steps
    assert isinstance(gather, Gather)
    await lab.hook(K.DIGITS, "in-1", turn=gather.turn, digits=code)


def test_a_caller_is_let_in_by_the_very_command_that_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def use(lab: Lab, run: Run) -> None:
        lab.bus.on(ev.Event, cli.print_event)
        steps = await lab.incoming()
        (event,) = lab.events.of(ev.PairingRequested)
        told = printed(capsys)
        assert f"{event.code[:4]} {event.code[4:]}" in told
        assert "+1 415-555-0123" in told
        assert await run() == 0
        assert event.code[:4] in printed(capsys)
        await typed(lab, steps, event.code)
        commands = [
            line.split("desktop-voice callers ")[1].split()
            for line in printed(capsys).splitlines()
            if "desktop-voice callers " in line
        ]
        assert [words[0] for words in commands] == ["let-in", "refuse"]
        assert await run() == 0
        assert "gave the right code" in printed(capsys)
        assert await run(*commands[0]) == 0
        out = printed(capsys)
        assert "Pairing:   +1 415-555-0123 was let in." in out
        assert await lab.store.is_paired(FAR)
        assert await run() == 0
        listed = printed(capsys)
        assert listed.startswith(f"let in  {FAR}")

    beside(tmp_path, use)


def test_a_caller_is_sent_away(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def use(lab: Lab, run: Run) -> None:
        await lab.incoming()
        (event,) = lab.events.of(ev.PairingRequested)
        assert await run("let-in", event.call_id) == 1
        assert "[PHONE-13]" in capsys.readouterr().err
        assert await run("--json", "refuse", event.call_id) == 0
        told = json.loads(printed(capsys))
        assert told == {"type": "pairing", "call_id": event.call_id, "state": "refused"}
        assert await run() == 0
        assert printed(capsys) == ""
        assert not await lab.store.is_paired(FAR)

    beside(tmp_path, use)


def test_lines_of_json_have_the_shapes_of_the_events(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def use(lab: Lab, run: Run) -> None:
        await lab.store.pair("+390612345678")
        lab.bus.on(ev.PairingRequested, cli.print_event_json)
        await lab.incoming()
        event = json.loads(printed(capsys))
        assert await run("--json") == 0
        waiting, paired = map(json.loads, printed(capsys).splitlines())
        assert waiting == event
        assert (paired["type"], paired["number"]) == ("caller", "+390612345678")

    beside(tmp_path, use)


@pytest.mark.parametrize("written", [FAR, "+1 415-555-0123", "+1 (415) 555 0123"])
def test_a_caller_is_put_out_again_however_the_number_is_written(
    tmp_path: Path, written: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def use(lab: Lab, run: Run) -> None:
        await lab.store.pair(FAR)
        assert await run("remove", written) == 0
        assert "+1 415-555-0123 needs a code" in printed(capsys)
        assert not await lab.store.is_paired(FAR)
        assert await run("remove", written) == 1
        assert "[PHONE-16]" in capsys.readouterr().err

    beside(tmp_path, use)


@pytest.mark.parametrize("arguments", [[], ["let-in", "one"], ["refuse", "one"], ["remove", FAR]])
def test_without_a_running_app_the_command_says_how_to_start_it(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["callers", *arguments]) == 1
    assert "[LOCAL-01]" in capsys.readouterr().err
