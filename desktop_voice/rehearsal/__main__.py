"""The rehearsal's process: JSON lines in on stdin, JSON lines out on stdout, until stdin ends."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading

from desktop_voice.rehearsal.control import Control
from desktop_voice.rehearsal.reports import Report

_CHUNK_BYTES = 65_536


def _print(report: Report) -> None:
    sys.stdout.write(json.dumps(report, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def _read_lines(loop: asyncio.AbstractEventLoop, lines: asyncio.Queue[bytes | None]) -> None:
    """Pass stdin on; in a thread, because a pipe cannot be awaited on every system.

    Read below ``sys.stdin``, whose lock would still be held when the process is told to quit.
    """
    rest = b""
    while chunk := os.read(0, _CHUNK_BYTES):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            loop.call_soon_threadsafe(lines.put_nowait, line)
    loop.call_soon_threadsafe(lines.put_nowait, None)


async def _run() -> None:
    lines: asyncio.Queue[bytes | None] = asyncio.Queue()
    reader = threading.Thread(
        target=_read_lines, args=(asyncio.get_running_loop(), lines), daemon=True
    )
    reader.start()
    async with Control(_print) as control:
        while (line := await lines.get()) is not None:
            if not line.strip():
                continue
            try:
                command = json.loads(line)
            except ValueError:
                command = None
            if not isinstance(command, dict):
                command = {"do": "what is no JSON object"}
            if command.get("do") == "quit":
                return
            control.do(command)


def main() -> None:
    """Run until told to quit or until stdin ends; a parent that is gone must end it too."""
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    try:
        asyncio.run(_run())
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(1)


if __name__ == "__main__":
    main()
