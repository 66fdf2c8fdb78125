"""``python -m benchmarks.tunnel_kills``: the set-up command whose tunnel is killed, then itself.

    python -m benchmarks.tunnel_kills [--kills 20] [--ends 10]

In a rehearsal's world: real processes, TLS and sockets, no internet. Linux alone.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from desktop_voice.rehearsal.process import RehearsalProcess
from tests.helpers.set_up_command import (
    CALLER,
    SetUpCommand,
    answered,
    gone,
    left_running,
    moved,
    set_up_command,
    tunnels_of,
    twilio_voice_url,
)

_PATIENCE_S = 60.0


async def _kill_tunnel(command: SetUpCommand, rehearsal: RehearsalProcess) -> float:
    """Kill the tunnel; return the seconds until the new address is proven and the number's."""
    old = await twilio_voice_url(rehearsal)
    (tunnel,) = tunnels_of(command.process.pid)
    began_s = time.monotonic()
    os.kill(tunnel, signal.SIGKILL)
    if await moved(command, rehearsal) == old:
        raise AssertionError("the address is the old one")
    return time.monotonic() - began_s


async def _kill_tunnels(home: Path, rehearsal: RehearsalProcess, kills: int) -> int:
    keys = rehearsal.card.credentials["twilio"]
    waits_s: list[float] = []
    async with set_up_command(home, rehearsal, keys, "--allow", CALLER) as command:
        await command.until("reach", state="ready")
        for kill in range(1, kills + 1):
            waits_s.append(await _kill_tunnel(command, rehearsal))
            await answered(command, rehearsal, "twilio")
            text = f"proven, and the number follows, after {waits_s[-1]:.2f} s; call answered"
            print(f"kill {kill:2}: {text}", flush=True)
        running = len(tunnels_of(command.process.pid))
        await command.stop()
    print(f"{len(waits_s)} of {kills} next calls answered; tunnels at once: {running}")
    print(f"seconds: median {statistics.median(waits_s):.2f}, most {max(waits_s):.2f}")
    return 0 if running == 1 else 1


async def _kill_commands(home: Path, rehearsal: RehearsalProcess, ends: int) -> int:
    keys = rehearsal.card.credentials["twilio"]
    waits_s: list[float] = []
    for _end in range(ends):
        async with set_up_command(home, rehearsal, keys, "--allow", CALLER) as command:
            await command.until("reach", state="ready")
            (tunnel,) = tunnels_of(command.process.pid)
            began_s = time.monotonic()
            command.process.kill()
            await gone(tunnel, _PATIENCE_S)
            waits_s.append(time.monotonic() - began_s)
    # The last one goes in peace, and gives back what the killed ones could not.
    async with set_up_command(home, rehearsal, keys, "--allow", CALLER) as command:
        await command.until("reach", state="ready")
        await command.stop()
    print(f"killed with -9 {ends} times: the tunnel is gone after {max(waits_s):.3f} s at most")
    return 0


async def _run(kills: int, ends: int) -> int:
    with TemporaryDirectory(prefix="desktop-voice-") as folder:
        home = Path(folder)
        async with RehearsalProcess() as rehearsal:
            before = await twilio_voice_url(rehearsal)
            problems = await _kill_tunnels(home, rehearsal, kills)
            is_restored = await twilio_voice_url(rehearsal) == before
            print(f"orphans: {len(left_running(home))}; old webhook restored: {is_restored}")
            problems += not is_restored
            if ends:
                problems += await _kill_commands(home, rehearsal, ends)
                is_restored = await twilio_voice_url(rehearsal) == before
                print(f"orphans: {len(left_running(home))}; old webhook restored: {is_restored}")
            return problems + (not is_restored) + len(left_running(home))


def main() -> int:
    """Kill, and print what came of it; exit 1 if anything was not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="of the tunnel (default 20)")
    parser.add_argument("--ends", type=int, default=10, help="kills of the command (default 10)")
    options = parser.parse_args()
    return 1 if asyncio.run(_run(max(1, options.kills), options.ends)) else 0


if __name__ == "__main__":
    sys.exit(main())
