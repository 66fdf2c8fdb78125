"""The command line itself: what is refused before anything is loaded, and who reads the output."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from desktop_voice import cli

DEMO = Path(__file__).parents[2] / "resources" / "demo" / "question.wav"


def test_a_bench_without_runs_is_a_wrong_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(["bench", "--runs", "0", "question.wav"])
    assert exit_.value.code == 2
    assert "must be 1 or more" in capsys.readouterr().err


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there is a desktop")
def test_without_a_desktop_the_app_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert cli.main([]) == 1
    assert "[APP-02]" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="a pipe's end is told differently")
@pytest.mark.parametrize(
    "command", [["talk", "--json", "--fast", "--in", str(DEMO)], ["doctor", "--json"]]
)
def test_a_reader_that_leaves_ends_the_command_quietly(command: list[str], tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "desktop_voice", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"DESKTOP_VOICE_HOME": str(tmp_path)},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
    assert b"Traceback" not in errors
    assert b"Broken" not in errors
    assert process.returncode in (1, 130)
