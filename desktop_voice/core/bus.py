"""The typed event bus: parts that do not know each other meet here."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from desktop_voice.core.events import Event

E = TypeVar("E", bound=Event)


class EventBus:
    """Delivers each event to the handlers of its type and of its base types.

    Every method may be called from any thread. A handler runs in the publisher's thread, at once,
    so it must be quick and must hand over by itself whatever belongs to another thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handlers: dict[type[Event], tuple[Callable[[Any], None], ...]] = {}

    def on(self, event_type: type[E], handler: Callable[[E], None]) -> Callable[[], None]:
        """Call ``handler`` for each event of ``event_type``; return a function that ends that."""
        with self._lock:
            self._handlers[event_type] = (*self._handlers.get(event_type, ()), handler)

        def unsubscribe() -> None:
            with self._lock:
                kept = tuple(h for h in self._handlers.get(event_type, ()) if h is not handler)
                self._handlers[event_type] = kept

        return unsubscribe

    def publish(self, event: Event) -> None:
        """Deliver ``event``; a handler's exception reaches the publisher."""
        for event_type in type(event).__mro__:
            for handler in self._handlers.get(event_type, ()):
                handler(event)
