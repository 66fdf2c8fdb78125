"""The event loop: asyncio and Qt on one loop, ended cleanly whichever way it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, os, signal, sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from desktop_voice.ui.runtime import run

app = QApplication([])

async def background():
    try:
        await asyncio.Event().wait()
    finally:
        print("background ended", flush=True)

async def main():
    task = asyncio.create_task(background())
    try:
        await asyncio.sleep(0)
        {body}
    finally:
        print("main ended", flush=True)

code = run(app, main())
print("code", code, flush=True)
"""


def outcome(body: str) -> list[str]:
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM.format(body=body)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "Task was destroyed" not in result.stderr
    return sorted(result.stdout.splitlines())


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("return 7", 7),
        ("QTimer.singleShot(0, app.quit); await asyncio.Event().wait()", 0),
    ],
    ids=["returned", "qt-quit"],
)
def test_main_and_what_it_left_running_are_ended(body: str, code: int) -> None:
    assert outcome(body) == ["background ended", f"code {code}", "main ended"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_cleanly(number: signal.Signals) -> None:
    body = f"os.kill(os.getpid(), {int(number)}); await asyncio.Event().wait()"
    assert outcome(body) == ["background ended", "code 0", "main ended"]


def test_an_error_of_main_reaches_the_caller() -> None:
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(body="raise LookupError('lost')")],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        check=False,
    )
    assert result.returncode == 1
    assert "LookupError: lost" in result.stderr


def test_qt_and_asyncio_share_the_loop() -> None:
    body = (
        "done = asyncio.Event(); QTimer.singleShot(10, done.set); "
        "await asyncio.wait_for(done.wait(), 20); return 5"
    )
    assert "code 5" in outcome(body)
