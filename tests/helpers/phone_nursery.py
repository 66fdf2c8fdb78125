"""Phones that may be killed, from the outside: starts them, hears them, kills them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import defaultdict
from collections.abc import Callable
from itertools import count
from typing import Any

from tests.helpers.phone_child import ChildPlan

Line = dict[str, Any]

DEADLINE_S = 60.0


class PhoneNursery:
    """Used as ``async with PhoneNursery() as nursery``; on one event loop.

    Attributes:
        lines: What every phone has told so far, by its number.
    """

    def __init__(self) -> None:
        self.lines: dict[int, list[Line]] = defaultdict(list)
        self._numbers = count(1)
        self._news = asyncio.Condition()
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> PhoneNursery:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.helpers.phone_child",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # Threads of a numeric library would not survive a fork.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        self._reader = asyncio.create_task(self._read())
        await self.told(0, lambda line: line["type"] == "nursery")
        return self

    async def __aexit__(self, *_exc: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._reader is not None
        self._process.stdin.close()
        await self._process.wait()
        await self._reader

    def new_number(self) -> int:
        """Return a number for a phone."""
        return next(self._numbers)

    async def start(self, plan: ChildPlan) -> None:
        """Start a phone."""
        await self._order(plan.line() + "\n")

    async def ready(self, plan: ChildPlan) -> str:
        """Wait until a phone listens; return where."""
        line = await self.told(plan.child, lambda line: line["type"] == "ready")
        return f"http://127.0.0.1:{line['port']}"

    async def go(self, plan: ChildPlan) -> None:
        """Let it go on."""
        await self._order(json.dumps({"do": "go", "child": plan.child}) + "\n")

    async def kill(self, plan: ChildPlan) -> None:
        """Kill it; return when it is dead and all that it told is known."""
        await self._order(json.dumps({"do": "kill", "child": plan.child}) + "\n")
        await self.told(plan.child, lambda line: line["type"] == "killed")

    async def told(
        self, child: int, accepts: Callable[[Line], bool], deadline_s: float = DEADLINE_S
    ) -> Line:
        """Return the first line of a phone that is accepted, told already or to come."""
        try:
            async with asyncio.timeout(deadline_s), self._news:
                while True:
                    for line in self.lines[child]:
                        if accepts(line):
                            return line
                        assert line["type"] != "failed", line["why"]
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"phone {child} told only {self.lines[child]}") from None

    async def _order(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode())
        await self._process.stdin.drain()

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for text in self._process.stdout:
            line: Line = json.loads(text)
            async with self._news:
                self.lines[line.pop("child")].append(line)
                self._news.notify_all()
