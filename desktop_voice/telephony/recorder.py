"""The recorder: what is said on a call is stored first, and told to the world after that."""

from __future__ import annotations

import asyncio

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.storage.calls import CallStore
from desktop_voice.telephony.failures import as_error, tell


class Recorder:
    """Stands between one call's own bus and the app's; used on the media loop.

    Events pass in the order in which they were published. A turn reaches the app's bus only after
    its words were committed, so nothing that was shown can be lost.
    """

    def __init__(self, call_id: str, store: CallStore, bus: EventBus) -> None:
        self.bus = EventBus()
        """The call's own bus: what the pipeline publishes on."""
        self._call_id = call_id
        self._store = store
        self._app_bus = bus
        self._queue: asyncio.Queue[ev.Event | None] = asyncio.Queue()
        self._unsubscribe = self.bus.on(ev.Event, self._queue.put_nowait)
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Store and tell what is still waiting, then stop."""
        self._unsubscribe()
        self._queue.put_nowait(None)
        await self._task

    async def _run(self) -> None:
        while (event := await self._queue.get()) is not None:
            try:
                await self._keep(event)
            except Exception as error:  # noqa: BLE001 - the call goes on, and so does the record
                tell(self._app_bus, ev.ErrorRaised.of(as_error(error)))
            tell(self._app_bus, event)

    async def _keep(self, event: ev.Event) -> None:
        match event:
            case ev.UserTurn(text=text):
                await self._store.add_line(self._call_id, "caller", text)
            case ev.AssistantTurn(text=text, heard=heard):
                await self._store.add_line(self._call_id, "assistant", text, heard)
            case _:
                pass
