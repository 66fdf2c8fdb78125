"""A call's clock: every 20 ms it carries sound both ways and measures what it carried."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from desktop_voice.audio.frames import FRAME_MS, Pcm
from desktop_voice.rehearsal.handset import Handset, audible
from desktop_voice.rehearsal.playout import Playout
from desktop_voice.rehearsal.silences import Silences

_REBASE_AFTER_S = 0.2
_NEW_VOICE_MS = 200
"""A voice after so much quiet begins anew."""


class CallClock:
    """Moves one call's sound on a monotonic clock; late ticks are caught up, long gaps are not."""

    def __init__(
        self, playout: Playout, handset: Handset, on_far_frame: Callable[[Pcm], None]
    ) -> None:
        self._playout = playout
        self._handset = handset
        self._on_far_frame = on_far_frame
        self._silences = Silences()
        self._app_quiet_ms = 0.0
        self._longest_app_quiet_ms = 0.0
        self._far_quiet_ms = float(_NEW_VOICE_MS)
        self._far_voice_began_s: float | None = None
        self._cleared_after_ms: list[int] = []
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

    def far_pressed(self) -> None:
        """The far end pressed a key: what comes is the app's turn."""
        self._silences.far_acted()

    def cleared(self) -> None:
        """The app dropped its sound: note how long after the far end began to speak."""
        if self._far_voice_began_s is not None:
            self._cleared_after_ms.append(int((time.monotonic() - self._far_voice_began_s) * 1000))
            self._far_voice_began_s = None

    def figures(self) -> dict[str, object]:
        """What the call's final report says of its sound."""
        return {
            **self._silences.figures(),
            "longest_app_silence_ms": int(self._longest_app_quiet_ms),
            **({"cleared_after_ms": self._cleared_after_ms} if self._cleared_after_ms else {}),
            **({"media": self.media} if self.media else {}),
        }

    def _tick(self) -> None:
        from_app = self._playout.draw()
        from_far, far_speaks = self._handset.tick(from_app)
        app_speaks = from_app is not None and audible(from_app)
        self._silences.tick(app_speaks=app_speaks, far_speaks=far_speaks)
        self._app_quiet_ms = 0.0 if app_speaks else self._app_quiet_ms + FRAME_MS
        self._longest_app_quiet_ms = max(self._longest_app_quiet_ms, self._app_quiet_ms)
        if far_speaks and self._far_quiet_ms >= _NEW_VOICE_MS:
            self._far_voice_began_s = time.monotonic()
        self._far_quiet_ms = 0.0 if far_speaks else self._far_quiet_ms + FRAME_MS
        self._on_far_frame(from_far)
