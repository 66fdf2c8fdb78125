"""The real app with a tap on its bus: prints what happens and what it shows, takes typed input.

Run as ``python -m tests.helpers.tapped_app [--pictures FOLDER] [--voice FOLDER] [the app's
arguments]``. Prints one JSON object a line: every event as ``desktop-voice talk --json`` does;
``{"type": "shown"}`` for each new mood of the window, whose picture goes to the first folder;
``{"type": "window"}`` when the window is shown or hidden; ``{"type": "uttered"}`` for each clause
that the voice has made, whose sound goes to the second folder; ``{"type": "calls"}`` with what each
card of the calls page shows, at each of its changes. Each line of its input is typed into the
window and sent; an empty line is the Esc key, ``/rehearse CARRIER`` opens the calls page and picks
the carrier from the Rehearse menu, and ``/hang-up`` presses the first card's button.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import soundfile
from PySide6.QtCore import QEvent, QObject, QSocketNotifier, Qt, QTimer, Signal
from PySide6.QtTest import QTest

from desktop_voice import app
from desktop_voice.audio.frames import Pcm
from desktop_voice.core.bus import EventBus
from desktop_voice.core.event_json import event_to_json
from desktop_voice.core.events import AssistantTurn, CallChanged, Event, StateChanged
from desktop_voice.core.ports import AssistantControl, SettingsStore
from desktop_voice.speech import registry
from desktop_voice.speech.tts.espeak import ESpeak
from desktop_voice.ui.shell import Shell
from desktop_voice.ui.window import MainWindow

# The caption and the conversation may lay themselves out once more after a state has come.
_SETTLE_MS = 150


class Tap(QObject):
    """Follows one window; events arrive in any thread, everything else in the main thread."""

    _arrived = Signal(object)

    def __init__(self, bus: EventBus, window: MainWindow, pictures: Path | None) -> None:
        super().__init__()
        self._window = window
        self._pictures = pictures
        self._shown: tuple[object, ...] = ()
        self._arrived.connect(self._on_event)
        bus.on(Event, self._arrived.emit)
        self._notifier = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._read)
        self._settled = QTimer(self)
        self._settled.setSingleShot(True)
        self._settled.setInterval(_SETTLE_MS)
        self._settled.timeout.connect(self._show)
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Show, QEvent.Type.Hide):
            _print({"type": "window", "visible": event.type() is QEvent.Type.Show})
        return super().eventFilter(watched, event)

    def _on_event(self, event: Event) -> None:
        data = event_to_json(event)
        if data is not None:
            _print(data)
        if isinstance(event, (StateChanged, AssistantTurn)):
            self._settled.start()
        if isinstance(event, (CallChanged, AssistantTurn)):
            QTimer.singleShot(_SETTLE_MS, self._show_calls)

    def _show(self) -> None:
        page = self._window.assistant
        entries = [[entry.speaker, entry.text] for entry in page.conversation.entries]
        shown = (page.mood, entries)
        if shown == self._shown:
            return
        self._shown = shown
        if self._pictures is not None:
            theme = self._window.settings.current.general.theme
            self._window.grab().save(str(self._pictures / f"orb-{page.mood}-{theme}.png"))
        name = page.orb.accessibleName()
        _print({"type": "shown", "mood": page.mood, "name": name, "conversation": entries})

    def _show_calls(self) -> None:
        page = self._window.calls
        if page is None or not page.live.cards:
            return
        cards = [
            {
                "state": card.call.state.value,
                "words": [[entry.speaker, entry.text] for entry in card.view.entries],
            }
            for card in page.live.cards.values()
        ]
        if self._pictures is not None:
            theme = self._window.settings.current.general.theme
            name = f"call-{cards[0]['state']}-{theme}.png"
            self._window.grab().save(str(self._pictures / name))
        _print({"type": "calls", "cards": cards, "visible": page.isVisible()})

    def _command(self, line: str) -> None:
        page = self._window.calls
        assert page is not None
        if line == "/hang-up":
            next(iter(page.live.cards.values())).hang_up_button.click()
            return
        self._window.open_calls()
        menu = page.dial.rehearse.menu()
        carrier = line.split()[1].title()
        next(action for action in menu.actions() if action.text() == carrier).trigger()

    def _read(self) -> None:
        line = sys.stdin.readline()
        if not line:
            self._notifier.setEnabled(False)
            return
        field = self._window.assistant.line
        if line == "\n":
            QTest.keyClick(self._window, Qt.Key.Key_Escape)
            return
        if line.startswith("/"):
            self._command(line.strip())
            return
        field.setFocus()
        QTest.keyClicks(field, line.rstrip("\n"))
        QTest.keyClick(field, Qt.Key.Key_Return)


class KeptVoice(ESpeak):
    """The real voice; what it makes is written to a folder before it is played."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._numbers = count()

    def synthesise(self, text: str, *, voice: str, rate_wpm: int) -> Iterator[Pcm]:
        chunks = list(super().synthesise(text, voice=voice, rate_wpm=rate_wpm))
        wav = self._folder / f"uttered-{next(self._numbers)}.wav"
        soundfile.write(wav, np.concatenate(chunks), self.sample_rate_hz, subtype="PCM_16")
        _print({"type": "uttered", "text": text, "wav": str(wav)})
        yield from chunks


def _print(data: dict[str, object]) -> None:
    # In one piece: the voice's thread prints too.
    sys.stdout.write(f"{json.dumps(data)}\n")
    sys.stdout.flush()


def main() -> int:
    """Run the app; return its exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--voice", type=Path)
    parser.add_argument("--hidden", action="store_true")
    options = parser.parse_args()
    taps = []

    class TappedShell(Shell):
        def __init__(
            self,
            control: AssistantControl,
            bus: EventBus,
            settings_store: SettingsStore,
            **parts: Any,
        ) -> None:
            super().__init__(control, bus, settings_store, **parts)
            taps.append(Tap(bus, self.window, options.pictures))

        def start(self, *, hidden: bool) -> None:
            super().start(hidden=hidden)
            _print({"type": "started", "visible": self.window.isVisible()})

    with ExitStack() as patches:
        patches.enter_context(patch.object(app, "Shell", TappedShell))
        if options.voice is not None:
            kept = patch.object(registry, "load_tts", lambda _settings: KeptVoice(options.voice))
            patches.enter_context(kept)
        return app.run_app([], is_hidden=options.hidden)


if __name__ == "__main__":
    sys.exit(main())
