"""The client: commands reach the running app, and nobody else gets the token."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from desktop_voice.core.calls import CallMode
from desktop_voice.core.errors import CommandError, PhoneError
from desktop_voice.server.client import LocalApiClient
from desktop_voice.server.local_address import LocalAddress
from tests.helpers.local_api import RunningApp, serving


async def test_a_command_does_all_that_it_needs(tmp_path: Path) -> None:
    app, file = RunningApp(), tmp_path / "local-api.json"

    def command() -> None:
        client = LocalApiClient(file)
        assert client.status()["state"] == "armed"
        assert [each["carrier"] for each in client.health()] == ["twilio", "plivo"]
        assert client.transcribe(b"RIFF....") == "turn on the light"
        approval = client.request_call(
            "+14155550123", CallMode.CONVERSATION, "Grüß Gott", approve_at="terminal"
        )
        assert client.preview(approval["id"]) == approval
        call = client.settle_approval(approval["id"], True, approval["sha256"])
        assert call is not None
        assert [each["id"] for each in client.calls()] == [call["id"]]
        assert client.transcript(call["id"])[0]["text"] == "Grüß Gott"
        client.hang_up(call["id"])
        assert client.calls() == []
        assert client.hang_up_all() == []
        assert [each["reason_text"] for each in client.history("ü &=", 5)] == ["Hung up from here."]
        denied = client.request_call("+14155550123", CallMode.NOTIFY, "", approve_at="terminal")
        assert client.settle_approval(denied["id"], False, denied["sha256"]) is None
        with pytest.raises(PhoneError) as refused:
            client.hang_up("none/../calls")
        assert refused.value.code == "PHONE-10"

    async with serving(app, file):
        await asyncio.to_thread(command)
        assert app.asked == [("ü &=", 5, "")]
        assert app.settled[-1] == ("approval-1", False)


async def test_what_the_app_refuses_is_raised_in_its_words(tmp_path: Path) -> None:
    file = tmp_path / "local-api.json"
    async with serving(RunningApp(), file):
        client = LocalApiClient(file)
        with pytest.raises(PhoneError) as refused:
            await asyncio.to_thread(client.request_call, "911", CallMode.NOTIFY, "")
        assert (refused.value.code, refused.value.do) == ("PHONE-02", "Write it with +.")
        with pytest.raises(CommandError) as odd:
            await asyncio.to_thread(client.settle_approval, "none", True, "x")
        assert odd.value.code == "LOCAL-03"


async def not_running(file: Path) -> None:
    with pytest.raises(CommandError) as caught:
        await asyncio.to_thread(LocalApiClient(file).status)
    assert caught.value.code == "LOCAL-01"
    assert "desktop-voice" in caught.value.do


async def test_without_an_app_the_command_says_so(tmp_path: Path) -> None:
    file = tmp_path / "local-api.json"
    await not_running(file)
    async with serving(RunningApp(), file) as api:
        address = LocalAddress.load(file)
        assert address is not None
        await api.close()
        address.save(file)
        await not_running(file)


@contextlib.asynccontextmanager
async def stranger(answer: bytes, got: list[bytes]) -> AsyncIterator[int]:
    """Another user's program on a port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b'HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"proof": "x"}',
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 100_000,
    ],
    ids=range(5),
)
async def test_whoever_took_the_port_of_a_dead_app_does_not_get_the_token(
    tmp_path: Path, answer: bytes
) -> None:
    got: list[bytes] = []
    async with stranger(answer, got) as port:
        address = LocalAddress.new(port)
        address.save(tmp_path / "local-api.json")
        await not_running(tmp_path / "local-api.json")
        assert len(got) == 1
        assert address.token.encode() not in got[0]
        assert b"Authorization" not in got[0]
