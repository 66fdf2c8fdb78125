"""Tunnel programs on this machine, and what they print."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from desktop_voice.core.errors import PhoneError
from desktop_voice.tunnel.programs import ProgramLog, find_program, write_own_file
from tests.helpers.tunnel_lab import write_program

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")


@posix
def test_only_what_can_be_run_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    assert find_program("ngrok", tmp_path / "given") is None
    on_path = write_program(tmp_path / "path", "ngrok")
    assert find_program("ngrok", tmp_path / "given") == on_path
    given = write_program(tmp_path / "given", "ngrok")
    assert find_program("ngrok", tmp_path / "given") == given
    given.chmod(0o600)
    assert find_program("ngrok", tmp_path / "given") == on_path
    assert find_program("ngrok") == on_path


@posix
def test_own_files_are_the_users_alone(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "own.yml"
    write_own_file(path, b"x: 1\n")
    assert path.read_bytes() == b"x: 1\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with pytest.raises(PhoneError) as caught:
        write_own_file(path / "below", b"")
    assert caught.value.code == "TUNNEL-05"


def test_lines_are_read_in_any_case_and_secrets_blotted_out() -> None:
    log = ProgramLog("cloudflared", ["s3cret", ""])
    with capture_logs() as logs:
        log.add("ERR Failed to dial, token S s3cret")
        log.add("up")
    assert [(entry["log_level"], entry["line"]) for entry in logs] == [
        ("debug", "ERR Failed to dial, token S …"),
        ("debug", "up"),
    ]
    assert log.says("FAILED", "token")
    assert not log.says("s3cret")
    assert not log.says("failed", "up")
    assert log.last(["up", "failed"]) == "up"
    assert log.last(["nobody"]) == ""


def test_a_flood_pushes_old_lines_out() -> None:
    log = ProgramLog("cloudflared")
    log.add("the first")
    for number in range(1000):
        log.add(f"line {number}")
    assert not log.says("the first")
    assert log.says("line 999")
