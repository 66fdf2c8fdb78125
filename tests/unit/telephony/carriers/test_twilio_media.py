from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desktop_voice.dialogue.lines.media_socket import (
    Encoding,
    MediaAudio,
    MediaDigit,
    MediaMark,
    MediaStopped,
)
from desktop_voice.telephony.carriers.carrier import StreamStart
from desktop_voice.telephony.carriers.twilio_media import TwilioMedia

DEFINITIONS = json.loads(
    (Path(__file__).parents[3] / "data" / "carriers" / "media.json").read_text("utf-8")
)["$defs"]
STREAM, CALL, ACCOUNT = "MZ" + "1" * 32, "CA" + "2" * 32, "AC" + "3" * 32


def start(**changes: object) -> dict[str, Any]:
    inner = {
        "accountSid": ACCOUNT,
        "streamSid": STREAM,
        "callSid": CALL,
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"ticket": "abc"},
    }
    return {
        "event": "start",
        "sequenceNumber": "1",
        "streamSid": STREAM,
        "start": {**inner, **changes},
    }


@pytest.fixture
def media() -> TwilioMedia:
    media = TwilioMedia()
    media.start(start())
    return media


def incoming(event: str, **fields: object) -> dict[str, object]:
    return {"event": event, "sequenceNumber": "4", "streamSid": STREAM, **fields}


def test_the_start_says_whose_stream_it_is() -> None:
    jsonschema.validate(start(), DEFINITIONS["twilio_media.in.start"])
    media = TwilioMedia()
    connected = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    assert media.start(connected) is None
    assert media.start(start()) == StreamStart(STREAM, CALL, ACCOUNT, "abc", Encoding.MULAW_8K)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"event": "media"},
        {"event": "start"},
        {"event": "start", "start": []},
        {**start(), "streamSid": "MZ" + "9" * 32},
        start(callSid=""),
        start(accountSid=7),
        start(mediaFormat={}),
        start(mediaFormat={"encoding": "audio/x-mulaw", "sampleRate": 16000, "channels": 1}),
        start(mediaFormat={"encoding": "audio/x-l16", "sampleRate": 8000, "channels": 1}),
        start(mediaFormat={"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 2}),
        start(mediaFormat={"encoding": "audio/x-mulaw", "sampleRate": "x", "channels": 1}),
    ],
)
def test_any_other_beginning_is_refused(message: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        TwilioMedia().start(message)


def test_what_comes_in(media: TwilioMedia) -> None:
    sound = {"track": "inbound", "chunk": "2", "timestamp": "5", "payload": "//////8="}
    assert media.event(incoming("media", media=sound)) == MediaAudio(b"\xff" * 5, 5)
    digit = {"track": "inbound_track", "digit": "#"}
    assert media.event(incoming("dtmf", dtmf=digit)) == MediaDigit("#")
    assert media.event(incoming("mark", mark={"name": "turn-7"})) == MediaMark("turn-7")
    assert media.event(incoming("stop", stop={"callSid": CALL})) == MediaStopped()
    assert media.event(incoming("media", media={**sound, "track": "outbound"})) is None
    assert media.event({"event": "something new"}) is None


@pytest.mark.parametrize(
    "message",
    [
        incoming("media"),
        incoming("media", media={"payload": ""}),
        incoming("media", media={"payload": 7}),
        incoming("media", media={"payload": "not base64!"}),
        incoming("media", media={"payload": "AAA"}),
        incoming("media", media={"payload": "A" * 20_000}),
        incoming("media", media={"payload": "AAAA", "timestamp": "x"}),
        {**incoming("media", media={"payload": "AAAA"}), "streamSid": "MZ" + "9" * 32},
        {"event": "media", "media": {"payload": "AAAA"}},
        incoming("dtmf", dtmf={"digit": "12"}),
        incoming("dtmf", dtmf={"digit": "x"}),
        incoming("mark", mark={}),
        incoming("mark", mark=None),
        start(),
    ],
)
def test_what_is_malformed_is_refused(media: TwilioMedia, message: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        media.event(message)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)
_KEYS = ("event", "streamSid", "media", "dtmf", "mark", "start", "payload", "digit", "name")


@given(
    st.dictionaries(st.sampled_from(_KEYS), _JSON | st.dictionaries(st.sampled_from(_KEYS), _JSON)),
    st.sampled_from(("media", "dtmf", "mark", "stop", "start", "")),
)
@settings(max_examples=500, deadline=None)
def test_rubbish_is_refused_or_ignored_and_nothing_else(
    message: dict[str, object], event: str
) -> None:
    media = TwilioMedia()
    media.start(start())
    for heard in (media.event, TwilioMedia().start):
        try:
            heard({**message, "event": event, "streamSid": STREAM})
        except ValueError:
            continue


def test_what_goes_out_is_what_twilio_takes(media: TwilioMedia) -> None:
    payload = bytes(range(160))
    for kind, text in (
        ("media", media.audio(payload)),
        ("mark", media.mark("turn-7")),
        ("clear", media.clear()),
    ):
        jsonschema.validate(json.loads(text), DEFINITIONS[f"twilio_media.out.{kind}"])
    sent = json.loads(media.audio(payload))["media"]["payload"]
    assert base64.b64decode(sent, validate=True) == payload
