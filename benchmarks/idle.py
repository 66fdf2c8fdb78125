"""What the app costs while it is armed and hidden: processor time and memory.

    python -m benchmarks.idle [--seconds 20]

On a virtual display, sound card and tray; the microphone hears a quiet room.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from pathlib import Path

from tests.e2e.programs import environment, make_home, running
from tests.helpers.sni_watcher import tray
from tests.helpers.virtual_sound import VirtualSound
from tests.helpers.xvfb import VirtualDisplay

_SETTLE_S = 5.0


def cpu_s(pid: int) -> dict[str, float]:
    """Return the processor seconds of each thread, by name and number."""
    tick = os.sysconf("SC_CLK_TCK")
    times = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        name = (task / "comm").read_text().strip()
        times[f"{name} {task.name}"] = (int(fields[11]) + int(fields[12])) / tick
    return times


def memory_mb(pid: int) -> tuple[float, float]:
    """Return the resident and the proportional memory."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    kb = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return kb["Rss"] / 1024, kb["Pss"] / 1024


async def measure(seconds: float) -> None:
    """Print processor share and memory."""
    with (
        VirtualDisplay() as display,
        VirtualSound() as sound,
        tempfile.TemporaryDirectory() as folder,
    ):
        async with tray() as desktop:
            env = environment(make_home(Path(folder)), display.env, sound.env, desktop.env)
            async with running(["benchmarks.probed_app", "--hidden"], env) as app:
                await desktop.icon()
                await app.until("state", state="armed")
                await asyncio.sleep(_SETTLE_S)
                before = cpu_s(app.pid)
                await asyncio.sleep(seconds)
                after = cpu_s(app.pid)
                rss_mb, pss_mb = memory_mb(app.pid)
    used = {name: after[name] - before.get(name, 0.0) for name in after}
    for name, spent_s in sorted(used.items(), key=lambda item: -item[1]):
        if spent_s >= 0.01:
            print(f"{name:28} {100 * spent_s / seconds:5.2f} %")
    print(
        f"armed and hidden for {seconds:.0f} s: {100 * sum(used.values()) / seconds:.1f} % of one "
        f"core, RSS {rss_mb:.0f} MB, PSS {pss_mb:.0f} MB"
    )


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(prog="benchmarks.idle", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    asyncio.run(measure(parser.parse_args().seconds))


if __name__ == "__main__":
    main()
