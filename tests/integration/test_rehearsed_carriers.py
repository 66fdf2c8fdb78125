"""Twilio's and Plivo's modules against the rehearsal carrier, which shares no line with them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from desktop_voice.core.calls import CarrierName, EndReason
from desktop_voice.core.clock import SystemClock
from desktop_voice.dialogue.lines.media_socket import MediaAudio, MediaMark
from desktop_voice.rehearsal.process import RehearsalProcess
from desktop_voice.telephony import addresses
from desktop_voice.telephony.carriers.carrier import (
    Capability,
    Carrier,
    CarrierEvent,
    CarrierEventKind,
    PlaceOrder,
    RemoteState,
    StreamStart,
    WebhookRequest,
)
from desktop_voice.telephony.carriers.catalogue import make_carrier
from desktop_voice.telephony.steps import (
    ConnectStream,
    Gather,
    HangUp,
    Redirect,
    Reject,
    Say,
    Step,
)

BASE = "https://rehearsal.localhost"
CALLEE, CALLER = "+14155550187", "+14155550123"
CALL_ID = "01ab"

pytestmark = pytest.mark.timeout(60)
Kind = CarrierEventKind
Answer = Callable[[CarrierEvent], Sequence[Step]]


@dataclass
class App:
    """As little of an app as a carrier needs: it verifies, understands, and answers."""

    carrier: Carrier
    rehearsal: RehearsalProcess
    answer: Answer = lambda _: (HangUp(),)
    events: list[CarrierEvent] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    starts: list[StreamStart] = field(default_factory=list)
    heard: list[object] = field(default_factory=list)

    @property
    def own_number(self) -> str:
        return self.rehearsal.card.numbers[self.carrier.name]

    def url(self, what: addresses.What, turn: str = "") -> str:
        return addresses.at(addresses.call_webhook(BASE, self.carrier.name, CALL_ID), what, turn)

    def order(self, *, detect_machine: bool = False) -> PlaceOrder:
        hook = addresses.call_webhook(BASE, self.carrier.name, CALL_ID)
        return PlaceOrder(CALL_ID, CALLEE, self.own_number, hook, 20, 60, detect_machine)

    async def on_webhook(self, request: web.Request) -> web.Response:
        received = await _as_received(request)
        self.carrier.verify(received)
        event = self.carrier.parse(received)
        reply = self.carrier.reply(self.answer(event) if event.wants_steps else ())
        async with self.news:
            self.events.append(event)
            self.news.notify_all()
        return web.Response(
            body=reply.body, status=reply.status, headers={"Content-Type": reply.content_type}
        )

    async def on_stream(self, request: web.Request) -> web.WebSocketResponse:
        """Play a second of a tone, wait until it was heard, and hang up the stream."""
        self.carrier.verify_upgrade(await _as_received(request))
        dialect = self.carrier.dialect()
        socket = web.WebSocketResponse(protocols=dialect.subprotocols)
        await socket.prepare(request)
        start = None
        while start is None:
            start = dialect.start(json.loads(await socket.receive_str()))
        self.starts.append(start)
        for _ in range(25):
            await socket.send_str(dialect.audio(bytes(range(160))))
        await socket.send_str(dialect.mark("done"))
        while not isinstance(event := dialect.event(await socket.receive_json()), MediaMark):
            self.heard.append(event)
        await socket.send_str(dialect.clear())
        self.heard.append(event)
        await socket.close()
        return socket

    async def wait_for(self, kind: CarrierEventKind, what: str = "") -> CarrierEvent:
        async with asyncio.timeout(20), self.news:
            while True:
                for event in self.events:
                    if event.kind is kind and (not what or event.text == what):
                        return event
                await self.news.wait()


async def _as_received(request: web.Request) -> WebhookRequest:
    names = {name.lower() for name in request.headers}
    headers = {name: tuple(request.headers.getall(name)) for name in names}
    return WebhookRequest(
        request.method, f"{BASE}{request.raw_path}", headers, await request.read()
    )


@pytest.fixture(scope="module", params=[CarrierName.TWILIO, CarrierName.PLIVO])
def name(request: pytest.FixtureRequest) -> CarrierName:
    found: CarrierName = request.param
    return found


@pytest.fixture
async def app(name: CarrierName) -> AsyncIterator[App]:
    async with RehearsalProcess() as rehearsal:
        entries = rehearsal.card.credentials[name]
        carrier = make_carrier(
            name,
            lambda entry: entries.get(entry, ""),
            clock=SystemClock(),
            api_base=rehearsal.card.api_base(name),
        )
        app = App(carrier, rehearsal)
        server = web.Application()
        server.router.add_post(addresses.webhook_path(name), app.on_webhook)
        server.router.add_get("/call/stream/{ticket}", app.on_stream)
        async with TestServer(server, host="127.0.0.1") as served:
            await rehearsal.tunnel(BASE, f"http://127.0.0.1:{served.port}")
            yield app
        await carrier.close()
        violations = [r["what"] for r in rehearsal.reports if r["type"] == "violation"]
        assert [what for what in violations if "refused: 401" not in what] == []


async def test_a_conversation_by_gather(app: App) -> None:
    def answer(event: CarrierEvent) -> Sequence[Step]:
        match event.kind:
            case Kind.ANSWERED:
                return [Gather("Who is it?", "t1", app.url("gather", "t1"), app.url("silence"))]
            case Kind.SPEECH | Kind.DIGITS:
                return [Say("One moment."), Redirect(app.url("poll"))]
            case _:
                return [Say("Goodbye."), HangUp()]

    app.answer = answer
    await app.rehearsal.far_end(
        CALLEE, kind="script", steps=[{"say": "hello there"}], transcribe=False
    )
    ref = await app.carrier.place(app.order())
    speech = await app.wait_for(Kind.SPEECH)
    assert "hello" in speech.text.lower()
    assert (speech.turn, speech.call_id) == ("t1", CALL_ID)
    await app.wait_for(Kind.CONTINUE)
    assert (await app.wait_for(Kind.ENDED)).call_id == CALL_ID
    assert (await app.carrier.fetch(speech.carrier_ref)).state is RemoteState.ENDED
    await app.carrier.hang_up(ref)


async def test_a_stream_is_opened_heard_and_followed_by_further_steps(app: App) -> None:
    def answer(event: CarrierEvent) -> Sequence[Step]:
        if event.kind is Kind.ANSWERED:
            url = addresses.stream_url(BASE, "a-ticket_0")
            return [
                ConnectStream(url, "a-ticket_0", app.url("stream")),
                Redirect(app.url("after_stream")),
            ]
        return [HangUp()]

    app.answer = answer
    await app.rehearsal.far_end(CALLEE, kind="silent")
    await app.carrier.place(app.order())
    await app.wait_for(Kind.CONTINUE)
    answered = await app.wait_for(Kind.ANSWERED)
    await app.wait_for(Kind.STREAM_STARTED)
    await app.wait_for(Kind.STREAM_ENDED)
    await app.wait_for(Kind.ENDED)
    (start,) = app.starts
    assert start.carrier_ref == answered.carrier_ref
    assert start.account == app.carrier.account_ref
    assert app.heard[-1] == MediaMark("done")
    assert any(isinstance(event, MediaAudio) for event in app.heard)


async def test_a_create_whose_answer_was_lost_is_one_call(app: App) -> None:
    await app.rehearsal.far_end(CALLEE, kind="silent", ring_ms=5000)
    await app.rehearsal.fault(app.carrier.name, "rest:create", "lost_reply")
    ref = await app.carrier.place(app.order())
    calls = await app.rehearsal.calls()
    assert len(calls) == 1
    assert [call.carrier_ref for call in await app.carrier.live_calls()] == [ref]
    await app.carrier.hang_up(ref)
    assert (await app.wait_for(Kind.ENDED)).end_reason is EndReason.CANCELLED
    assert await app.carrier.live_calls() == []


async def test_a_ringing_call_is_hung_up_by_what_the_create_returned(app: App) -> None:
    await app.rehearsal.far_end(CALLEE, kind="silent", ring_ms=20_000)
    ref = await app.carrier.place(app.order())
    await app.wait_for(Kind.RINGING)
    assert (await app.carrier.fetch(ref)).state is RemoteState.LIVE
    await app.carrier.hang_up(ref)
    await app.wait_for(Kind.ENDED)
    assert (await app.carrier.fetch(ref)).state is RemoteState.ENDED
    await app.carrier.hang_up(ref)


async def test_an_answered_call_is_hung_up_by_what_the_create_returned(app: App) -> None:
    app.answer = lambda _: [Say("word " * 60), HangUp()]
    await app.rehearsal.far_end(CALLEE, kind="silent")
    ref = await app.carrier.place(app.order())
    await app.wait_for(Kind.ANSWERED)
    await app.carrier.hang_up(ref)
    await app.wait_for(Kind.ENDED)
    assert await app.carrier.live_calls() == []


async def test_a_call_takes_new_steps_and_keys(app: App) -> None:
    def answer(event: CarrierEvent) -> Sequence[Step]:
        return [HangUp()] if event.kind is Kind.CONTINUE else [Say("word " * 60)]

    app.answer = answer
    await app.rehearsal.far_end(CALLEE, kind="silent")
    await app.carrier.place(app.order())
    ref = (await app.wait_for(Kind.ANSWERED)).carrier_ref
    if Capability.SEND_DTMF in app.carrier.capabilities:
        await app.carrier.send_dtmf(ref, "12#")
    await app.carrier.perform(ref, [HangUp()], app.url("steps", "t9"))
    await app.wait_for(Kind.ENDED)


async def test_a_machine_is_recognised(app: App) -> None:
    app.answer = lambda _: [Say("word " * 100), HangUp()]
    await app.rehearsal.far_end(CALLEE, answer="machine")
    await app.carrier.place(app.order(detect_machine=True))
    assert (await app.wait_for(Kind.MACHINE)).machine in ("machine", "beep")


async def test_an_incoming_call_is_taken_or_refused(app: App) -> None:
    (number,) = await app.carrier.numbers()
    assert (number.number, number.has_voice) == (app.own_number, True)
    before = await app.carrier.set_webhook(
        number, f"{BASE}{addresses.webhook_path(app.carrier.name)}"
    )
    app.answer = lambda _: [Reject(EndReason.CALLER_NOT_ALLOWED)]
    ref = await app.rehearsal.dial(app.carrier.name, CALLER)
    incoming = await app.wait_for(Kind.INCOMING)
    assert (incoming.from_number, incoming.to_number) == (CALLER, app.own_number)
    assert (incoming.carrier_ref, incoming.call_id) == (ref, "")
    assert (await app.wait_for(Kind.ENDED)).carrier_ref == ref
    await app.carrier.restore_webhook(before)
    assert await app.carrier.webhook(number) == before


async def test_the_account_is_healthy_and_a_wrong_key_is_named(app: App, name: CarrierName) -> None:
    health = await app.carrier.health()
    assert health.is_ok, health.text
    entries = dict(app.rehearsal.card.credentials[name])
    token = f"{name}_auth_token"
    entries[token] = "0" * len(entries[token])
    stranger = make_carrier(
        name,
        lambda entry: entries.get(entry, ""),
        clock=SystemClock(),
        api_base=app.rehearsal.card.api_base(name),
    )
    problem = (await stranger.health()).problem
    await stranger.close()
    assert problem is not None
    assert problem.code == "CARRIER-03"
