"""Reports: what happens on the rehearsal's network, as JSON-ready objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Report = dict[str, object]


class Reporter:
    """Gives every report to one sink; used from the event loop only."""

    def __init__(self, sink: Callable[[Report], None]) -> None:
        self._sink = sink

    def report(self, kind: str, fields: Mapping[str, object] | None = None) -> None:
        """Report an event; ``kind`` becomes its ``type``."""
        self._sink({"type": kind, **(fields or {})})

    def violation(self, carrier: str, what: str) -> None:
        """Report that the app did something that the real carrier refuses or misunderstands."""
        self.report("violation", {"carrier": carrier, "what": what})
