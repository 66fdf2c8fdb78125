"""The app with a probe in its main loop: prints when it painted and was armed, and how busy it was.

Run by the benchmarks as ``python -m benchmarks.probed_app [--hidden]``; ends when its input ends.
Times are of the monotonic clock, which all processes share.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any
from unittest.mock import patch

from PySide6.QtCore import QEvent, QObject, QSocketNotifier, Qt, QTimer, Signal

from desktop_voice import app
from desktop_voice.core.bus import EventBus
from desktop_voice.core.event_json import event_to_json
from desktop_voice.core.events import Event
from desktop_voice.core.ports import AssistantControl, SettingsStore
from desktop_voice.ui.shell import Shell

_TICK_MS = 2


class Probe(QObject):
    """Ticks every 2 ms: what comes late, came late because a turn of the loop took that long."""

    _arrived = Signal(object)

    def __init__(self, bus: EventBus, shell: Shell) -> None:
        super().__init__()
        self._bus = bus
        self._is_painted = False
        self._last_s = time.monotonic()
        self._turns_ms: list[float] = []
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._tick)
        shell.window.assistant.orb.installEventFilter(self)
        bus.on(Event, self._print_event)
        self._notifier = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._read)
        self._shell = shell

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """See the first painting of the window."""
        if event.type() is QEvent.Type.Paint and not self._is_painted:
            self._is_painted = True
            # The whole window has reached the display when the loop turns next.
            QTimer.singleShot(0, lambda: _print("painted"))
        return super().eventFilter(watched, event)

    def _print_event(self, event: Event) -> None:
        data = event_to_json(event)
        if data is not None:
            _print(**data)

    def _read(self) -> None:
        line = sys.stdin.readline().strip()
        if line == "start":
            self._turns_ms.clear()
            self._last_s = time.monotonic()
            self._timer.start()
        elif line == "report":
            self._timer.stop()
            _print("turns", turns_ms=[round(ms, 2) for ms in self._turns_ms])
        else:
            self._notifier.setEnabled(False)
            self._shell.quit_requested.emit()

    def _tick(self) -> None:
        now_s = time.monotonic()
        self._turns_ms.append(max(0.0, (now_s - self._last_s) * 1000 - _TICK_MS))
        self._last_s = now_s


def _print(type: str, **fields: object) -> None:  # noqa: A002
    print(json.dumps({"type": type, "at_s": time.monotonic()} | fields), flush=True)


def main() -> int:
    """Run the app; return its exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--hidden", action="store_true")
    options = parser.parse_args()
    probes = []

    class ProbedShell(Shell):
        def __init__(
            self,
            control: AssistantControl,
            bus: EventBus,
            settings_store: SettingsStore,
            **parts: Any,  # noqa: ANN401 - whatever the shell takes
        ) -> None:
            super().__init__(control, bus, settings_store, **parts)
            probes.append(Probe(bus, self))

    with patch.object(app, "Shell", ProbedShell):
        return app.run_app([], is_hidden=options.hidden)


if __name__ == "__main__":
    sys.exit(main())
