"""How long the app takes from its process's start to a painted window, and until it listens.

    python -m benchmarks.startup [--runs 5]

On a virtual display and sound card. The first run, with cold files, is printed but not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from tests.e2e.programs import environment, make_home, running
from tests.helpers.virtual_sound import VirtualSound
from tests.helpers.xvfb import VirtualDisplay


async def start_once(display: VirtualDisplay, sound: VirtualSound) -> tuple[float, float]:
    """Start and quit the app; return the seconds until it was painted and until it was armed."""
    with tempfile.TemporaryDirectory() as folder:
        env = environment(make_home(Path(folder)), display.env, sound.env)
        started_s = time.monotonic()
        async with running(["benchmarks.probed_app"], env) as app:
            painted = await app.until("painted")
            armed = await app.until("state", state="armed")
            await app.write("quit")
            await app.end()
    return painted["at_s"] - started_s, armed["at_s"] - started_s


async def measure(runs: int) -> None:
    """Print each run and the medians."""
    painted, armed = [], []
    with VirtualDisplay() as display, VirtualSound() as sound:
        for run in range(runs + 1):
            painted_s, armed_s = await start_once(display, sound)
            print(f"{run or 'cold':>4}: painted {painted_s:.2f} s, armed {armed_s:.2f} s")
            if run:
                painted.append(painted_s)
                armed.append(armed_s)
    print(
        f"median of {runs}: painted {statistics.median(painted):.2f} s, "
        f"armed {statistics.median(armed):.2f} s"
    )


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(prog="benchmarks.startup", description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    asyncio.run(measure(parser.parse_args().runs))


if __name__ == "__main__":
    main()
