from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.telephony.carriers.carrier import WebhookRefusedError, WebhookRequest
from desktop_voice.telephony.carriers.webhook_forms import event_key, header, read_form, split_url
from tests.helpers.webhook_cases import FORM

URL = "https://phone.example.com/hook?call=1&at=poll"
NAMES = st.text(st.characters(codec="utf-8"), min_size=1)
VALUES = st.text(st.characters(codec="utf-8"))


def request(body: bytes = b"", url: str = URL, **headers: tuple[str, ...]) -> WebhookRequest:
    return WebhookRequest("POST", url, {"content-type": (FORM,), **headers}, body)


@given(st.lists(st.tuples(NAMES, VALUES), min_size=1, max_size=20))
def test_whatever_an_encoder_writes_is_read(pairs: list[tuple[str, str]]) -> None:
    assert list(read_form(request(urlencode(pairs).encode())).pairs) == pairs


@given(st.binary(max_size=200))
def test_anything_else_is_refused(body: bytes) -> None:
    try:
        form = read_form(request(body))
    except WebhookRefusedError:
        return
    assert all(name for name, _ in form.pairs)


def test_a_field_that_is_used_stands_once() -> None:
    form = read_form(request(b"a=1&b=2&b=2"))
    assert (form.one("a"), form.one("missing")) == ("1", "")
    with pytest.raises(WebhookRefusedError):
        form.one("b")


@pytest.mark.parametrize("values", [(), ("",), ("a", "a"), ("a", "b")])
def test_a_header_stands_once(values: tuple[str, ...]) -> None:
    assert header(request(signature=("x",)), "signature") == "x"
    with pytest.raises(WebhookRefusedError):
        header(request(signature=values), "signature")


def test_an_address_is_split_as_it_came() -> None:
    spelled = "https://Phone.example.com//a/%2e/?q=%41&&x"
    assert split_url(request(url=spelled)) == ("https://Phone.example.com//a/%2e/", "q=%41&&x")
    for bad in ("https://h/?", "https://h/#x", "https://h/ ", "https://h/\n", "https://h/ü", ""):
        with pytest.raises(WebhookRefusedError):
            split_url(request(url=bad))


def test_keys_tell_deliveries_and_carriers_apart() -> None:
    keys = {
        event_key("twilio", request(), "a", "b"),
        event_key("twilio", request(), "ab"),
        event_key("twilio", request(), "a", "", "b"),
        event_key("plivo", request(), "a", "b"),
        event_key("twilio", request(url=f"{URL}&turn=1"), "a", "b"),
    }
    assert len(keys) == 5
    assert event_key("twilio", request(), "a", "b") in keys
