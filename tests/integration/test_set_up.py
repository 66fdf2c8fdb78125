"""``desktop-voice setup phone``: from keys to an answered call, over a public name and TLS."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.reach import Hop, HopState
from desktop_voice.rehearsal.process import RehearsalProcess
from tests.helpers.set_up_command import (
    CALLER,
    answered,
    gone,
    logs_below,
    moved,
    set_up_command,
    talked,
    tunnels_of,
    twilio_voice_url,
)

pytestmark = pytest.mark.timeout(240)
ALLOW = ("--allow", CALLER)
GOOD = {HopState.OK, HopState.WAITING}


def _keys(rehearsal: RehearsalProcess, carrier: CarrierName) -> dict[str, str]:
    return rehearsal.card.credentials[carrier.value]


@pytest.mark.parametrize("carrier", CarrierName)
async def test_from_keys_to_the_first_answered_call_with_one_command(
    carrier: CarrierName, tmp_path: Path
) -> None:
    async with RehearsalProcess() as rehearsal:
        keys = _keys(rehearsal, carrier)
        async with set_up_command(tmp_path, rehearsal, keys, *ALLOW) as command:
            reach = await command.until("reach", state="ready")
            hops = [line for line in command.lines if line["type"] == "hop"]
            assert {hop["state"] for hop in hops} == GOOD
            assert [hop["hop"] for hop in hops] == list(Hop)
            assert reach["base"].endswith(".trycloudflare.com")
            assert reach["number"] == rehearsal.card.numbers[carrier]
            # One whole conversation will do: the others would take as long as people talk.
            hold = talked if carrier is CarrierName.TWILIO else answered
            await hold(command, rehearsal, carrier)
            # Nothing but the first minute is promised; it takes a few seconds.
            assert time.monotonic() - command.began_s < 60
            assert await command.stop() == 0
        assert not [one for one in rehearsal.reports if one["type"] == "violation"]
        assert not await rehearsal.tunnels()
        printed = str(command.lines) + command.errors.decode()
        logged = logs_below(tmp_path)
        for secret in keys.values():
            assert secret not in printed
            assert secret not in logged


async def test_the_second_start_takes_the_number_again_and_every_end_gives_it_back(
    tmp_path: Path,
) -> None:
    async with RehearsalProcess() as rehearsal:
        before = await twilio_voice_url(rehearsal)
        keys = _keys(rehearsal, CarrierName.TWILIO)
        for _start in range(2):
            async with set_up_command(tmp_path, rehearsal, keys, *ALLOW) as command:
                reach = await command.until("reach", state="ready")
                assert (await twilio_voice_url(rehearsal)).startswith(reach["base"])
                assert await command.stop() == 0
            assert await twilio_voice_url(rehearsal) == before


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
async def test_a_tunnel_that_is_killed_comes_back_and_the_number_follows(tmp_path: Path) -> None:
    async with RehearsalProcess() as rehearsal:
        before = await twilio_voice_url(rehearsal)
        keys = _keys(rehearsal, CarrierName.TWILIO)
        async with set_up_command(tmp_path, rehearsal, keys, *ALLOW) as command:
            await command.until("reach", state="ready")
            bases = {await twilio_voice_url(rehearsal)}
            for _kill in range(3):
                (tunnel,) = tunnels_of(command.process.pid)
                os.kill(tunnel, signal.SIGKILL)
                async with asyncio.timeout(15):
                    bases.add(await moved(command, rehearsal))
                await answered(command, rehearsal, "twilio")
                assert len(tunnels_of(command.process.pid)) == 1
            assert len(bases) == 4
            assert await command.stop() == 0
        assert await twilio_voice_url(rehearsal) == before


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
async def test_the_tunnel_does_not_outlive_an_app_that_is_killed(tmp_path: Path) -> None:
    async with RehearsalProcess() as rehearsal:
        before = await twilio_voice_url(rehearsal)
        keys = _keys(rehearsal, CarrierName.TWILIO)
        async with set_up_command(tmp_path, rehearsal, keys, *ALLOW) as command:
            await command.until("reach", state="ready")
            (tunnel,) = tunnels_of(command.process.pid)
            command.process.kill()
            await gone(tunnel, 2)
        assert not await _connected(rehearsal)
        # What stood at the number is not lost: the next run gives it back.
        async with set_up_command(tmp_path, rehearsal, keys, *ALLOW) as command:
            await command.until("reach", state="ready")
            assert await command.stop() == 0
        assert await twilio_voice_url(rehearsal) == before


async def _connected(rehearsal: RehearsalProcess) -> list[dict[str, Any]]:
    return [tunnel for tunnel in await rehearsal.tunnels() if tunnel["connected"]]
