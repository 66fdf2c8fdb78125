"""Single instance: tried with real processes, one of which is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtNetwork import QLocalSocket
from pytestqt.qtbot import QtBot

from desktop_voice.system.single_instance import SingleInstance

FIRST = """
import sys
from PySide6.QtCore import QCoreApplication
from desktop_voice.system.single_instance import SingleInstance
app = QCoreApplication([])
single = SingleInstance(sys.argv[1])
if single.acquire():
    single.command_received.connect(lambda arguments: (print(arguments, flush=True), app.quit()))
    print("first", flush=True)
    sys.exit(app.exec())
sys.exit(0 if single.send(sys.argv[2:]) else 3)
"""


@pytest.fixture
def name() -> str:
    return uuid.uuid4().hex


def start(name: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", FIRST, name, *arguments], stdout=subprocess.PIPE, text=True
    )


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture
def first(name: str) -> Iterator[subprocess.Popen[str]]:
    process = start(name)
    assert first_line(process) == "first"
    yield process
    process.kill()
    process.communicate()


def test_a_second_start_hands_over_its_command_and_leaves(
    first: subprocess.Popen[str], name: str
) -> None:
    second = start(name, "--toggle-talk", "für “dich”")
    assert second.communicate(timeout=30)[0] == ""
    assert second.returncode == 0
    assert first_line(first) == "['--toggle-talk', 'für “dich”']"
    assert first.wait(timeout=30) == 0


@pytest.mark.usefixtures("qapp")
def test_another_name_is_another_app(first: subprocess.Popen[str]) -> None:
    other = SingleInstance(uuid.uuid4().hex)
    assert other.acquire()
    other.close()


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_what_a_killed_instance_left_is_taken_over(
    qtbot: QtBot, first: subprocess.Popen[str], name: str
) -> None:
    first.send_signal(signal.SIGKILL)
    first.wait(timeout=30)
    heir = SingleInstance(name)
    assert heir.acquire()
    with qtbot.waitSignal(heir.command_received) as received:
        second = start(name, "hello")
    assert received.args == [["hello"]]
    assert second.wait(timeout=30) == 0
    second.communicate()
    heir.close()


@pytest.mark.skipif(sys.platform == "win32", reason="needs Unix permissions")
def test_only_this_user_may_connect(qtbot: QtBot, name: str) -> None:
    single = SingleInstance(name)
    assert single.acquire()
    (socket,) = Path(os.environ["XDG_RUNTIME_DIR"]).glob("desktop-voice-*.sock")
    assert socket.stat().st_mode & 0o077 == 0
    single.close()
    assert not socket.exists()


def test_nobody_listens_means_not_sent(qtbot: QtBot, name: str) -> None:
    assert not SingleInstance(name).send(["hello"], timeout_ms=200)


@pytest.mark.skipif(sys.platform == "win32", reason="finds the socket by its path")
@pytest.mark.parametrize("rubbish", [b"not json\n", b'{"a": 1}\n', b"[1, 2]\n", b"x" * 70_000])
def test_rubbish_is_refused_and_does_no_harm(qtbot: QtBot, name: str, rubbish: bytes) -> None:
    single = SingleInstance(name)
    assert single.acquire()
    (path,) = Path(os.environ["XDG_RUNTIME_DIR"]).glob("desktop-voice-*.sock")
    socket = QLocalSocket()
    with qtbot.assertNotEmitted(single.command_received), qtbot.waitSignal(socket.disconnected):
        socket.connectToServer(str(path))
        socket.write(rubbish)
    second = start(name, "still there")
    with qtbot.waitSignal(single.command_received) as received:
        pass
    assert received.args == [["still there"]]
    second.communicate(timeout=30)
    single.close()
