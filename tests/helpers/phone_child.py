"""Phones in processes of their own, to be killed: each prints what its user would see.

``python -m tests.helpers.phone_child`` reads orders as JSON lines from standard input and forks a
phone for each ``start``, so that a phone begins within milliseconds. All that a phone tells is a
JSON line with its number, written at once and whole, on the one standard output.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Literal

import structlog

from desktop_voice.agent.alarms import Alarms
from desktop_voice.agent.brain import Brain
from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import CallMode, CarrierName
from desktop_voice.core.clock import SystemClock
from desktop_voice.core.event_json import event_to_json
from desktop_voice.core.settings import Settings
from desktop_voice.server.outside import Outside
from desktop_voice.server.phone_service import PhoneService
from desktop_voice.speech.engine_room import EngineRoom
from tests.helpers.phone_lab import lab_settings

SHOWN = ("user_turn", "assistant_turn", "call")
"""What the user sees of a call, and may rely on from then on."""

Role = Literal["calls", "is_called", "tidies_up"]


@dataclass(frozen=True)
class ChildPlan:
    """What a phone is and does.

    Attributes:
        child: Its number.
        role: Whether it calls ``far``, waits for a call of theirs, or only starts and ends once
            nothing of a former run is left.
        own: The account's number.
        home: Where its files are.
    """

    child: int
    role: Role
    carrier: str
    api_base: str
    credentials: dict[str, str]
    own: str
    far: str
    public_base: str
    home: str

    def line(self) -> str:
        """Return the order that starts it."""
        return json.dumps({"do": "start", **asdict(self)})


def _tell(child: int, kind: str, fields: Mapping[str, Any] | None = None) -> None:
    line = json.dumps({"child": child, "type": kind, **(fields or {})}) + "\n"
    # One write of so few bytes into a pipe is whole or not at all, whoever else writes.
    assert len(line) < 4096
    os.write(sys.stdout.fileno(), line.encode())


class _Phone:
    """One phone, in its own process."""

    def __init__(self, plan: ChildPlan, brain: Brain, go: int) -> None:
        self._plan = plan
        self._go = go
        self._brain = brain
        self._changed = asyncio.Event()

    async def live(self) -> None:
        """Do what the plan says."""
        plan, bus, clock = self._plan, EventBus(), SystemClock()
        carrier = CarrierName(plan.carrier)
        service = PhoneService(
            child_settings(plan),
            bus=bus,
            clock=clock,
            database=Path(plan.home) / "calls.db",
            room=EngineRoom(),
            brain=self._brain,
            outside=Outside(
                secret=lambda key: plan.credentials.get(key, ""),
                api_bases={carrier: plan.api_base},
                port=0,
            ),
        )
        bus.on(ev.Event, self._show)
        await service.start()
        _tell(plan.child, "ready", {"port": service.port})
        if plan.role == "tidies_up":
            while any(call.state.is_live for call in await service.actions.history()):
                self._changed.clear()
                await self._changed.wait()
            _tell(plan.child, "tidy")
            await self._told_to_go()
            await service.close()
            _tell(plan.child, "closed")
            return
        await self._told_to_go()
        if plan.role == "is_called":
            await service.take_calls_of(plan.own)
            _tell(plan.child, "takes_calls")
        else:
            actions = service.actions
            approval = await actions.request_call(
                plan.far, CallMode.CONVERSATION, "", "terminal", at_night=True
            )
            _tell(plan.child, "asked")
            await actions.settle_approval(approval.id, True)
        await asyncio.Event().wait()

    def _show(self, event: ev.Event) -> None:
        self._changed.set()
        data = event_to_json(event)
        if data is not None and data["type"] in (*SHOWN, "error"):
            _tell(self._plan.child, data.pop("type"), data)

    async def _told_to_go(self) -> None:
        told = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(self._go, told.set)
        await told.wait()
        loop.remove_reader(self._go)
        os.read(self._go, 1)


def child_settings(plan: ChildPlan) -> Settings:
    """Return short words, no engines of its own, and calls of ``far`` alone."""
    return lab_settings(
        CarrierName(plan.carrier),
        plan.own,
        phone__public_url=plan.public_base,
        phone__pipeline="gather",
        phone__greeting="Hello.",
        phone__disclosure=False,
        inbound__allow_from=[plan.far],
    )


class _Nursery:
    """Forks phones, tells them to go on, kills them. One thread: nothing else runs at a fork."""

    def __init__(self) -> None:
        clock = SystemClock()
        alarms = Alarms(Path(mkdtemp()) / "alarms.json", clock=clock)
        self._brain = Brain(Settings().model, clock=clock, alarms=alarms)
        asyncio.run(self._brain.warm_up())
        self._children: dict[int, tuple[int, int]] = {}

    def run(self) -> None:
        """Obey until standard input closes; then nobody is left."""
        _tell(0, "nursery")
        for line in sys.stdin:
            order = json.loads(line)
            do, child = order.pop("do"), order["child"]
            if do == "start":
                self._start(ChildPlan(**order))
            elif do == "go":
                os.write(self._children[child][1], b"g")
            elif do == "kill":
                self._kill(child)
                _tell(child, "killed")
        for child in list(self._children):
            self._kill(child)

    def _start(self, plan: ChildPlan) -> None:
        go, tell_go = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                asyncio.run(_Phone(plan, self._brain, go).live())
            except BaseException:
                _tell(plan.child, "failed", {"why": traceback.format_exc()[-2000:]})
                raise
            finally:
                os._exit(0)
        os.close(go)
        self._children[plan.child] = (pid, tell_go)

    def _kill(self, child: int) -> None:
        pid, tell_go = self._children.pop(child)
        # Not reaped before this, so the id is still this process's.
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(tell_go)


if __name__ == "__main__":
    # Standard output is for what the user sees.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    for carrier in CarrierName:
        # Read in before the first fork, so that no phone has to.
        import_module(f"desktop_voice.telephony.carriers.{carrier}")
    _Nursery().run()
