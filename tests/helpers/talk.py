"""``desktop-voice talk`` over a recording, inside the test's own process."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from desktop_voice import cli

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TalkResult:
    """What the command printed: its exit status, its events and its complaints."""

    status: int
    events: list[JsonObject]
    errors: str

    def of(self, event_type: str) -> list[JsonObject]:
        """Return the events of one ``type``."""
        return [event for event in self.events if event["type"] == event_type]

    @property
    def heard(self) -> list[str]:
        """The user's turns."""
        return [str(event["text"]) for event in self.of("user_turn")]

    @property
    def said(self) -> str:
        """The assistant's turns, joined."""
        return " ".join(str(event["text"]) for event in self.of("assistant_turn"))


@dataclass(frozen=True, slots=True)
class Talker:
    """Runs the command with an app folder of its own."""

    home: Path
    capsys: pytest.CaptureFixture[str]

    def settings(self, toml: str) -> None:
        """Write the settings file."""
        folder = self.home / "config"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "settings.toml").write_text(toml, "utf-8")

    def __call__(self, recording: Path, *options: str) -> TalkResult:
        """Talk over ``recording``, as fast as it goes, and return what was printed."""
        with _logging_put_back():
            status = cli.main(["talk", "--in", str(recording), "--fast", "--json", *options])
        printed, errors = self.capsys.readouterr()
        return TalkResult(status, [json.loads(line) for line in printed.splitlines()], errors)


@contextmanager
def _logging_put_back() -> Iterator[None]:
    root, own = logging.getLogger(), logging.getLogger("desktop_voice")
    handlers, levels = list(root.handlers), (root.level, own.level)
    try:
        yield
    finally:
        for handler in [handler for handler in root.handlers if handler not in handlers]:
            root.removeHandler(handler)
            handler.close()
        root.setLevel(levels[0])
        own.setLevel(levels[1])
        structlog.reset_defaults()


def words(text: str) -> list[str]:
    """Return the lower-case words of ``text``."""
    return re.findall(r"[\w']+", text.lower().replace("’", "'").replace("-", " "))


def word_errors(heard: str, wanted: str) -> int:
    """Return how many words must be changed, added or removed to make the one the other."""
    a, b = words(heard), words(wanted)
    row = list(range(len(b) + 1))
    for i, word in enumerate(a, 1):
        above = row
        row = [i]
        for j, other in enumerate(b, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (word != other)))
    return row[-1]
