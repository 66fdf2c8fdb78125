from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plivo import plivoxml

from desktop_voice.rehearsal.plivo_xml import PlivoXmlError, parse

XML = "application/xml"
ACTION = "https://rehearsal.localhost/x?call=1&turn=2"


def read(inner: str) -> list[str]:
    return [verb.name for verb in parse(f"<Response>{inner}</Response>".encode(), XML).verbs]


def test_what_the_official_sdk_builds_is_understood() -> None:
    response = plivoxml.ResponseElement()
    response.add(plivoxml.SpeakElement("Tom & Jerry", voice="WOMAN", language="en-US"))
    response.add(
        plivoxml.GetInputElement(
            action=ACTION,
            method="POST",
            input_type="dtmf speech",
            execution_timeout=15,
            speech_end_timeout=2,
            redirect=True,
        ).add(plivoxml.SpeakElement("Go on."))
    )
    response.add(
        plivoxml.StreamElement(
            "wss://rehearsal.localhost/call/stream/abc",
            bidirectional=True,
            keepCallAlive=True,
            contentType="audio/x-mulaw;rate=8000",
        )
    )
    response.add(plivoxml.RedirectElement(ACTION))
    response.add(plivoxml.HangupElement(reason="rejected"))
    document = parse(response.to_string().encode(), "text/xml; charset=utf-8")
    speak, get_input, stream, redirect, hang_up = document.verbs
    assert speak.text == "Tom & Jerry"
    assert get_input.attribute("action") == ACTION
    assert [verb.text for verb in get_input.nested] == ["Go on."]
    assert stream.is_on("keepCallAlive")
    assert redirect.text == ACTION
    assert hang_up.attribute("reason") == "rejected"
    assert document.ignored == ()


def test_an_unknown_attribute_is_ignored_and_noted() -> None:
    document = parse(b'<Response><Wait length="2" lenght="3"/></Response>', XML)
    assert document.verbs[0].attributes == {"length": "2"}
    assert document.ignored == ("<Wait> has no attribute lenght",)


@pytest.mark.parametrize(
    ("inner", "why"),
    [
        ("<Say>hi</Say>", "<Say> is not allowed"),
        ("<Speak/>", "characters"),
        (f"<Speak>{'x' * 3001}</Speak>", "characters"),
        (f'<GetInput inputType="speech" action="{ACTION[:30]}" speechEndTimeout="1"/>', "2 to 10"),
        (f'<GetInput inputType="speech" action="{ACTION[:30]}" executionTimeout="61"/>', "5 to 60"),
        ('<GetInput inputType="speech"/>', "needs action"),
        (f'<GetInput action="{ACTION[:30]}"/>', "needs inputType"),
        (f'<GetInput inputType="voice" action="{ACTION[:30]}"/>', "dtmf, speech"),
        ('<GetInput inputType="dtmf" action="/relative"/>', "absolute"),
        ("<Redirect>/relative</Redirect>", "absolute"),
        ("<Stream>https://rehearsal.localhost/</Stream>", "ws or wss"),
        ('<Stream contentType="audio/x-mulaw;rate=16000">wss://h/</Stream>', "one of"),
        ('<Stream bidirectional="true" audioTrack="both">wss://h/</Stream>', "inbound track"),
        ('<Stream extraHeaders="call=a-b">wss://h/</Stream>', "letters and digits"),
        ('<Stream bidirectional="True">wss://h/</Stream>', "true, false"),
        ('<Wait length="0"/>', "must be"),
        ('<Wait length="two"/>', "must be"),
        ('<Hangup reason="nicely"/>', "one of"),
        ("<DTMF>12E</DTMF>", "digits"),
        ("<Dial/>", "needs a <Number>"),
        ("<Dial><Number>911</Number></Dial>", "country code"),
        ("<Speak>a</Speak>b", "between"),
        ("<Speak>a & b</Speak>", "well-formed"),
    ],
)
def test_what_the_carrier_cannot_execute_is_refused(inner: str, why: str) -> None:
    with pytest.raises(PlivoXmlError, match=why):
        read(inner)


@pytest.mark.parametrize(
    ("body", "content_type", "why"),
    [
        (b"<Response/>", "application/json", "content type"),
        (b"<Response/>", "", "content type"),
        (b"<Result/>", XML, "<Response>"),
        (b"", XML, "well-formed"),
        (b"<Response>" + b" " * 100_000 + b"</Response>", XML, "100 KB"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><Response/>', XML, "document type"),
    ],
)
def test_what_is_no_document_is_refused(body: bytes, content_type: str, why: str) -> None:
    with pytest.raises(PlivoXmlError, match=why):
        parse(body, content_type)


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "ignore")))
def test_rubbish_is_refused_and_nothing_worse(body: bytes) -> None:
    with pytest.raises(PlivoXmlError):
        parse(b"<Response><" + body, XML)
