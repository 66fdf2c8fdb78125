"""A call's clock: every 20 ms it carries sound both ways and measures what it carried."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from desktop_voice.audio.frames import FRAME_MS, Pcm
from desktop_voice.rehearsal.handset import Handset, audible
from desktop_voice.rehearsal.playout import Playout

_REBASE_AFTER_S = 0.2


class CallClock:
    """Moves one call's sound on a monotonic clock; late ticks are caught up, long gaps are not."""

    def __init__(
        self, playout: Playout, handset: Handset, on_far_frame: Callable[[Pcm], None]
    ) -> None:
        self._playout = playout
        self._handset = handset
        self._on_far_frame = on_far_frame
        self._both_quiet_ms = 0.0
        self._app_quiet_ms = 0.0
        self._longest_both_quiet_ms = 0.0
        self._longest_app_quiet_ms = 0.0
        self.media: dict[str, object] = {}
        """Figures of a media stream, if there was one; written by whoever receives it."""

    async def run(self) -> None:
        """Tick until cancelled."""
        due_s = time.monotonic()
        while True:
            now_s = time.monotonic()
            if now_s - due_s > _REBASE_AFTER_S:
                due_s = now_s
            while due_s <= now_s:
                self._tick()
                due_s += FRAME_MS / 1000
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))

    def figures(self) -> dict[str, object]:
        """What the call's final report says of its sound."""
        return {
            "longest_silence_ms": int(self._longest_both_quiet_ms),
            "longest_app_silence_ms": int(self._longest_app_quiet_ms),
            **({"media": self.media} if self.media else {}),
        }

    def _tick(self) -> None:
        from_app = self._playout.draw()
        from_far, far_speaks = self._handset.tick(from_app)
        app_speaks = from_app is not None and audible(from_app)
        self._both_quiet_ms = 0.0 if app_speaks or far_speaks else self._both_quiet_ms + FRAME_MS
        self._app_quiet_ms = 0.0 if app_speaks else self._app_quiet_ms + FRAME_MS
        self._longest_both_quiet_ms = max(self._longest_both_quiet_ms, self._both_quiet_ms)
        self._longest_app_quiet_ms = max(self._longest_app_quiet_ms, self._app_quiet_ms)
        self._on_far_frame(from_far)
