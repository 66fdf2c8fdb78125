"""A command at a terminal of its own, whose questions are answered; POSIX alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence


def at_a_terminal(arguments: Sequence[str], dialogue: Sequence[tuple[str, str]]) -> tuple[str, int]:
    """Run a command of the app, and answer each question when it is asked.

    Args:
        arguments: What follows “desktop-voice”.
        dialogue: Questions, as they end, and their answers.

    Returns:
        All that the terminal showed, and the exit status.
    """
    master, slave = os.openpty()
    command = ["setsid", "--ctty", "--wait", sys.executable, "-m", "desktop_voice", *arguments]
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave) as run:
        os.close(slave)
        shown = ""
        for question, answer in dialogue:
            asked = ""
            while question not in asked:
                text = _read(master)
                assert text, f"it ended before it asked “{question}”: {shown + asked}"
                asked += text
            shown += asked
            os.write(master, f"{answer}\n".encode())
        while text := _read(master):
            shown += text
        os.close(master)
    return shown, run.returncode


def _read(master: int) -> str:
    try:
        return os.read(master, 4096).decode(errors="replace")
    except OSError:
        return ""
