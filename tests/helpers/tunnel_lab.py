"""Stand-in tunnel programs for tests, and a look at the processes that are left."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from desktop_voice.tunnel.program_tunnel import TunnelPace

_SCRIPT = Path(__file__).with_name("tunnel_program.py")

BRISK = TunnelPace(ready_s=20.0, lost_s=0.5, ask_s=0.05, watch_s=0.1, stop_s=5.0)
"""For programs that behave: only what is meant to run out is short."""


def write_program(folder: Path, name: str, **options: object) -> Path:
    """Write an executable stand-in; see ``tunnel_program`` for its options."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    words = [sys.executable, "-I", "-S", str(_SCRIPT), name, json.dumps(options, default=str)]
    path.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    path.chmod(0o700)
    return path


def records(path: Path) -> list[dict[str, Any]]:
    """Return what each start of a stand-in left."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


async def eventually(is_so: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until ``is_so``; fail after ``seconds``."""
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110 (another process sets no event)
            await asyncio.sleep(0.01)


def kill(pid: int, signal_number: int) -> None:
    """Send a signal to a process that one of our tests started."""
    os.kill(pid, signal_number)
