"""Public host names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.tunnel.public_names import public_base


@pytest.mark.parametrize(
    "name",
    [
        "",
        "com",
        "localhost",
        "a.trycloudflare.com/x",
        "user@a.trycloudflare.com",
        "a.trycloudflare.com:443",
        "a.trycloudflare.com\n",
        "a\0.trycloudflare.com",
        "a..trycloudflare.com",
        "-a.trycloudflare.com",
        "a b.trycloudflare.com",
        "tést.trycloudflare.com",
        "a.trycloudflare.com.",
        "a.trycloudflare.com.evil.example",
        "trycloudflare.com",
        "eviltrycloudflare.com",
        f"{'a' * 64}.trycloudflare.com",
        f"{'a.' * 130}trycloudflare.com",
        "127.0.0.1",
        None,
        7,
        ["a.trycloudflare.com"],
    ],
)
def test_what_is_no_plain_name_below_the_suffix_is_refused(name: object) -> None:
    with pytest.raises(ValueError, match="not a host name"):
        public_base(name, ".trycloudflare.com")


def test_a_plain_name_becomes_an_address_in_small_letters() -> None:
    assert public_base("Calm-River.TryCloudflare.com", ".trycloudflare.com") == (
        "https://calm-river.trycloudflare.com"
    )
    assert public_base("xn--bcher-kva.example") == "https://xn--bcher-kva.example"


@given(st.one_of(st.text(), st.text(alphabet="a.-:/@\n\r\t %A0", max_size=40)))
def test_whatever_it_is_given_it_never_returns_anything_but_a_plain_address(name: str) -> None:
    try:
        base = public_base(name)
    except ValueError:
        return
    assert re.fullmatch(r"https://[a-z0-9.-]+", base, re.ASCII)
    assert base.removeprefix("https://") == name.lower()
