"""Rehearsals: a whole call with the carrier on this machine, with nobody to pay."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from desktop_voice.agent.brain import Brain
from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import Call, CallMode, CarrierName, EndReason
from desktop_voice.core.clock import Clock
from desktop_voice.core.errors import CommandError, PhoneError
from desktop_voice.core.phone_settings import InboundPolicy, PipelineChoice
from desktop_voice.core.setting_types import SHORT_TEXT_CHARS
from desktop_voice.core.settings import Settings
from desktop_voice.rehearsal.process import RehearsalProcess
from desktop_voice.server.outside import Outside
from desktop_voice.server.phone_service import PhoneService
from desktop_voice.speech.engine_room import EngineRoom

PUBLIC_BASE = "https://rehearsal.localhost"
FAR_NUMBER = "+14155550147"
MESSAGE = "Your package will arrive tomorrow afternoon between two and four."
SCRIPT: tuple[Mapping[str, object], ...] = (
    {"say": "What time is it?"},
    {"say": "Okay, bye bye."},
)

_LONGEST_S = 600.0
_NEWS_S = 10.0
_GOOD_ENDS = frozenset(
    {EndReason.FAR_END_HUNG_UP, EndReason.WE_HUNG_UP, EndReason.MESSAGE_DELIVERED}
)


@dataclass(frozen=True, slots=True)
class RehearsalPlan:
    """What to rehearse.

    Attributes:
        recordings: What the far end says, each file one turn; empty: a short script.
        uses_microphone: The far end is a person at this machine.
        message: What is said first; to somebody who calls, as long as a greeting may be.

    Raises:
        CommandError: It is longer (``CLI-01``).
    """

    carrier: CarrierName
    is_outbound: bool = False
    mode: CallMode = CallMode.CONVERSATION
    pipeline: PipelineChoice = PipelineChoice.CASCADING
    recordings: tuple[Path, ...] = ()
    uses_microphone: bool = False
    message: str = ""

    def __post_init__(self) -> None:
        if not self.is_outbound and len(self.message.strip()) > SHORT_TEXT_CHARS:
            raise CommandError(
                "CLI-01",
                f"Somebody who calls is greeted with at most {SHORT_TEXT_CHARS} characters.",
                "Shorten --message, or add --outbound.",
            )


async def rehearse(
    plan: RehearsalPlan,
    settings: Settings,
    *,
    bus: EventBus,
    clock: Clock,
    room: EngineRoom,
    brain: Brain,
    on_report: Callable[[dict[str, Any]], None] = lambda _report: None,
    on_service: Callable[[PhoneService], None] = lambda _service: None,
) -> Call:
    """Hold a whole call and return it once it is over; used on the media loop.

    Nothing of it is kept: the calls are stored in a folder that is removed at the end.

    Args:
        plan: What to rehearse.
        settings: The user's; of the phone's only what the rehearsal leaves to them.
        bus: Gets the call's events.
        clock: The time.
        room: Loaded engines.
        brain: What answers.
        on_report: Gets what the carrier and the far end report.
        on_service: Gets the phone that serves the call, before it begins.

    Raises:
        PhoneError: The call did not come about, did not end well (``REHEARSE-10``), or the carrier
            caught the app at something that no carrier accepts (``REHEARSE-11``).
        CommandError: The carrier's process does not start.
    """
    over: asyncio.Future[Call] = asyncio.get_running_loop().create_future()
    loop = asyncio.get_running_loop()

    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="desktop-voice-")))
        carrier = await stack.enter_async_context(RehearsalProcess(on_report))
        name = plan.carrier.value
        service = PhoneService(
            _settings(settings, plan, carrier.card.numbers[name]),
            bus=bus,
            clock=clock,
            database=folder / "calls.db",
            room=room,
            brain=brain,
            outside=Outside(
                secret=lambda key: carrier.card.credentials[name].get(key, ""),
                api_bases={plan.carrier: carrier.card.api_base(name)},
                port=0,
                is_rehearsal=True,
            ),
        )
        stack.push_async_callback(service.close)
        await service.start()
        on_service(service)
        await carrier.tunnel(PUBLIC_BASE, f"http://127.0.0.1:{service.port}")

        def follow(event: ev.CallChanged) -> None:
            if not event.call.state.is_live and service.knows(event.call.id):
                loop.call_soon(settle, event.call)

        def settle(call: Call) -> None:
            if not over.done():
                over.set_result(call)

        stack.callback(bus.on(ev.CallChanged, follow))
        if plan.is_outbound:
            await carrier.far_end(FAR_NUMBER, **_far_end(plan))
            # The user started the rehearsal; the carrier on this machine reaches nobody else.
            message = plan.message or (MESSAGE if plan.mode is CallMode.NOTIFY else "")
            approval = await service.actions.request_call(
                FAR_NUMBER, plan.mode, message, "terminal", at_night=True
            )
            await service.actions.settle_approval(approval.id, True)
        else:
            await service.take_calls_of(carrier.card.numbers[name])
            await carrier.dial(name, FAR_NUMBER, stir="A", **_far_end(plan))
        try:
            async with asyncio.timeout(_LONGEST_S):
                await carrier.wait_for("call", state="ended", deadline_s=_LONGEST_S)
            async with asyncio.timeout(_NEWS_S):
                call = await over
        except TimeoutError:
            raise PhoneError(
                "REHEARSE-10",
                "The rehearsed call did not come to an end.",
                "Try again; if it happens again, see the log.",
                retryable=True,
            ) from None
        violations = [report for report in carrier.reports if report["type"] == "violation"]
    if violations:
        raise PhoneError(
            "REHEARSE-11",
            f"The carrier would not have accepted this: {violations[0]['what']}.",
            "Please report it with the log; calls through this carrier may fail.",
        )
    if call.reason not in _GOOD_ENDS:
        raise PhoneError(
            "REHEARSE-10",
            f"The rehearsed call did not end well. {call.reason.text} {call.detail}".rstrip(),
            "See the messages above; try another pipeline.",
            retryable=True,
        )
    return call


def _settings(settings: Settings, plan: RehearsalPlan, own_number: str) -> Settings:
    changes: dict[str, dict[str, object]] = {
        "phone": {
            "carrier": plan.carrier.value,
            "number": own_number,
            "public_url": PUBLIC_BASE,
            "pipeline": plan.pipeline.value,
        },
        "inbound": {
            "policy": InboundPolicy.ALLOWLIST.value,
            "allow_from": [FAR_NUMBER],
            "mode": plan.mode.value,
        },
        "limits": {
            "daily_calls": 1000,
            "daily_calls_per_number": 100,
            "daily_minutes": 1440,
            "quiet_from": "00:00",
            "quiet_until": "00:00",
            "home_region": "US",
        },
    }
    if plan.message and not plan.is_outbound:
        changes["phone"]["greeting"] = plan.message
    data = settings.model_dump()
    for section, values in changes.items():
        data[section].update(values)
    return Settings.model_validate(data)


def _far_end(plan: RehearsalPlan) -> dict[str, Any]:
    if plan.uses_microphone:
        return {"kind": "microphone"}
    if plan.recordings:
        return {"kind": "wav", "files": [str(path.absolute()) for path in plan.recordings]}
    if plan.mode is CallMode.NOTIFY:
        return {"kind": "silent"}
    return {"kind": "script", "steps": [dict(step) for step in SCRIPT]}
