from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.twiml.voice_response import Connect, VoiceResponse
from twilio.twiml.voice_response import Gather as SdkGather

from desktop_voice.core.calls import EndReason
from desktop_voice.telephony.carriers import xml
from desktop_voice.telephony.carriers.twilio_twiml import render, transfer
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

RESULT = "https://phone.example.com/hook?call=1&at=gather&turn=t"
SILENCE = "https://phone.example.com/hook?call=1&at=silence&turn=t"
HOSTILE = st.one_of(
    st.text(),
    st.text(st.characters(codec=None, categories=None)),
    st.sampled_from(
        (
            "</Say><Dial>+19005550100</Dial><Say>",
            "]]></Say><Hangup/><![CDATA[",
            '"/><Redirect>http://evil.example</Redirect>',
            "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>&e;",
            "&lt;Dial&gt; &amp; &#60;",
            "\x00\x08\x0b\x1f\ufffe\uffff\ud800 end",
            "😀 مرحبا ‮ reversed",
        )
    ),
)


def rendered(*steps: Step) -> ElementTree.Element:
    return ElementTree.fromstring(xml.document(render(steps, "en-US")))  # noqa: S314


def shape(root: ElementTree.Element) -> list[str]:
    return [element.tag for element in root.iter()][1:]


@given(HOSTILE)
@settings(max_examples=2000, deadline=None)
def test_no_text_becomes_markup(text: str) -> None:
    root = rendered(Say(text), Gather(text, "t", RESULT, SILENCE, hints=(text,)))
    spoken = ["Say"] if text else []
    assert shape(root) == ["Say", "Gather", *spoken, "Redirect"]
    said = root[0].text or ""
    # A parser reads both kinds of line end as one.
    plain = xml.clean(text).replace("\r\n", "\n").replace("\r", "\n")
    assert said == plain
    assert root[1].get("action") == RESULT


@pytest.mark.parametrize(
    ("step", "tag", "attributes", "text"),
    [
        (Say("Hello"), "Say", {"language": "en-US"}, "Hello"),
        (Pause(2), "Pause", {"length": "2"}, None),
        (Pause(0), "Pause", {"length": "1"}, None),
        (HangUp(), "Hangup", {}, None),
        (Reject(EndReason.CALLER_NOT_ALLOWED), "Reject", {"reason": "rejected"}, None),
        (Reject(EndReason.TOO_MANY_CALLS), "Reject", {"reason": "busy"}, None),
    ],
)
def test_simple_steps(step: Step, tag: str, attributes: dict[str, str], text: str | None) -> None:
    element = rendered(step)[0]
    assert (element.tag, element.attrib, element.text) == (tag, attributes, text)


def test_a_gather_is_what_the_official_library_would_write() -> None:
    root = rendered(Gather("Who is it?", "t", RESULT, SILENCE, hints=("Ann, Lee", "Bob")))
    sdk = VoiceResponse()
    gather = SdkGather(
        input="dtmf speech",
        action=RESULT,
        method="POST",
        timeout=5,
        speech_timeout="auto",
        enhanced=True,
        language="en-US",
        action_on_empty_result=False,
        hints="Ann  Lee,Bob",
    )
    gather.say("Who is it?", language="en-US")
    sdk.append(gather)
    expected = ElementTree.fromstring(str(sdk))[0]  # noqa: S314
    assert root[0].attrib == expected.attrib
    assert [child.attrib for child in root[0]] == [child.attrib for child in expected]
    assert "speechModel" not in root[0].attrib


def test_silence_leads_on_instead_of_dropping_the_call() -> None:
    root = rendered(Gather("", "t", RESULT, SILENCE), Say("never reached"))
    assert shape(root) == ["Gather", "Redirect"]
    assert root[1].get("method") == "POST"
    assert (root[1].text or "").startswith(f"{SILENCE}&once=")


def test_two_redirects_to_one_address_are_two_deliveries() -> None:
    poll = "https://phone.example.com/hook?call=1&at=poll"
    first, second = (rendered(Redirect(poll))[0].text for _ in range(2))
    assert first != second


def test_a_stream_is_what_the_official_library_would_write() -> None:
    url, status = (
        "wss://phone.example.com/call/stream/abc",
        "https://phone.example.com/hook?at=stream",
    )
    root = rendered(ConnectStream(url, "abc", status), Say("The line broke."))
    sdk = VoiceResponse()
    connect = Connect()
    stream = connect.stream(url=url, status_callback=status, status_callback_method="POST")
    stream.parameter(name="ticket", value="abc")
    sdk.append(connect)
    expected = ElementTree.fromstring(str(sdk))[0]  # noqa: S314
    written, wanted = (
        [(element.tag, element.attrib, element.text) for element in each.iter()]
        for each in (root[0], expected)
    )
    assert written == wanted
    assert shape(root) == ["Connect", "Stream", "Parameter", "Say", "Hangup"]


@pytest.mark.parametrize(
    ("steps", "tags"),
    [
        ((), []),
        ((Say("a"),), ["Say", "Hangup"]),
        ((Say("a"), HangUp()), ["Say", "Hangup"]),
        ((Say("a"), Redirect(RESULT)), ["Say", "Redirect"]),
        ((Say("a"), Pause(3), HangUp(), Say("b")), ["Say", "Pause", "Hangup"]),
        ((Reject(EndReason.REJECTED),), ["Reject"]),
    ],
)
def test_every_document_ends_somewhere(steps: tuple[Step, ...], tags: list[str]) -> None:
    assert shape(rendered(*steps)) == tags


def test_a_transfer_shows_our_own_number() -> None:
    root = transfer("+14155550123", "+14155550100")
    assert shape(root) == ["Dial", "Number", "Hangup"]
    assert root[0].get("callerId") == "+14155550100"
    assert root[0][0].text == "+14155550123"
