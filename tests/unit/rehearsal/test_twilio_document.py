from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.rehearsal.twilio_document import DocumentError, read_document, read_reply
from desktop_voice.rehearsal.webhooks import WebhookReply


def warnings_of(inside: str) -> list[str]:
    found: list[str] = []
    read_document(f"<Response>{inside}</Response>".encode(), found.append)
    return found


@pytest.mark.parametrize(
    "inside",
    [
        "<Say>Hello &amp; welcome</Say><Pause length='3'/><Hangup/>",
        "<Say>SSML <break time='1s'/> is allowed</Say>",
        "<Gather input='speech' speechTimeout='auto' action='/a?turn=1'><Say>Yes?</Say></Gather>"
        "<Redirect method='POST'>/again</Redirect>",
        "<Connect><Stream url='wss://host/call/stream/abc' statusCallback='https://host/s'>"
        "<Parameter name='call' value='1'/></Stream></Connect>",
        "<Connect action='/after'><ConversationRelay url='wss://host/r' interruptible='any'>"
        "<Language code='en-US'/></ConversationRelay></Connect>",
        "<Dial callerId='+14155550111' timeout='20'><Number>+14155550199</Number></Dial>",
        "<Reject reason='busy'/>",
    ],
)
def test_what_twilio_documents_is_accepted(inside: str) -> None:
    assert warnings_of(inside) == []


@pytest.mark.parametrize(
    ("inside", "warning"),
    [
        ("<say>Hello</say>", "cannot hold say"),
        ("<Speak>Hello</Speak>", "cannot hold Speak"),
        ("<Say/>", "nothing to say"),
        ("<Gather speechTimeOut='auto'/>", "no attribute speechTimeOut"),
        ("<Gather input='voice'/>", "input cannot be 'voice'"),
        ("<Gather speechModel='x' speechTimeout='auto'/>", "13335"),
        ("<Connect><Stream url='ws://host/x'/></Connect>", "url cannot be"),
        ("<Connect><Stream url='wss://host/x?token=1'/></Connect>", "url cannot be"),
        ("<Connect><Stream url='wss://h/x' track='both_tracks'/></Connect>", "track cannot be"),
        ("<Connect/>", "exactly one noun"),
        ("<Pause length='1.5'/>", "length cannot be"),
        ("<Redirect/>", "empty"),
        ("<Gather><Redirect>/x</Redirect></Gather>", "Gather cannot hold Redirect"),
    ],
)
def test_what_twilio_warns_of_is_reported(inside: str, warning: str) -> None:
    assert any(warning in found for found in warnings_of(inside))


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (WebhookReply(0), "11200"),
        (WebhookReply(404), "11200"),
        (WebhookReply(302, "text/xml", b"<Response/>"), "11200"),
        (WebhookReply(200, "text/html", b"<Response/>"), "12300"),
        (WebhookReply(200, "text/xml", b""), "12100"),
        (WebhookReply(200, "text/xml", b"<Response>"), "12100"),
        (WebhookReply(200, "text/xml", b"<Answer/>"), "12100"),
        (WebhookReply(200, "text/xml", b"<!DOCTYPE a><Response/>"), "12100"),
    ],
)
def test_an_answer_that_is_no_twiml_is_refused_with_twilios_code(
    reply: WebhookReply, code: str
) -> None:
    with pytest.raises(DocumentError, match=code):
        read_reply(reply, lambda _: None)


@given(st.binary() | st.text().map(lambda text: f"<Response>{text}</Response>".encode()))
def test_no_document_breaks_the_carrier(body: bytes) -> None:
    refusal = ""
    try:
        read_document(body, lambda _: None)
    except DocumentError as error:
        refusal = str(error)
    assert not refusal or refusal[:5].isdigit()
