"""The phone without a window: however it is ended, the number is given back."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from desktop_voice.rehearsal.process import RehearsalProcess
from tests.helpers.set_up_command import CALLER, DEADLINE_S, answered, set_up_command


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
