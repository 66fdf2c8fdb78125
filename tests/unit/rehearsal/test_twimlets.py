from __future__ import annotations

import pytest

from desktop_voice.rehearsal.twilio_document import read_document
from desktop_voice.rehearsal.twimlets import twimlet


@pytest.mark.parametrize(
    ("url", "kind", "detail", "verb"),
    [
        ("https://twimlets.com/message?Message%5B0%5D=Fish%20%26%20chips", "message", None, "Say"),
        ("http://twimlets.com/forward?PhoneNumber=%2B14155550123", "forward", "+14155550123", None),
        ("https://twimlets.com/voicemail?Email=me%40example.com", "voicemail", None, "Say"),
    ],
)
def test_it_answers_with_twiml(url: str, kind: str, detail: str | None, verb: str | None) -> None:
    page = twimlet(url)
    assert page is not None
    assert page.kind == kind
    assert page.detail == (detail or page.detail)
    warnings: list[str] = []
    verbs = read_document(page.twiml, warnings.append)
    assert [v.tag for v in verbs] == [verb or "Dial"]
    assert warnings == []
    if kind == "message":
        assert verbs[0].text == page.detail == "Fish & chips"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://example.com/message?Message%5B0%5D=a",
        "https://twimlets.com.example.com/message?Message%5B0%5D=a",
        "https://twimlets.com/message",
        "https://twimlets.com/message?message=a",
        "https://twimlets.com/forward?Number=1",
        "https://twimlets.com/voicemail?Email=me",
        "https://twimlets.com/menu?Message=a",
    ],
)
def test_what_it_would_not_understand_is_none(url: str) -> None:
    assert twimlet(url) is None
