"""Silences: for how long nobody was heard on a call, and whose turn it was then."""

from __future__ import annotations

from typing import Literal

from desktop_voice.audio.frames import FRAME_MS

Side = Literal["answer", "far_end", "app"]

_WORTH_TELLING_MS = 1000


class Silences:
    """Measures one call's silences from the answer on, 20 ms at a time.

    After the answer and after anything that the far end said or pressed it is the app's turn: such
    a silence is owed. After the app's own words it is the far end's turn, or the app has broken
    off: the list tells, which has every silence of a second and more.
    """

    def __init__(self) -> None:
        self._quiet_ms = 0
        self._after: Side = "answer"
        self._now_ms = 0
        self._longest_ms = 0
        self._longest_owed_ms = 0
        self._told: list[dict[str, object]] = []

    def tick(self, *, app_speaks: bool, far_speaks: bool) -> None:
        """Take the next 20 ms."""
        if app_speaks or far_speaks:
            side: Side = "far_end" if far_speaks else "app"
            self._close(side)
            self._now_ms += FRAME_MS
            self._after = side
            return
        self._now_ms += FRAME_MS
        self._quiet_ms += FRAME_MS
        self._longest_ms = max(self._longest_ms, self._quiet_ms)
        if self._after != "app":
            self._longest_owed_ms = max(self._longest_owed_ms, self._quiet_ms)

    def far_acted(self) -> None:
        """The far end did something that is not heard: the app's turn begins now."""
        self._close("far_end")
        self._after = "far_end"

    def figures(self) -> dict[str, object]:
        """Return ``longest_silence_ms``, ``longest_owed_silence_ms`` and ``silences``.

        Each silence has ``after`` (``answer``, ``far_end`` or ``app``), ``before`` (``far_end``,
        ``app`` or ``end``), ``start_ms`` and ``ms``. Between two words of the app's, it broke off.
        """
        silences = list(self._told)
        if self._quiet_ms >= _WORTH_TELLING_MS:
            silences.append(self._silence("end"))
        return {
            "longest_silence_ms": self._longest_ms,
            "longest_owed_silence_ms": self._longest_owed_ms,
            "silences": silences,
        }

    def _close(self, before: Side) -> None:
        if self._quiet_ms >= _WORTH_TELLING_MS:
            self._told.append(self._silence(before))
        self._quiet_ms = 0

    def _silence(self, before: Side | Literal["end"]) -> dict[str, object]:
        return {
            "after": self._after,
            "before": before,
            "start_ms": self._now_ms - self._quiet_ms,
            "ms": self._quiet_ms,
        }
