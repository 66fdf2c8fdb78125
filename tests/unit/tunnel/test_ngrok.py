"""ngrok's tunnel, with a stand-in agent."""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from desktop_voice.core.errors import PhoneError
from desktop_voice.tunnel.ngrok import Ngrok
from desktop_voice.tunnel.program_tunnel import TunnelPace
from tests.helpers.processes import children, command_line
from tests.helpers.tunnel_lab import BRISK, records, write_program

ORIGIN = "http://127.0.0.1:8000"
TOKEN = "2abc-secret"
UP = json.dumps({"lvl": "info", "msg": "client session established", "obj": "csess"})
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture(autouse=True)
def nothing_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")


def tunnel_with(
    folder: Path, pace: TunnelPace = BRISK, domain: str = "", token: str = TOKEN, **options: Any
) -> Ngrok:
    options.setdefault("hostname", "calm-{pid}.ngrok-free.app")
    write_program(folder / "bin", "ngrok", record=folder / "starts", **options)
    return Ngrok(folder / "own", token=token, domain=domain, programs=folder / "bin", pace=pace)


async def refusal(tunnel: Ngrok) -> PhoneError:
    with pytest.raises(PhoneError) as caught:
        await tunnel.start(ORIGIN)
    assert tunnel.base == ""
    assert children() == set()
    return caught.value


async def test_it_gives_its_address_and_hides_the_token(tmp_path: Path) -> None:
    tunnel = tunnel_with(tmp_path, say=[UP])
    base = await tunnel.start(ORIGIN)
    (start,) = records(tmp_path / "starts")
    assert base == f"https://calm-{start['pid']}.ngrok-free.app"
    assert await tunnel.is_ready()
    assert not tunnel.tells_client
    assert all(TOKEN not in command_line(pid) for pid in children())
    assert TOKEN not in start["config"]
    assert start["environment"]["NGROK_AUTHTOKEN"] == TOKEN
    assert start["arguments"] == [
        *("http", ORIGIN, "--config", str(tmp_path / "own" / "ngrok.yml")),
        *("--log", "stdout", "--log-format", "json"),
    ]
    await tunnel.stop()
    assert children() == set()


async def test_the_users_domain_is_asked_for_and_nothing_else_is_taken(tmp_path: Path) -> None:
    domain = "phone.example.com"
    tunnel = tunnel_with(tmp_path, domain=domain, hostname=domain)
    assert await tunnel.start(ORIGIN) == f"https://{domain}"
    assert records(tmp_path / "starts")[0]["arguments"][-2:] == ["--url", f"https://{domain}"]
    await tunnel.stop()
    other = tunnel_with(tmp_path, domain=domain, hostname="other.example.com")
    assert (await refusal(other)).code == "TUNNEL-11"


@pytest.mark.parametrize(
    "address",
    [
        "http://calm.ngrok-free.app",
        "tcp://0.tcp.ngrok.io:12345",
        "https://calm.ngrok-free.app/path",
        "https://user@calm.ngrok-free.app",
        "https://calm.ngrok-free.app:8443",
        "https://calm.ngrok-free.app\n",
        "https://127.0.0.1",
        "",
        7,
    ],
)
async def test_an_address_that_cannot_be_right_is_refused(address: object, tmp_path: Path) -> None:
    body = json.dumps({"tunnels": [{"public_url": address}]})
    assert (await refusal(tunnel_with(tmp_path, body=body))).code == "TUNNEL-11"


@pytest.mark.parametrize(
    ("words", "code", "is_retryable"),
    [
        ("authentication failed: ERR_NGROK_105", "TUNNEL-09", False),
        ("requires a verified account and authtoken. ERR_NGROK_4018", "TUNNEL-09", False),
        ("Your ngrok-agent version is too old. ERR_NGROK_121", "TUNNEL-14", False),
        ("The domain is not reserved. ERR_NGROK_320", "TUNNEL-14", False),
        ("limited to 1 simultaneous ngrok agent sessions. ERR_NGROK_108", "TUNNEL-14", True),
        ("The endpoint is already online. ERR_NGROK_334", "TUNNEL-14", True),
        ("dial tcp: lookup connect.ngrok-agent.com: no such host", "TUNNEL-08", True),
        ("nobody knows", "TUNNEL-06", True),
    ],
)  # fmt: skip
async def test_an_agent_that_ends_is_explained_by_its_words(
    words: str, code: str, is_retryable: bool, tmp_path: Path
) -> None:
    line = json.dumps({"lvl": "eror", "msg": "failed to reconnect session", "err": words})
    problem = await refusal(tunnel_with(tmp_path, say=[line], then_exit=1))
    assert (problem.code, problem.retryable) == (code, is_retryable)


async def test_a_session_that_is_down_is_not_ready(tmp_path: Path) -> None:
    down = json.dumps({"lvl": "eror", "msg": "session closed, starting reconnect loop"})
    tunnel = tunnel_with(tmp_path, replace(BRISK, ready_s=0.5), say=[UP, down])
    assert (await refusal(tunnel)).code == "TUNNEL-07"
    again = tunnel_with(tmp_path, say=[UP, down, UP])
    await again.start(ORIGIN)
    await again.stop()


async def test_without_a_token_or_the_agent_it_says_what_to_do(tmp_path: Path) -> None:
    problem = await refusal(tunnel_with(tmp_path, token=""))
    assert problem.code == "TUNNEL-09"
    assert "ngrok_authtoken" in problem.do
    problem = await refusal(Ngrok(tmp_path, token=TOKEN))
    assert problem.code == "TUNNEL-02"
    assert "Install it" in problem.do


async def test_an_agent_that_is_killed_is_a_fault(tmp_path: Path) -> None:
    tunnel = tunnel_with(tmp_path)
    await tunnel.start(ORIGIN)
    os.kill(records(tmp_path / "starts")[0]["pid"], signal.SIGKILL)
    assert (await tunnel.fault()).code == "TUNNEL-06"
    await tunnel.stop()
