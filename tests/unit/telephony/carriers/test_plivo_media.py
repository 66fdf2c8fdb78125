from __future__ import annotations

import base64
import json
from typing import Any

import jsonschema
import pytest

from desktop_voice.dialogue.lines.media_socket import (
    Encoding,
    MediaAudio,
    MediaDigit,
    MediaMark,
    MediaStopped,
)
from desktop_voice.telephony.carriers.carrier import StreamStart
from desktop_voice.telephony.carriers.plivo_media import PlivoMedia
from tests.unit.telephony.carriers.test_twilio_media import DEFINITIONS

STREAM, CALL, ACCOUNT = "8765-4321", "1234-5678", "MA0123456789ABCDEFGH"
FORMATS = {
    Encoding.MULAW_8K: ("audio/x-mulaw", 8000),
    Encoding.L16_8K: ("audio/x-l16", 8000),
    Encoding.L16_16K: ("audio/x-l16", 16000),
}


def start(encoding: Encoding = Encoding.L16_16K, **changes: object) -> dict[str, Any]:
    name, rate_hz = FORMATS[encoding]
    inner = {
        "callId": CALL,
        "streamId": STREAM,
        "accountId": ACCOUNT,
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": name, "sampleRate": rate_hz},
    }
    return {"event": "start", "sequenceNumber": 1, "start": {**inner, **changes}}


def opened(encoding: Encoding = Encoding.L16_16K) -> PlivoMedia:
    media = PlivoMedia()
    media.start(start(encoding))
    return media


def incoming(event: str, **fields: object) -> dict[str, object]:
    return {"event": event, "sequenceNumber": 4, "streamId": STREAM, **fields}


@pytest.mark.parametrize("encoding", FORMATS)
def test_the_start_says_whose_stream_it_is(encoding: Encoding) -> None:
    jsonschema.validate(start(encoding), DEFINITIONS["plivo_stream.in.start"])
    assert PlivoMedia().start(start(encoding)) == StreamStart(STREAM, CALL, ACCOUNT, "", encoding)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"event": "media"},
        {"event": "start"},
        start(callId=""),
        start(streamId=7),
        start(mediaFormat={}),
        start(mediaFormat={"encoding": "audio/x-mulaw", "sampleRate": 16000}),
        start(mediaFormat={"encoding": "audio/x-alaw", "sampleRate": 8000}),
    ],
)
def test_any_other_beginning_is_refused(message: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        PlivoMedia().start(message)


def test_what_comes_in() -> None:
    media = opened()
    sound = {"track": "inbound", "timestamp": "1705312200000", "chunk": 41, "payload": "AAEC/w=="}
    heard = MediaAudio(b"\x00\x01\x02\xff", 1705312200000)
    assert media.event(incoming("media", media=sound)) == heard
    assert media.event({"event": "media", "media": sound}) == heard
    assert media.event(incoming("dtmf", dtmf={"digit": "5"})) == MediaDigit("5")
    assert media.event(incoming("playedStream", name="turn-7")) == MediaMark("turn-7")
    assert media.event(incoming("clearedAudio")) is None
    assert media.event(incoming("playFailed", reason="x")) is None
    assert media.event({"event": "stop"}) == MediaStopped()


@pytest.mark.parametrize(
    "message",
    [
        incoming("media"),
        incoming("media", media={"payload": "not base64!"}),
        incoming("media", media={"payload": "AAEC"}),
        incoming("media", media={"payload": "A" * 20_000}),
        {**incoming("media", media={"payload": "AAE="}), "streamId": "other"},
        incoming("dtmf", dtmf={"digit": ""}),
        incoming("playedStream"),
        start(),
    ],
)
def test_what_is_malformed_is_refused(message: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        opened().event(message)


@pytest.mark.parametrize("encoding", FORMATS)
def test_what_goes_out_is_what_plivo_takes(encoding: Encoding) -> None:
    media = opened(encoding)
    payload = bytes(range(160))
    for kind, text in (
        ("playAudio", media.audio(payload)),
        ("checkpoint", media.mark("turn-7")),
        ("clearAudio", media.clear()),
    ):
        jsonschema.validate(json.loads(text), DEFINITIONS[f"plivo_stream.out.{kind}"])
    sent = json.loads(media.audio(payload))["media"]
    assert (sent["contentType"], sent["sampleRate"]) == FORMATS[encoding]
    assert base64.b64decode(sent["payload"], validate=True) == payload


def test_plivo_offers_its_own_subprotocol() -> None:
    assert PlivoMedia.subprotocols == ("audio.plivo.com",)
