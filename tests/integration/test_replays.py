"""Replays of genuine webhooks in disguise, through the whole service: one effect, one answer."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import aiohttp
import pytest

from desktop_voice.agent.alarms import Alarms
from desktop_voice.agent.brain import Brain
from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import Call, CallMode, CarrierName, Direction, TranscriptLine
from desktop_voice.core.clock import SystemClock
from desktop_voice.core.settings import Settings
from desktop_voice.rehearsal.process import RehearsalProcess
from desktop_voice.server.outside import Outside
from desktop_voice.server.phone_service import PhoneService
from desktop_voice.speech.engine_room import EngineRoom
from tests.helpers.phone_lab import FAR_NUMBER, lab_settings
from tests.helpers.proxy import Got, Headers, Pass, Sent, post, proxy

AT_ONCE = 50
OF_EACH = 120
"""Replays in each disguise of each carrier."""
LONG = "I am going to read you something that takes quite a while to say. " * 15
"""While the carrier reads it, nothing happens on a call."""
FAR_END: dict[str, Any] = {
    "kind": "script",
    "transcribe": False,
    "after": "stay",
    "gap_ms": 400,
    "steps": [{"say": "What time is it?"}],
}
SIGNATURES = ("x-twilio-signature", "telnyx-signature-ed25519", "x-plivo-signature-v3")
MOVED = "https://moved.localhost"


class LateClock(SystemClock):
    """The machine's clock, or a later one."""

    def __init__(self) -> None:
        self.late_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.late_s

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.late_s)


@dataclass
class Phone:
    """A phone on the rehearsal carrier, with a tap on each wire; it may be restarted.

    Attributes:
        taken: Every genuine webhook that was answered well, with its answer.
        asked: How often the carrier's interface was asked for anything.
        shown: What the user saw.
    """

    carrier: CarrierName
    folder: Path
    rehearsal: RehearsalProcess
    brain: Brain
    clock: LateClock = field(default_factory=LateClock)
    taken: list[tuple[Sent, Got]] = field(default_factory=list)
    replays: Counter[str] = field(default_factory=Counter)
    asked: int = 0
    shown: list[ev.Event] = field(default_factory=list)
    _service: PhoneService | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _delivering: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def service(self) -> PhoneService:
        assert self._service is not None
        return self._service

    @property
    def base(self) -> str:
        return f"https://{self.carrier}.localhost"

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.service.port}"

    async def tap_webhook(self, sent: Sent, send: Pass) -> Got:
        """Deliver a genuine webhook fifty times at once."""
        # One after another: the listener drops strangers when there are many more.
        async with self._delivering:
            answers = await asyncio.gather(*(send(sent) for _ in range(AT_ONCE)))
        assert len(set(answers)) == 1
        self.replays["fifty at once"] += AT_ONCE - 1
        if answers[0].status == 200:
            self.taken.append((sent, answers[0]))
        return answers[0]

    async def tap_rest(self, sent: Sent, send: Pass) -> Got:
        """Count what the carrier is asked."""
        self.asked += 1
        return await send(sent)

    @asynccontextmanager
    async def running(self, rest_origin: str) -> AsyncIterator[None]:
        """Serve until the end of the block."""
        bus = EventBus()
        bus.on(ev.Event, self._on_event)
        name, card = self.carrier.value, self.rehearsal.card
        self._service = PhoneService(
            self._settings(),
            bus=bus,
            clock=self.clock,
            database=self.folder / "calls.db",
            room=EngineRoom(),
            brain=self.brain,
            outside=Outside(
                secret=lambda key: card.credentials[name].get(key, ""),
                api_bases={self.carrier: f"{rest_origin}/{name}"},
                port=0,
            ),
        )
        await self._service.start()
        try:
            yield
        finally:
            await self._service.close()

    async def until(self, accepts: Callable[[ev.Event], bool]) -> ev.Event:
        """Return the first event that is accepted, past or to come."""
        async with asyncio.timeout(60):
            while True:
                for event in self.shown:
                    if accepts(event):
                        return event
                self._news.clear()
                await self._news.wait()

    async def effects(self) -> tuple[list[Call], list[TranscriptLine], int, int, int]:
        """Return all that a webhook can change."""
        actions = self.service.actions
        calls = await actions.history()
        lines = [line for call in calls for line in await actions.transcript(call.id)]
        mine = [r for r in self.rehearsal.reports if r.get("carrier") == self.carrier.value]
        said = sum(report["type"] in ("carrier_said", "call") for report in mine)
        return calls, lines, len(self.shown), self.asked, said

    def _on_event(self, event: ev.Event) -> None:
        if isinstance(event, ev.CallChanged | ev.UserTurn | ev.AssistantTurn | ev.ErrorRaised):
            self.shown.append(event)
            self._news.set()

    def _settings(self) -> Settings:
        number = self.rehearsal.card.numbers[self.carrier.value]
        return lab_settings(
            self.carrier, number, phone__public_url=self.base, phone__pipeline="gather"
        )


# --- disguises: what is sent instead of what was captured, and whether it is still genuine ---


def with_header(sent: Sent, change: Callable[[str, str], tuple[str, str]]) -> Sent:
    return replace(sent, headers=tuple(change(k, v) for k, v in sent.headers))


def other_base64(signature: str) -> str:
    other = signature.replace("+", "-").replace("/", "_")
    return other if other != signature else signature.replace("=", "")


def in_base64url(sent: Sent) -> Sent:
    def change(name: str, value: str) -> tuple[str, str]:
        if name.lower() not in SIGNATURES:
            return name, value
        # Plivo sends two signatures while a token is being exchanged.
        return name, ",".join(other_base64(one) for one in value.split(","))

    return with_header(sent, change)


def reordered(sent: Sent) -> Sent:
    """Reverse the headers and the body's fields."""
    headers = sent.headers[::-1]
    if sent.body.startswith(b"{"):
        backwards = dict(reversed(json.loads(sent.body).items()))
        return replace(sent, headers=headers, body=json.dumps(backwards).encode())
    fields = parse_qsl(sent.body.decode(), keep_blank_values=True)
    return replace(sent, headers=headers, body=urlencode(fields[::-1]).encode())


def with_query_reordered(sent: Sent) -> Sent:
    path, mark, query = sent.path.partition("?")
    return replace(sent, path=path + mark + "&".join(query.split("&")[::-1]))


def in_upper_case(sent: Sent) -> Sent:
    return with_header(sent, lambda name, value: (name.upper(), value))


def with_unsigned_headers(sent: Sent) -> Sent:
    more: Headers = (
        ("I-Twilio-Idempotency-Token", "another"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-For", "203.0.113.7"),
        ("X-Original-Url", "/api/voice/webhook/twilio?call=1"),
    )
    return replace(sent, headers=(*sent.headers, *more))


def to_the_moved_base(sent: Sent) -> Sent:
    host = MOVED.removeprefix("https://")
    return with_header(sent, lambda k, v: (k, host) if k.lower() == "host" else (k, v))


def as_it_was(sent: Sent) -> Sent:
    return sent


TWILIO, TELNYX, PLIVO = CarrierName
EVERY, NONE = frozenset(CarrierName), frozenset[CarrierName]()
# Its name, what it makes of a webhook, and whose signature still fits it.
LIVE = (
    ("in base64url", in_base64url, NONE),
    ("fields and headers reordered", reordered, frozenset({TWILIO, PLIVO})),
    ("query reordered", with_query_reordered, frozenset({TELNYX, PLIVO})),
    ("header names in upper case", in_upper_case, EVERY),
    ("unsigned headers added", with_unsigned_headers, EVERY),
)
AFTER_A_MOVE = (
    ("to the former base", as_it_was, EVERY),
    # Telnyx does not sign the address.
    ("to the new base", to_the_moved_base, frozenset({TELNYX})),
)
Disguises = Sequence[tuple[str, Callable[[Sent], Sent], frozenset[CarrierName]]]


async def replay(phone: Phone, session: aiohttp.ClientSession, disguises: Disguises) -> None:
    """Send what was captured in every disguise: the same bytes or a refusal, and no effect."""
    before = await phone.effects()
    webhooks = list(phone.taken)
    for name, disguise, genuine in disguises:
        for sent, got in islice(cycle(webhooks), OF_EACH):
            disguised = disguise(sent)
            if disguised == sent and disguise is not as_it_was:
                # There is nothing to reorder in a query of one field or none.
                assert disguise is with_query_reordered
                continue
            answer = await post(session, phone.origin, disguised)
            phone.replays[name] += 1
            if phone.carrier in genuine:
                assert answer == got, name
            else:
                assert (answer.status, answer.body) == (403, b""), name
    assert phone.taken == webhooks
    assert await phone.effects() == before


async def one_carrier(phone: Phone) -> None:
    """Hold a call whose webhooks come fifty times each, then replay them all."""
    rehearsal, name = phone.rehearsal, phone.carrier.value
    async with AsyncExitStack() as stack:
        port = rehearsal.card.port
        rest = await stack.enter_async_context(
            proxy(lambda: f"http://127.0.0.1:{port}", phone.tap_rest)
        )
        webhooks = await stack.enter_async_context(proxy(lambda: phone.origin, phone.tap_webhook))
        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
        )
        await rehearsal.tunnel(phone.base, webhooks)
        async with phone.running(rest):
            actions = phone.service.actions
            approval = await actions.request_call(
                FAR_NUMBER, CallMode.CONVERSATION, "", "terminal", at_night=True
            )
            call = await actions.settle_approval(approval.id, True)
            assert call is not None
            await phone.service.take_calls_of(rehearsal.card.numbers[name])
            await rehearsal.dial(name, FAR_NUMBER, stir="A", **FAR_END)
            came_in = await phone.until(
                lambda event: (
                    isinstance(event, ev.CallChanged) and event.call.direction is Direction.INBOUND
                )
            )
            assert isinstance(came_in, ev.CallChanged)
            await asyncio.gather(
                *(until_it_reads(phone, id_) for id_ in (call.id, came_in.call.id))
            )
            # Fifty deliveries of each webhook have led to one conversation a call.
            assert [type(event) for event in phone.shown].count(ev.UserTurn) == 2
            said = [r for r in rehearsal.reports if r["type"] == "carrier_said"]
            assert [r["carrier"] for r in said].count(name) == 6
            assert len(phone.taken) >= 7

            await replay(phone, session, LIVE)
            phone.service.set_public_base(MOVED)
            await replay(phone, session, AFTER_A_MOVE)
            # Calls that go on were given the former base: it holds for longer than five minutes.
            phone.clock.late_s = 301.0
            sent, got = phone.taken[0]
            answer = await post(session, phone.origin, sent)
            assert answer == got or (phone.carrier is TELNYX and answer.status == 403)
            phone.clock.late_s = 0.0
            phone.service.set_public_base(phone.base)
            assert len(await actions.live_calls()) == 2
        async with phone.running(rest):
            await replay(phone, session, [("after a restart", as_it_was, EVERY)])
            phone.clock.late_s = 301.0
            still = EVERY - {TELNYX}
            await replay(phone, session, [("after 301 seconds", as_it_was, still)])


async def until_it_reads(phone: Phone, call_id: str) -> None:
    """Have something long read on a call, once the far end has spoken and was answered."""
    rehearsal, actions = phone.rehearsal, phone.service.actions
    await phone.until(lambda event: isinstance(event, ev.UserTurn) and event.line == call_id)
    ref = (await actions.call(call_id)).carrier_ref
    for _greeting_and_answer in range(2):
        await rehearsal.wait_for("carrier_said", ref=ref)
    await actions.speak(call_id, LONG)
    await rehearsal.wait_for("carrier_said", ref=ref, text=LONG.strip())
    if phone.carrier is TELNYX:
        # It tells when each speech begins and when the two that are over ended; then of nothing.
        for event in ("started", "started", "started", "ended", "ended"):
            await rehearsal.wait_for("webhook", ref=ref, event=f"call.speak.{event}")


@pytest.mark.timeout(120)
async def test_a_thousand_replays_in_disguise_have_no_second_effect(tmp_path: Path) -> None:
    clock = SystemClock()
    brain = Brain(
        Settings().model, clock=clock, alarms=Alarms(tmp_path / "alarms.json", clock=clock)
    )
    async with RehearsalProcess() as rehearsal:
        await brain.warm_up()
        await rehearsal.far_end(FAR_NUMBER, **FAR_END)
        phones = []
        for carrier in CarrierName:
            folder = tmp_path / carrier.value
            folder.mkdir()
            phones.append(Phone(carrier, folder, rehearsal, brain))
        await asyncio.gather(*(one_carrier(phone) for phone in phones))
    await brain.close()
    for phone in phones:
        assert sum(phone.replays.values()) >= 1000
        # The addresses that Telnyx is given have a query of one field, which has no other order.
        assert len(phone.replays) == (9 if phone.carrier is TELNYX else 10)
