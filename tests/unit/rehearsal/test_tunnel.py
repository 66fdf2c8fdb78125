"""The tunnel: every public base ends where it was last led to, and no other URL ends anywhere."""

from __future__ import annotations

import pytest

from desktop_voice.rehearsal.tunnel import Local, Tunnel


def test_every_public_base_leads_to_its_own_origin_until_it_is_moved() -> None:
    tunnel = Tunnel()
    tunnel.open("https://one.localhost", "http://127.0.0.1:1001")
    tunnel.open("https://two.localhost/", "http://127.0.0.1:1002")

    assert tunnel.locate("https://one.localhost/a%2Fb?c=%41&d#e") == Local(
        "http://127.0.0.1:1001/a%2Fb?c=%41&d", "one.localhost"
    )
    assert tunnel.locate("wss://TWO.localhost") == Local("ws://127.0.0.1:1002/", "TWO.localhost")

    tunnel.open("https://One.localhost", "http://127.0.0.1:1003")
    assert tunnel.locate("https://one.localhost/") == Local(
        "http://127.0.0.1:1003/", "one.localhost"
    )
    assert tunnel.locate("https://two.localhost/") is not None


@pytest.mark.parametrize(
    "url", ["http://one.localhost/", "https://other.localhost/", "https://", "", "one.localhost"]
)
def test_a_url_that_is_not_the_apps_ends_nowhere(url: str) -> None:
    tunnel = Tunnel()
    assert tunnel.locate(url) is None
    tunnel.open("https://one.localhost", "http://127.0.0.1:1001")
    assert tunnel.locate(url) is None
