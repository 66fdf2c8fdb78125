"""``python -m benchmarks.kill_calls``: rehearsed calls whose phone is killed at random points.

    python -m benchmarks.kill_calls [--points 200] [--seed 1] [--at-once 8]

Each phone runs in a process of its own, is killed with SIGKILL and started again on its files.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.helpers.killed_calls import KilledCalls, Outcome, random_points


async def _run(points: int, seed: int, at_once: int) -> list[Outcome]:
    with TemporaryDirectory(prefix="desktop-voice-") as folder:
        async with KilledCalls(Path(folder), at_once) as killed:
            return await killed.run(random_points(seed, points))


def main() -> int:
    """Hold the calls and print what came of them; exit 1 if anything was not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=200, help="how many kills (default 200)")
    parser.add_argument("--seed", type=int, default=1, help="of the random points (default 1)")
    parser.add_argument("--at-once", type=int, default=8, help="calls at once (default 8)")
    options = parser.parse_args()
    began_s = time.monotonic()
    outcomes = asyncio.run(_run(options.points, options.seed, options.at_once))
    took_s = time.monotonic() - began_s
    where = Counter(" ".join(str(part) for part in o.point.moment).strip() for o in outcomes)
    lost = [o for o in outcomes if o.problems]
    ended = [o for o in outcomes if o.clean_s and not o.was_taken_again]
    print(f"{len(outcomes)} kills in {took_s:.0f} s, seed {options.seed}")
    print("by carrier: ", dict(Counter(o.point.carrier for o in outcomes)))
    print("by direction: ", dict(Counter(o.point.role for o in outcomes)))
    print("killed after: ", dict(sorted(where.items())))
    print(
        f"calls created {sum(o.creates for o in outcomes)}, dialled twice "
        f"{sum(o.creates > 1 for o in outcomes)}; alive at the carrier when the phone died "
        f"{sum(o.was_alive for o in outcomes)}"
    )
    print(f"lines of talk acknowledged before the kills: {sum(o.acknowledged for o in outcomes)}")
    for name, values in (
        ("carrier has no call left", sorted(o.clean_s for o in ended)),
        ("own records settled", sorted(o.tidy_s for o in outcomes)),
    ):
        if values:
            print(
                f"{name}, seconds after the restart: median {values[len(values) // 2]:.2f}, "
                f"most {values[-1]:.2f}"
            )
    again = sum(o.was_taken_again for o in outcomes)
    print(f"callers not known yet who got through to the restarted phone: {again}")
    print(f"points with a problem: {len(lost)}")
    for outcome in lost:
        print(f"  {outcome.point}: {'; '.join(outcome.problems)}")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
