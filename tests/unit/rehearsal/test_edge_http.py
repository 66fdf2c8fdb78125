"""HTTP at the edge: heads survive being taken apart, bodies are passed on as they are framed."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.rehearsal.edge_http import Head, pass_body, to_client, to_origin

NAMES = st.from_regex(r"[A-Za-z0-9-]{1,12}", fullmatch=True)
VALUES = st.from_regex(r"([!-~]([ -~]{0,20}[!-~])?)?", fullmatch=True)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=8))
def test_a_head_comes_out_as_it_went_in(headers: list[tuple[str, str]]) -> None:
    head = Head("GET /a%2Fb?c=%41 HTTP/1.1", tuple(headers))
    assert Head.parse(head.render()) == head
    assert head.target == "/a%2Fb?c=%41"


@given(st.binary(max_size=200))
def test_rubbish_is_an_error_or_a_head(raw: bytes) -> None:
    try:
        head = Head.parse(raw + b"\r\n\r\n")
        assert head.length is None or head.length >= 0
        assert head.status >= 0
    except ValueError:
        return
    assert head.render().endswith(b"\r\n\r\n")


@given(st.lists(st.tuples(NAMES, VALUES), max_size=8))
def test_no_client_speaks_for_the_edge(headers: list[tuple[str, str]]) -> None:
    spoofed = ("cF-cOnNeCtInG-iP", "10.0.0.1")
    head = Head("GET / HTTP/1.1", (spoofed, *headers, ("Connection", "CF-Connecting-IP")))
    passed = to_origin(head, "198.51.100.1", "ray")
    told = [value for name, value in passed.headers if name.lower() == "cf-connecting-ip"]
    assert told == ["198.51.100.1"]


def test_an_upgrade_stays_one() -> None:
    asked = Head(
        "GET / HTTP/1.1",
        (
            ("Connection", "keep-alive, Upgrade"),
            ("Upgrade", "WebSocket"),
            ("Sec-WebSocket-Key", "k"),
        ),
    )
    passed = to_origin(asked, "198.51.100.1", "ray")
    assert passed.is_upgrade
    assert passed.get("sec-websocket-key") == "k"
    answered = Head("HTTP/1.1 101 Switching Protocols", (("Sec-WebSocket-Accept", "a"),))
    assert to_client(answered, "ray").is_upgrade


def _reader(data: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return reader


CHUNKED = Head("POST / HTTP/1.1", (("Transfer-Encoding", "chunked"),))


async def test_chunks_are_put_together() -> None:
    data = b"3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\nnext"
    reader = _reader(data)
    assert await pass_body(CHUNKED, reader, None) == b"abc0123456789"
    assert await reader.read() == b"next"


@pytest.mark.parametrize("data", [b"", b"3\r\nab", b"5", b"-1\r\n\r\n", b"zz\r\n\r\n", b"\r\n"])
async def test_broken_chunks_are_an_error(data: bytes) -> None:
    with pytest.raises((ValueError, EOFError)):
        await pass_body(CHUNKED, _reader(data), None)


async def test_a_body_that_is_cut_off_is_an_error() -> None:
    head = Head("POST / HTTP/1.1", (("Content-Length", "4"),))
    assert await pass_body(head, _reader(b"abcdef"), None) == b"abcd"
    with pytest.raises(EOFError):
        await pass_body(head, _reader(b"abc"), None)
