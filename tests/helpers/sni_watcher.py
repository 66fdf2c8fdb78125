"""A session bus of its own with a tray on it, where there is no desktop: finds and drives icons."""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

_WAIT_S = 20.0


def session_bus_or_skip() -> None:
    """Skip the test that asks where there can be no session bus."""
    pytest.importorskip("dbus_fast", reason="no session bus: dbus-fast is not installed")
    if shutil.which("dbus-daemon") is None:
        pytest.skip("no session bus: dbus-daemon is not installed")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a tray menu."""

    id: int
    label: str
    is_checked: bool


class TrayIcon:
    """A StatusNotifierItem as a desktop sees it, with its menu (``com.canonical.dbusmenu``)."""

    def __init__(self, item: Any, menu: Any) -> None:
        self._item = item
        self._menu = menu

    async def tool_tip(self) -> str:
        """Return the text that the desktop shows for the icon."""
        return str((await self._item.get_tool_tip())[2])

    async def entries(self) -> list[Entry]:
        """Return the menu as it is now, without separators."""
        names = ["label", "toggle-state"]
        _revision, (_id, _properties, children) = await self._menu.call_get_layout(0, -1, names)
        entries = []
        for child in children:
            number, properties, _children = child.value
            values = {name: variant.value for name, variant in properties.items()}
            if values.get("label"):
                label = str(values["label"]).replace("_", "")
                entries.append(Entry(number, label, values.get("toggle-state") == 1))
        return entries

    async def entry(self, label: str) -> Entry:
        """Return the entry with this label.

        Raises:
            LookupError: There is none.
        """
        for entry in await self.entries():
            if entry.label == label:
                return entry
        raise LookupError(label)

    async def click(self, label: str) -> None:
        """Click an entry."""
        from dbus_fast import Variant

        entry = await self.entry(label)
        await self._menu.call_event(entry.id, "clicked", Variant("s", ""), 0)


class Tray:
    """The desktop's side: icons register with it. Programs find the bus by :attr:`env`."""

    def __init__(self, address: str, bus: Any, registered: asyncio.Future[str]) -> None:
        self.env = {"DBUS_SESSION_BUS_ADDRESS": address}
        self._bus = bus
        self._registered = registered

    async def icon(self) -> TrayIcon:
        """Return the first icon that registers, waiting for it."""
        service = await asyncio.wait_for(asyncio.shield(self._registered), _WAIT_S)
        item = await self._interface(service, "/StatusNotifierItem", "org.kde.StatusNotifierItem")
        path = await item.get_menu()
        return TrayIcon(item, await self._interface(service, path, "com.canonical.dbusmenu"))

    async def _interface(self, service: str, path: str, name: str) -> Any:
        node = await self._bus.introspect(service, path)
        return self._bus.get_proxy_object(service, path, node).get_interface(name)


@asynccontextmanager
async def tray() -> AsyncIterator[Tray]:
    """Run a session bus with a tray for as long as the context lasts."""
    from dbus_fast.aio import MessageBus

    from tests.helpers.tray_host import WATCHER, Watcher

    daemon = await asyncio.create_subprocess_exec(
        *("dbus-daemon", "--session", "--nofork", "--print-address=1"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert daemon.stdout is not None
    try:
        address = (await asyncio.wait_for(daemon.stdout.readline(), _WAIT_S)).decode().strip()
        bus = await MessageBus(bus_address=address).connect()
        try:
            watcher = Watcher()
            bus.export("/StatusNotifierWatcher", watcher)
            await bus.request_name(WATCHER)
            yield Tray(address, bus, watcher.registered)
        finally:
            bus.disconnect()
    finally:
        daemon.terminate()
        await daemon.wait()
