"""The whole interface in a process of its own: it starts, is busy, and ends without a crash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import asyncio, sys, threading
from pathlib import Path
from PySide6.QtWidgets import QApplication
from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.states import AssistantState
from desktop_voice.storage.settings_file import SettingsFile
from desktop_voice.system.single_instance import SingleInstance
from desktop_voice.ui.runtime import run
from desktop_voice.ui.shell import Shell
from tests.helpers.recording_control import RecordingControl

app = QApplication([])
bus = EventBus()
stopped = threading.Event()

def media():
    states = list(AssistantState)
    number = 0
    while not stopped.is_set():
        bus.publish(ev.AudioLevel("microphone", -30.0))
        bus.publish(ev.StateChanged(states[number % len(states)], muted=number % 3 == 0))
        bus.publish(ev.UserTurn("desk", f"question {number}"))
        bus.publish(ev.ReplyText("desk", "an answer"))
        bus.publish(ev.AssistantTurn("desk", "an answer", "an"))
        number += 1
        stopped.wait(0.002)

async def main():
    quit_asked = asyncio.Event()
    single = SingleInstance(sys.argv[1])
    assert single.acquire()
    shell = Shell(RecordingControl(), bus, SettingsFile(Path(sys.argv[1])))
    shell.quit_requested.connect(quit_asked.set)
    single.command_received.connect(shell.handle_command)
    shell.start(hidden=False)
    thread = threading.Thread(target=media)
    thread.start()
    print("started", flush=True)
    await quit_asked.wait()
    turns = len(shell.window.assistant.conversation.entries)
    shell.close()
    single.close()
    stopped.set()
    thread.join()
    print("busy" if turns else "idle", flush=True)
    return 0

sys.exit(run(app, main()))
"""

SECOND = """
import sys
from PySide6.QtCore import QCoreApplication
from desktop_voice.system.single_instance import SingleInstance
app = QCoreApplication([])
sys.exit(0 if SingleInstance(sys.argv[1]).send(sys.argv[2:]) else 3)
"""


def test_a_busy_interface_ends_cleanly_on_the_command_of_a_second_start(tmp_path: Path) -> None:
    settings = str(tmp_path / "settings.toml")
    first = subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-c", PROGRAM, settings],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": os.getcwd()},
    )
    assert first.stdout is not None
    assert first.stdout.readline() == "started\n"
    for command in ("--settings", "--mute", "--quit"):
        subprocess.run([sys.executable, "-c", SECOND, settings, command], check=True, timeout=60)
    output, errors = first.communicate(timeout=60)
    assert first.returncode == 0, errors
    assert output == "busy\n"
    assert "Traceback" not in errors
