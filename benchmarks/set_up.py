"""``python -m benchmarks.set_up``: from the set-up command's start to the first answered call.

    python -m benchmarks.set_up [--runs 3]

A fresh profile each time, in a rehearsal's world: no internet, and no download of a tunnel program.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from desktop_voice.core.calls import CarrierName
from desktop_voice.rehearsal.process import RehearsalProcess
from tests.helpers.set_up_command import CALLER, set_up_command


async def _set_up(rehearsal: RehearsalProcess, carrier: CarrierName) -> tuple[float, float]:
    """Return the seconds until the number is proven, and until a call of it is answered."""
    keys = rehearsal.card.credentials[carrier.value]
    with TemporaryDirectory(prefix="desktop-voice-") as home:
        async with set_up_command(Path(home), rehearsal, keys, "--allow", CALLER) as command:
            await command.until("reach", state="ready")
            proven_s = time.monotonic() - command.began_s
            ref = await rehearsal.dial(carrier, CALLER, kind="silent")
            await command.until("call", state="talking")
            answered_s = time.monotonic() - command.began_s
            await rehearsal.far_hang_up(ref)
            await command.until("call", state="ended")
            await command.stop()
    return proven_s, answered_s


async def _run(runs: int) -> None:
    async with RehearsalProcess() as rehearsal:
        for carrier in CarrierName:
            took = [await _set_up(rehearsal, carrier) for _run in range(runs)]
            proven_s, answered_s = (statistics.median(values) for values in zip(*took, strict=True))
            text = f"proven after {proven_s:.2f} s, first call answered after {answered_s:.2f} s"
            print(f"{carrier:7} {text} (median of {runs})", flush=True)


def main() -> int:
    """Set up, and print how long it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="of each carrier (default 3)")
    asyncio.run(_run(max(1, parser.parse_args().runs)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
