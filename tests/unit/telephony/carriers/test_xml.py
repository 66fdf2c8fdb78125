from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from desktop_voice.telephony import addresses
from desktop_voice.telephony.carriers import xml

ANY = st.text(st.characters(codec=None, categories=None))


@given(ANY, ANY)
@settings(max_examples=1000, deadline=None)
def test_any_text_and_any_value_make_a_document(text: str, value: str) -> None:
    root = xml.response()
    xml.add(root, "Say", text, {"hints": value})
    read = ElementTree.fromstring(xml.reply(root).body)  # noqa: S314
    assert [element.tag for element in read.iter()] == ["Response", "Say"]
    lines = xml.clean(text).replace("\r\n", "\n").replace("\r", "\n")
    assert (read[0].text or "") == lines
    assert read[0].get("hints") == xml.clean(value)


def test_only_what_xml_forbids_is_dropped() -> None:
    kept = "\t\n\r é 東京 😀 \u200f & < > ' \""
    assert xml.clean(f"{kept}\x00\x0b\x1f\ud800\ufffe\uffff") == kept


def test_an_address_for_one_fetch_says_the_same_and_differs() -> None:
    plain = "https://phone.example.com/hook"
    with_query = f"{plain}?call=1&at=poll&turn=t"
    for url in (plain, with_query):
        first, second = xml.once(url), xml.once(url)
        assert first != second
        assert addresses.read(first) == addresses.read(url)
        assert first.startswith(url)
