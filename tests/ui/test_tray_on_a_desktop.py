"""The tray over D-Bus, as a Linux desktop sees it: registered, read and clicked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.xvfb import virtual_display_or_skip

PROGRAM = """
import asyncio, sys
from pathlib import Path
from PySide6.QtWidgets import QApplication
from desktop_voice.core.bus import EventBus
from desktop_voice.core.states import AssistantState
from desktop_voice.storage.settings_file import SettingsFile
from desktop_voice.ui.runtime import run
from desktop_voice.ui.shell import Shell
from tests.helpers.recording_control import RecordingControl

app = QApplication([])
control = RecordingControl()
control.state = AssistantState.ARMED

async def main():
    quit_asked = asyncio.Event()
    shell = Shell(control, EventBus(), SettingsFile(Path(sys.argv[1])))
    shell.quit_requested.connect(quit_asked.set)
    shell.start(hidden=True)
    await quit_asked.wait()
    print("hidden" if not shell.window.isVisible() else "shown")
    shell.close()
    print(control.commands, flush=True)
    return 0

sys.exit(run(app, main()))
"""


@pytest.mark.display
@pytest.mark.skipif(shutil.which("dbus-run-session") is None, reason="needs dbus-run-session")
def test_desktop_reads_the_state_and_clicks_mute_and_quit(tmp_path: Path) -> None:
    host = [sys.executable, "-m", "tests.helpers.tray_host", "Mute microphone"]
    program = [sys.executable, "-c", PROGRAM, str(tmp_path / "settings.toml")]
    with virtual_display_or_skip() as display:
        result = subprocess.run(
            ["dbus-run-session", "--", *host, *program],
            capture_output=True,
            text=True,
            timeout=100,
            env={**os.environ, **display.env, "PYTHONPATH": os.getcwd()},
            check=False,
        )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        "tip: Desktop Voice: Ready",
        "hidden",
        "[('set_muted', True)]",
    ]
