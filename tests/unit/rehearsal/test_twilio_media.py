from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from aiohttp import WSMsgType, web
from twilio.request_validator import RequestValidator

from desktop_voice.audio.frames import Pcm
from desktop_voice.rehearsal.process import RehearsalProcess
from tests.unit.rehearsal.fake_app import FakeApp
from tests.unit.rehearsal.schemas import assert_conforms, schemas_or_skip
from tests.unit.rehearsal.twilio_client import CALLEE, TwilioClient, violations

Frame = dict[str, Any]


def tone(ms: int) -> bytes:
    """A loud mu-law square wave at 8 kHz."""
    return bytes([0x20, 0x20, 0xA0, 0xA0]) * (2 * ms)


class Media:
    """The app's end of a media stream: collects what comes, sends what the test wants."""

    def __init__(self, speak: Callable[[Media], Any] | None = None) -> None:
        self.frames: list[Frame] = []
        self.times_s: list[float] = []
        self.closed = asyncio.Event()
        self._speak = speak
        self._socket: web.WebSocketResponse | None = None
        self.sid = ""

    async def __call__(self, socket: web.WebSocketResponse, _request: web.Request) -> None:
        self._socket = socket
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            frame = json.loads(message.data)
            self.frames.append(frame)
            self.times_s.append(time.monotonic())
            if frame["event"] == "start":
                self.sid = frame["streamSid"]
                if self._speak is not None:
                    await self._speak(self)
            if frame["event"] == "mark" and frame["mark"]["name"] == "bye":
                break
        self.closed.set()

    async def send(self, event: str, content: Frame | None = None) -> None:
        assert self._socket is not None
        message: Frame = {"event": event, "streamSid": self.sid}
        if content is not None:
            message[event] = content
        await self._socket.send_json(message)

    async def play(self, ms: int) -> None:
        for _ in range(ms // 20):
            await self.send("media", {"payload": base64.b64encode(tone(20)).decode()})

    async def mark(self, name: str) -> None:
        await self.send("mark", {"name": name})

    def of(self, event: str) -> list[Frame]:
        return [frame for frame in self.frames if frame["event"] == event]

    def time_of_mark(self, name: str) -> float:
        marks = zip(self.frames, self.times_s, strict=True)
        return next(at for f, at in marks if f["event"] == "mark" and f["mark"]["name"] == name)


def connect(app: FakeApp, media: Media) -> str:
    """Return the TwiML that opens a stream to ``media``."""
    url = app.on_socket("/call/stream/ticket", media)
    status = app.on("/stream-status", "")
    return (
        f"<Response><Connect><Stream url='{url}' statusCallback='{status}'>"
        "<Parameter name='call' value='our-id'/></Stream></Connect><Hangup/></Response>"
    )


async def test_a_stream_is_what_twilio_publishes(
    app: FakeApp, rehearsal: RehearsalProcess, twilio: TwilioClient
) -> None:
    schemas = schemas_or_skip("ws_messages.schema.json")

    async def speak(media: Media) -> None:
        await media.play(200)
        await media.mark("bye")

    media = Media(speak)
    steps = [{"wait_s": 0.1}, {"press": "5", "over": True}]
    await rehearsal.far_end(CALLEE, kind="script", steps=steps, after="stay")
    ref = await twilio.call(twiml=connect(app, media))
    ended = await rehearsal.wait_for("call", ref=ref, state="ended")

    assert [f["event"] for f in media.frames][:3] == ["connected", "start", "media"]
    for frame in media.frames:
        pointer = f"$defs/twilio_media.in.{frame['event']}"
        assert_conforms(schemas, pointer, frame)
    start = media.of("start")[0]["start"]
    assert (start["callSid"], start["accountSid"]) == (ref, twilio.sid)
    assert start["customParameters"] == {"call": "our-id"}
    sequence = [int(f["sequenceNumber"]) for f in media.frames[1:]]
    assert sequence == list(range(1, len(sequence) + 1))
    for index, frame in enumerate(media.of("media")):
        assert len(base64.b64decode(frame["media"]["payload"])) == 160
        assert frame["media"]["chunk"] == str(index + 1)
        assert frame["media"]["timestamp"] == str(20 * index)
    validator = RequestValidator(twilio.token)
    signed = app.upgrades[0].headers["X-Twilio-Signature"]
    assert validator.validate("wss://rehearsal.localhost/call/stream/ticket", {}, signed)
    assert app.upgrades[0].host == "rehearsal.localhost"
    started = await app.wait("/stream-status", StreamEvent="stream-started")
    assert started.form["StreamSid"] == media.sid
    await app.wait("/stream-status", StreamEvent="stream-stopped")
    assert ended["media"]["frames"] == 10
    assert violations(rehearsal) == []


async def test_a_mark_comes_back_when_it_is_played_and_at_once_when_cleared(
    app: FakeApp, rehearsal: RehearsalProcess, twilio: TwilioClient
) -> None:
    began_s = 0.0
    cleared_s = 0.0

    async def speak(media: Media) -> None:
        nonlocal began_s, cleared_s
        began_s = time.monotonic()
        await media.mark("idle")
        await media.play(500)
        await media.mark("played")
        await media.play(10_000)
        await media.mark("dropped-1")
        await media.mark("dropped-2")
        while not media.of("mark") or media.of("mark")[-1]["mark"]["name"] != "played":
            message = await media._socket.receive_json()  # type: ignore[union-attr]
            media.frames.append(message)
            media.times_s.append(time.monotonic())
        cleared_s = time.monotonic()
        await media.send("clear")
        await media.play(300)
        await media.mark("bye")

    media = Media(speak)
    await twilio.call(twiml=connect(app, media))
    await rehearsal.wait_for("call", state="ended")
    names = [f["mark"]["name"] for f in media.of("mark")]
    assert names == ["idle", "played", "dropped-1", "dropped-2", "bye"]
    assert media.time_of_mark("played") - began_s >= 0.45
    assert media.time_of_mark("dropped-2") - cleared_s < 5
    assert media.time_of_mark("bye") - media.time_of_mark("dropped-2") >= 0.25


async def test_the_caller_is_heard_in_the_stream_and_hears_the_app(
    app: FakeApp, rehearsal: RehearsalProcess, twilio: TwilioClient
) -> None:
    async def speak(media: Media) -> None:
        await media.play(300)

    media = Media(speak)
    steps = [{"say": "What time is it in Paris"}]
    await rehearsal.far_end(CALLEE, kind="script", steps=steps, gap_ms=300, patience_ms=1000)
    await twilio.call(twiml=connect(app, media))
    await rehearsal.wait_for("gave_up")
    await rehearsal.wait_for("call", state="ended", by="far_end")
    assert media.frames[-1]["event"] == "stop"
    loudness = [_loudness(f["media"]["payload"]) for f in media.of("media")]
    spoken_ms = 20 * sum(level > 200 for level in loudness)
    assert 700 < spoken_ms < 4000


def _loudness(payload: str) -> float:
    codes = np.frombuffer(base64.b64decode(payload), dtype=np.uint8).astype(np.int32) ^ 0xFF
    magnitude = (((codes & 0x0F) << 3) + 0x84) << ((codes & 0x70) >> 4)
    pcm: Pcm = (magnitude - 0x84).astype(np.int16)
    return float(pcm.mean())


async def test_wrong_messages_are_violations_and_do_not_end_the_stream(
    app: FakeApp, rehearsal: RehearsalProcess, twilio: TwilioClient
) -> None:
    async def speak(media: Media) -> None:
        assert media._socket is not None
        await media._socket.send_bytes(b"\x00")
        await media._socket.send_str("no json")
        await media._socket.send_json({"event": "clear", "streamSid": "MZ0"})
        await media.send("mark", {"name": ""})
        await media.send("media", {"payload": "***"})
        await media.send("media", {"payload": base64.b64encode(b"RIFF....").decode()})
        await media.send("media", {"payload": "/w==", "track": "outbound"})
        await media.send("playAudio", {})
        await media.mark("bye")

    media = Media(speak)
    await twilio.call(twiml=connect(app, media))
    await rehearsal.wait_for("call", state="ended")
    assert len(violations(rehearsal)) == 8
    assert media.of("mark")


async def test_a_dropped_socket_goes_on_after_the_connect(
    app: FakeApp, rehearsal: RehearsalProcess, twilio: TwilioClient
) -> None:
    await rehearsal.fault("twilio", "media", "drop_socket", after_ms=300)
    media = Media()
    app.on("/after", "<Response><Hangup/></Response>")
    url = app.on_socket("/call/stream/ticket", media)
    twiml = f"<Response><Connect action='/after'><Stream url='{url}'/></Connect></Response>"
    await twilio.call(app.on("/voice", twiml))
    asked = await app.wait("/after")
    assert asked.form["CallStatus"] == "in-progress"
    assert not media.of("stop")


async def test_a_refused_socket_is_told_to_the_status_callback(
    app: FakeApp, rehearsal: RehearsalProcess, twilio: TwilioClient
) -> None:
    status = app.on("/stream-status", "")
    url = "wss://rehearsal.localhost/call/stream/unknown"
    connect = f"<Connect><Stream url='{url}' statusCallback='{status}'/></Connect>"
    await twilio.call(twiml=f"<Response>{connect}</Response>")
    told = await app.wait("/stream-status", StreamEvent="stream-error")
    assert told.form["StreamError"] == "31920 404"
    await rehearsal.wait_for("call", state="ended", cause="completed")


async def test_four_streams_keep_their_sound_apart(
    app: FakeApp, rehearsal: RehearsalProcess, twilio: TwilioClient
) -> None:
    medias = [Media() for _ in range(4)]
    refs = []
    for index, media in enumerate(medias):
        number = f"+1415555016{index}"
        steps: list[dict[str, object]] = [{"wait_s": 1}, {"press": str(index)}, {"hang_up": True}]
        await rehearsal.far_end(number, kind="script", steps=steps)
        url = app.on_socket(f"/call/stream/{index}", media)
        twiml = f"<Response><Connect><Stream url='{url}'/></Connect></Response>"
        order = [("To", number), ("From", twilio.number), ("Twiml", twiml)]
        refs.append((await twilio.post("/Calls.json", *order))[1]["sid"])
    for ref in refs:
        await rehearsal.wait_for("call", ref=ref, state="ended", by="far_end")
    for index, media in enumerate(medias):
        await media.closed.wait()
        assert [f["dtmf"]["digit"] for f in media.of("dtmf")] == [str(index)]
        assert media.of("start")[0]["start"]["callSid"] == refs[index]
