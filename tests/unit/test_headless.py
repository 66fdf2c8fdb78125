"""The phone without a window: however it is ended, the number is given back."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from desktop_voice.rehearsal.process import RehearsalProcess
from desktop_voice.server.local_address import LocalAddress
from desktop_voice.storage.paths import app_paths
from desktop_voice.storage.settings_file import SettingsFile
from tests.helpers.set_up_command import CALLER, DEADLINE_S, answered, set_up_command
from tests.helpers.tunnel_lab import eventually


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="POSIX signals")
async def test_a_terminal_that_is_closed_ends_it_in_order(tmp_path: Path) -> None:
    async with RehearsalProcess() as rehearsal:
        keys = rehearsal.card.credentials["twilio"]
        async with set_up_command(tmp_path, rehearsal, keys, "--carrier", "twilio") as command:
            await command.until("reach", state="ready")
            command.process.send_signal(signal.SIGHUP)
            async with asyncio.timeout(DEADLINE_S):
                assert await command.process.wait() == 0
        assert not await rehearsal.tunnels()


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="POSIX signals")
async def test_what_is_to_outlive_its_terminal_does(tmp_path: Path) -> None:
    async with RehearsalProcess() as rehearsal, AsyncExitStack() as stack:
        keys = rehearsal.card.credentials["twilio"]
        arguments = ("--carrier", "twilio", "--allow", CALLER)
        # As “nohup” does it: whatever is started meanwhile ignores the signal.
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            command = await stack.enter_async_context(
                set_up_command(tmp_path, rehearsal, keys, *arguments)
            )
        finally:
            signal.signal(signal.SIGHUP, before)
        await command.until("reach", state="ready")
        command.process.send_signal(signal.SIGHUP)
        await answered(command, rehearsal, "twilio")
        assert await command.stop() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
async def test_another_port_and_address_hold_for_one_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESKTOP_VOICE_HOME", str(tmp_path))
    place = {"port": 9123, "bind": "0.0.0.0"}  # noqa: S104 - without a carrier nothing listens
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "desktop_voice", "serve", "--json"),
        *("--port", str(place["port"]), "--host", str(place["bind"])),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"DESKTOP_VOICE_HOME": str(tmp_path)},
    )
    try:
        async with asyncio.timeout(DEADLINE_S):
            assert process.stdout is not None
            notice = json.loads(await process.stdout.readline())
            file = app_paths().local_api_file
            await eventually(file.exists, DEADLINE_S)
            address = LocalAddress.load(file)
            assert address is not None
            async with aiohttp.ClientSession(
                f"http://127.0.0.1:{address.port}",
                headers={"Authorization": f"Bearer {address.token}"},
            ) as session:
                policy = {"voice.inboundPolicy": "pairing"}
                async with session.put("/api/voice/settings", json=policy) as answer:
                    in_use = await answer.json()
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert "other machines of the network" in notice["what"]
    assert in_use["server"].items() >= place.items()
    kept = SettingsFile(app_paths().settings_file).current
    assert kept.inbound.policy == "pairing"
    assert (kept.server.port, kept.server.bind) == (8000, "127.0.0.1")
