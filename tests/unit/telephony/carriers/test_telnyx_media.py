from __future__ import annotations

import json
from typing import Any

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
from desktop_voice.telephony.carriers.telnyx_media import TelnyxDialect
from tests.helpers.carrier_specs import carrier_spec_or_skip

SPEC = "ws_messages.schema.json"


def start(**changes: object) -> dict[str, Any]:
    return {
        "event": "start",
        "sequence_number": "1",
        "stream_id": "32DE0DEA",
        "start": {
            "user_id": "3E6F",
            "call_control_id": "v2:T02llQ",
            "call_session_id": "ff55",
            "from": "+14155550100",
            "to": "+14155550101",
            "tags": [],
            "client_state": None,
            "custom_parameters": {"ticket": "t-1"},
            "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
            **changes,
        },
    }


def media(**changes: object) -> dict[str, Any]:
    return {
        "event": "media",
        "media": {"track": "inbound", "chunk": "2", "timestamp": "5", "payload": "/38A", **changes},
    }


def test_a_stream_starts_after_its_greeting() -> None:
    dialect = TelnyxDialect()
    assert dialect.start({"event": "connected", "version": "1.0.0"}) is None
    assert dialect.start(start()) == StreamStart(
        "32DE0DEA", "v2:T02llQ", "", "t-1", Encoding.MULAW_8K
    )


@pytest.mark.parametrize(
    "parameters",
    [None, {}, [], {"other": "x"}, {"ticket": 5}, [{"name": "other", "value": "x"}], "ticket"],
)
def test_a_stream_without_a_ticket_in_it_says_so(parameters: object) -> None:
    found = TelnyxDialect().start(start(custom_parameters=parameters))
    assert found is not None
    assert found.ticket == ""


def test_the_ticket_may_come_as_a_pair() -> None:
    found = TelnyxDialect().start(start(custom_parameters=[{"name": "ticket", "value": "t-2"}]))
    assert found is not None
    assert found.ticket == "t-2"


def test_a_stream_may_be_a_law() -> None:
    found = TelnyxDialect().start(
        start(media_format={"encoding": "pcma", "sample_rate": 8000.0, "channels": 1})
    )
    assert found is not None
    assert found.encoding is Encoding.ALAW_8K


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"event": "media"},
        {"event": ["start"]},
        {"event": "start"},
        {**start(), "stream_id": None},
        {**start(), "stream_id": ""},
        {**start(), "start": []},
        start(call_control_id=None),
        start(call_control_id="v" * 301),
        start(media_format=None),
        start(media_format={"encoding": "PCMU", "sample_rate": 16_000}),
        start(media_format={"encoding": "PCMU", "sample_rate": "8000"}),
        start(media_format={"encoding": "PCMU", "sample_rate": True}),
        start(media_format={"encoding": "PCMU"}),
        start(media_format={"encoding": "PCMU", "sample_rate": 8000, "channels": 2}),
        start(media_format={"encoding": "L16", "sample_rate": 16_000}),
        start(media_format={"encoding": "G722", "sample_rate": 8000}),
        start(media_format={"encoding": 7, "sample_rate": 8000}),
    ],
)
def test_what_is_no_start_that_we_can_use_is_refused(message: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        TelnyxDialect().start(message)


def test_what_comes_later() -> None:
    event = TelnyxDialect().event
    assert event(media()) == MediaAudio(b"\xff\x7f\x00", 5)
    assert event(media(timestamp=40)) == MediaAudio(b"\xff\x7f\x00", 40)
    assert event(media(timestamp="-")) == MediaAudio(b"\xff\x7f\x00", None)
    assert event({"event": "media", "media": {"payload": "/w=="}}) == MediaAudio(b"\xff", None)
    assert event({"event": "dtmf", "dtmf": {"digit": "#"}}) == MediaDigit("#")
    assert event({"event": "mark", "mark": {"name": "turn-7"}}) == MediaMark("turn-7")
    assert event({"event": "stop", "stop": {}}) == MediaStopped()
    assert event({"event": "error", "payload": {"title": "x"}}) is None
    assert event({"event": "of the future"}) is None


def test_our_own_voice_coming_back_is_left_out() -> None:
    assert TelnyxDialect().event(media(track="outbound")) is None


@pytest.mark.parametrize(
    "message",
    [
        {"event": "media"},
        media(payload=""),
        media(payload=None),
        media(payload="/38A "),
        media(payload="/38"),
        media(payload="_38A"),
        media(payload="=="),
        {"event": "dtmf", "dtmf": {}},
        {"event": "dtmf", "dtmf": {"digit": "10"}},
        {"event": "dtmf", "dtmf": {"digit": "x"}},
        {"event": "dtmf", "dtmf": {"digit": 1}},
        {"event": "mark", "mark": {"name": ""}},
        {"event": "mark", "mark": {"name": "n" * 301}},
        {"event": "mark", "mark": "turn-7"},
    ],
)
def test_a_malformed_message_is_refused(message: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        TelnyxDialect().event(message)


def test_every_documented_message_is_understood() -> None:
    spec = carrier_spec_or_skip(SPEC)
    dialect = TelnyxDialect()
    found = {}
    for name, definition in spec.document["$defs"].items():
        if name.startswith("telnyx_media.in."):
            for example in definition["examples"]:
                is_first = example["event"] in ("connected", "start")
                found[name] = dialect.start(example) if is_first else dialect.event(example)
    assert len(found) == 7
    assert isinstance(found["telnyx_media.in.start"], StreamStart)
    assert isinstance(found["telnyx_media.in.media"], MediaAudio)


def test_what_we_send_is_as_documented() -> None:
    spec = carrier_spec_or_skip(SPEC)
    dialect = TelnyxDialect()
    spec.check(json.loads(dialect.audio(b"\xff" * 160)), "$defs", "telnyx_media.out.media")
    spec.check(json.loads(dialect.mark('a "quoted" name')), "$defs", "telnyx_media.out.mark")
    spec.check(json.loads(dialect.clear()), "$defs", "telnyx_media.out.clear")


@given(st.binary(min_size=1, max_size=320))
def test_what_is_played_is_what_would_be_heard(payload: bytes) -> None:
    dialect = TelnyxDialect()
    assert dialect.event(json.loads(dialect.audio(payload))) == MediaAudio(payload)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.dictionaries(st.text(max_size=8), inner, max_size=3) | st.lists(inner),
    max_leaves=6,
)


@given(
    st.sampled_from(["connected", "start", "media", "dtmf", "mark", "stop", "error"]),
    st.dictionaries(st.sampled_from(["start", "media", "dtmf", "mark", "stream_id"]), values),
)
@settings(max_examples=300, deadline=None)
def test_a_hostile_message_is_understood_or_refused(event: str, rest: dict[str, object]) -> None:
    for read in (TelnyxDialect().start, TelnyxDialect().event):
        try:
            read({"event": event, **rest})
        except ValueError as error:
            assert str(error)  # noqa: PT017
