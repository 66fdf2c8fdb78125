"""Logs: what stands in the file, what never does, and that logging stops nothing."""

from __future__ import annotations

import errno
import gc
import io
import json
import logging
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from desktop_voice.core.settings import LogLevel
from desktop_voice.system.logs import configure_logs, install_exception_hooks

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
log = structlog.get_logger("desktop_voice.test")


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "desktop-voice.log"


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root, own = logging.getLogger(), logging.getLogger("desktop_voice")
    handlers, levels = list(root.handlers), (root.level, own.level)
    yield
    for handler in [handler for handler in root.handlers if handler not in handlers]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(levels[0])
    own.setLevel(levels[1])
    structlog.reset_defaults()


def entries(log_file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log_file.read_text("utf-8").splitlines()]


def test_an_entry_is_one_json_line_with_utc_time(log_file: Path) -> None:
    assert configure_logs(log_file, LogLevel.INFO) is None
    log.info("device opened", rate_hz=48_000, name="Kopfhörer")
    (entry,) = entries(log_file)
    assert entry.pop("timestamp").endswith("Z")
    assert entry == {
        "event": "device opened",
        "rate_hz": 48_000,
        "name": "Kopfhörer",
        "level": "info",
        "logger": "desktop_voice.test",
    }


def test_the_level_decides_and_can_be_changed(log_file: Path) -> None:
    configure_logs(log_file, LogLevel.WARNING)
    log.info("one")
    configure_logs(log_file, LogLevel.DEBUG)
    log.debug("two")
    assert [entry["event"] for entry in entries(log_file)] == ["two"]


def test_third_parties_are_heard_from_warning_on(log_file: Path) -> None:
    configure_logs(log_file, LogLevel.DEBUG)
    for name in ("openai", "httpx", "aiohttp.access"):
        logging.getLogger(name).info("chatter")
        logging.getLogger(name).warning("trouble with %s", "+49 151 23456789")
    assert {entry["event"] for entry in entries(log_file)} == {"trouble with [number]"}
    assert len(entries(log_file)) == 3


@posix
def test_the_file_its_folder_and_its_forerunners_are_private(log_file: Path) -> None:
    configure_logs(log_file, LogLevel.INFO)
    for _ in range(30):
        log.info("x" * 60_000)
    files = sorted(log_file.parent.iterdir())
    assert [file.name for file in files] == ["desktop-voice.log", "desktop-voice.log.1"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(log_file.parent.stat().st_mode) == 0o700
    assert all(file.stat().st_size <= 1024 * 1024 for file in files)


@posix
def test_a_file_that_others_could_read_is_closed_to_them(log_file: Path) -> None:
    log_file.parent.mkdir()
    log_file.touch()
    log_file.chmod(0o644)
    configure_logs(log_file, LogLevel.INFO)
    assert stat.S_IMODE(log_file.stat().st_mode) == 0o600


def test_warnings_are_said_in_words_on_stderr(
    log_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs(log_file, LogLevel.INFO)
    log.info("not shown")
    log.warning("device_lost", name="Headset")
    assert capsys.readouterr().err == "warning: device lost (name=Headset)\n"


def test_stderr_can_be_left_alone(log_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(log_file, LogLevel.INFO, stderr=False)
    log.error("device_lost")
    assert capsys.readouterr().err == ""


def test_a_log_that_cannot_be_opened_is_an_error_to_show(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocker = tmp_path / "logs"
    blocker.write_text("a file where the folder should be")
    problem = configure_logs(blocker / "app.log", LogLevel.INFO, stderr=False)
    assert problem is not None
    assert problem.code == "LOG-01"
    assert str(blocker) in problem.do
    log.warning("still here")
    assert "still here" in capsys.readouterr().err


def test_a_window_without_a_terminal_can_log(
    log_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert configure_logs(log_file, LogLevel.INFO) is None
    log.warning("heard")
    assert [entry["event"] for entry in entries(log_file)] == ["heard"]


class FullDisk(io.StringIO):
    def write(self, _text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_fills_up_is_not_fatal(
    log_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs(log_file, LogLevel.INFO, stderr=False)
    (handler,) = [h for h in logging.getLogger().handlers if h.name == "desktop-voice-file"]
    assert isinstance(handler, logging.StreamHandler)
    file = handler.setStream(FullDisk())
    log.info("lost")
    handler.setStream(file)
    log.info("found")
    assert [entry["event"] for entry in entries(log_file)] == ["found"]
    assert capsys.readouterr().err == ""


def test_exceptions_are_logged_without_local_variables(log_file: Path) -> None:
    configure_logs(log_file, LogLevel.INFO, stderr=False)
    hidden = "what was " + "said aloud"
    try:
        raise ValueError(f"+4915123456789 said {len(hidden)} letters")
    except ValueError:
        log.exception("call failed")
    (entry,) = entries(log_file)
    assert "Traceback" in entry["exception"]
    assert entry["exception"].endswith("ValueError")
    assert "19 letters" not in log_file.read_text()
    assert hidden not in log_file.read_text()


def test_an_error_of_the_system_says_what_it_is(log_file: Path) -> None:
    configure_logs(log_file, LogLevel.INFO, stderr=False)
    try:
        (log_file.parent / "missing").read_text()
    except FileNotFoundError:
        log.exception("reading failed")
    (entry,) = entries(log_file)
    assert "No such file" in entry["exception"]


@pytest.fixture
def hooks(log_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    configure_logs(log_file, LogLevel.INFO, stderr=False)
    install_exception_hooks()
    return log_file


def test_what_nobody_caught_is_logged(hooks: Path) -> None:
    error = ValueError("nobody")
    sys.excepthook(ValueError, error, None)
    (entry,) = entries(hooks)
    assert entry["level"] == "critical"
    assert entry["exception"].endswith("ValueError")


def test_what_ended_a_thread_is_logged(hooks: Path) -> None:
    thread = threading.Thread(target=lambda: 1 / 0, name="media")
    thread.start()
    thread.join()
    (entry,) = entries(hooks)
    assert entry["thread"] == "media"
    assert "ZeroDivisionError" in entry["exception"]


def test_a_thread_that_leaves_by_itself_is_not_logged(hooks: Path) -> None:
    thread = threading.Thread(target=sys.exit)
    thread.start()
    thread.join()
    assert entries(hooks) == []


def test_what_a_finalizer_raised_is_logged(hooks: Path) -> None:
    class Bad:
        def __del__(self) -> None:
            raise ValueError("too late")

    Bad()
    gc.collect()
    (entry,) = entries(hooks)
    assert entry["event"] == "unraisable_exception"
    assert entry["exception"].endswith("ValueError")


def test_ctrl_c_is_no_error(hooks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert entries(hooks) == []
    assert "KeyboardInterrupt" in capsys.readouterr().err
