from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from plivo import plivoxml

from desktop_voice.core.calls import EndReason
from desktop_voice.dialogue.lines.media_socket import Encoding
from desktop_voice.telephony.carriers import xml
from desktop_voice.telephony.carriers.plivo_xml import render
from desktop_voice.telephony.steps import (
    ConnectStream,
    Gather,
    HangUp,
    Pause,
    Redirect,
    Reject,
    Say,
    Step,
)
from tests.unit.telephony.carriers.test_twilio_twiml import HOSTILE, RESULT, SILENCE, shape


def rendered(*steps: Step, encoding: Encoding = Encoding.L16_16K) -> ElementTree.Element:
    return ElementTree.fromstring(xml.document(render(steps, "en-US", encoding)))  # noqa: S314


@given(HOSTILE)
@settings(max_examples=2000, deadline=None)
def test_no_text_becomes_markup(text: str) -> None:
    root = rendered(Say(text), Gather(text, "t", RESULT, SILENCE, hints=(text,)))
    spoken = ["Speak"] if text else []
    assert shape(root) == ["Speak", "GetInput", *spoken, "Redirect"]
    plain = xml.clean(text).replace("\r\n", "\n").replace("\r", "\n")
    assert (root[0].text or "") == plain
    assert root[1].get("action") == RESULT


@pytest.mark.parametrize(
    ("step", "tag", "attributes", "text"),
    [
        (Say("Hello"), "Speak", {"language": "en-US"}, "Hello"),
        (Pause(2), "Wait", {"length": "2"}, None),
        (HangUp(), "Hangup", {}, None),
        (Reject(EndReason.CALLER_NOT_ALLOWED), "Hangup", {"reason": "rejected"}, None),
        (Reject(EndReason.TOO_MANY_CALLS), "Hangup", {"reason": "busy"}, None),
    ],
)
def test_simple_steps(step: Step, tag: str, attributes: dict[str, str], text: str | None) -> None:
    element = rendered(step)[0]
    assert (element.tag, element.attrib, element.text) == (tag, attributes, text)


def test_a_gather_is_what_the_official_library_would_write() -> None:
    root = rendered(Gather("Who is it?", "t", RESULT, SILENCE, hints=("Ann, Lee", "Bob")))
    gather = plivoxml.GetInputElement(
        action=RESULT,
        method="POST",
        input_type="dtmf speech",
        execution_timeout=15,
        hints="Ann  Lee,Bob",
        language="en-US",
        redirect=True,
    )
    gather.add(plivoxml.SpeakElement("Who is it?", language="en-US"))
    expected = ElementTree.fromstring(gather.to_string())  # noqa: S314
    # The library takes only numbers here; the reference says "auto" as well.
    automatic = {"digitEndTimeout": "auto", "speechEndTimeout": "auto"}
    assert root[0].attrib == {**expected.attrib, **automatic}
    assert [(child.tag, child.attrib, child.text) for child in root[0]] == [
        (child.tag, child.attrib, child.text) for child in expected
    ]


def test_silence_leads_on_instead_of_dropping_the_call() -> None:
    root = rendered(Gather("", "t", RESULT, SILENCE), Say("never reached"))
    assert shape(root) == ["GetInput", "Redirect"]
    assert (root[1].text or "").startswith(f"{SILENCE}&once=")


@pytest.mark.parametrize(
    ("encoding", "content_type"),
    [
        (Encoding.MULAW_8K, "audio/x-mulaw;rate=8000"),
        (Encoding.L16_8K, "audio/x-l16;rate=8000"),
        (Encoding.L16_16K, "audio/x-l16;rate=16000"),
    ],
)
def test_a_stream_keeps_the_call_and_names_its_encoding(
    encoding: Encoding, content_type: str
) -> None:
    url, status = (
        "wss://phone.example.com/call/stream/abc",
        "https://phone.example.com/hook?at=stream",
    )
    root = rendered(ConnectStream(url, "abc", status), encoding=encoding)
    stream = plivoxml.StreamElement(
        url,
        bidirectional=True,
        audioTrack="inbound",
        keepCallAlive=True,
        contentType=content_type,
        streamTimeout=14400,
        statusCallbackUrl=status,
        statusCallbackMethod="POST",
    )
    expected = ElementTree.fromstring(stream.to_string())  # noqa: S314
    assert (root[0].tag, root[0].attrib, root[0].text) == ("Stream", expected.attrib, url)
    assert shape(root) == ["Stream", "Hangup"]


@pytest.mark.parametrize(
    ("steps", "tags"),
    [
        ((), []),
        ((Say("a"),), ["Speak", "Hangup"]),
        ((Say("a"), Redirect(RESULT)), ["Speak", "Redirect"]),
        ((Say("a"), Pause(3), HangUp(), Say("b")), ["Speak", "Wait", "Hangup"]),
        ((Reject(EndReason.REJECTED),), ["Hangup"]),
    ],
)
def test_every_document_ends_somewhere(steps: tuple[Step, ...], tags: list[str]) -> None:
    assert shape(rendered(*steps)) == tags
