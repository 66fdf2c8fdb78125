"""A desktop's tray without a desktop: hosts one StatusNotifierItem and clicks in its menu.

Run as ``dbus-run-session -- python -m tests.helpers.tray_host LABEL PROGRAM...``: starts the
program, waits for its tray icon, prints its tool tip, clicks the menu entry ``LABEL`` and then
``Quit``, and ends with the program's exit code.
"""

# mypy: disable-error-code="valid-type,name-defined"

import asyncio
import sys
from typing import Any

from dbus_fast import BusType, PropertyAccess, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property

WATCHER = "org.kde.StatusNotifierWatcher"


class Watcher(ServiceInterface):
    """The part of a desktop that tray icons register with."""

    def __init__(self) -> None:
        super().__init__(WATCHER)
        self.registered: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @dbus_method()
    def RegisterStatusNotifierItem(self, service: "s"):  # type: ignore[no-untyped-def]  # noqa: F821, ANN201
        if not self.registered.done():
            self.registered.set_result(service)

    @dbus_method()
    def RegisterStatusNotifierHost(self, service: "s"):  # type: ignore[no-untyped-def]  # noqa: F821, ANN201
        pass

    @dbus_property(access=PropertyAccess.READ)
    def IsStatusNotifierHostRegistered(self) -> "b":  # noqa: F821
        return True

    @dbus_property(access=PropertyAccess.READ)
    def RegisteredStatusNotifierItems(self) -> "as":  # noqa: F722
        return []

    @dbus_property(access=PropertyAccess.READ)
    def ProtocolVersion(self) -> "i":  # noqa: F821
        return 0


async def interface(bus: MessageBus, service: str, path: str, name: str) -> Any:
    node = await bus.introspect(service, path)
    return bus.get_proxy_object(service, path, node).get_interface(name)


async def click(menu: Any, label: str) -> None:
    _revision, (_id, _properties, children) = await menu.call_get_layout(0, -1, ["label"])
    for child in children:
        entry, properties, _children = child.value
        if "label" in properties and properties["label"].value.replace("_", "") == label:
            await menu.call_event(entry, "clicked", Variant("s", ""), 0)
            return
    raise LookupError(label)


async def host(label: str, program: list[str]) -> int:
    bus = await MessageBus(bus_type=BusType.SESSION).connect()
    watcher = Watcher()
    bus.export("/StatusNotifierWatcher", watcher)
    await bus.request_name(WATCHER)
    process = await asyncio.create_subprocess_exec(*program)
    service = await asyncio.wait_for(watcher.registered, 40)
    item = await interface(bus, service, "/StatusNotifierItem", "org.kde.StatusNotifierItem")
    tip = await item.get_tool_tip()
    print("tip:", tip[2], flush=True)  # noqa: T201
    path = await item.get_menu()
    menu = await interface(bus, service, path, "com.canonical.dbusmenu")
    await click(menu, label)
    await click(menu, "Quit")
    return await asyncio.wait_for(process.wait(), 40)


if __name__ == "__main__":
    sys.exit(asyncio.run(host(sys.argv[1], sys.argv[2:])))
