"""Tailscale Funnel, with a stand-in command and daemon."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from desktop_voice.core.errors import PhoneError
from desktop_voice.tunnel.tailscale import TailscaleFunnel
from tests.helpers.processes import children
from tests.helpers.tunnel_lab import BRISK, records, write_program

ORIGIN = "http://127.0.0.1:8000"
ME = {
    "DNSName": "desk.tail1234.ts.net.",
    "Online": True,
    "CapMap": {"https": None, "funnel": None, "other": None},
}
RUNNING = {"BackendState": "Running", "Self": ME}
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def funnel_with(folder: Path, ready_s: float = 20.0, **options: Any) -> TailscaleFunnel:
    write_program(
        folder / "bin", "tailscale", record=folder / "starts", state=folder / "state", **options
    )
    return TailscaleFunnel(programs=folder / "bin", pace=replace(BRISK, ready_s=ready_s))


async def refusal(tunnel: TailscaleFunnel) -> PhoneError:
    with pytest.raises(PhoneError) as caught:
        await tunnel.start(ORIGIN)
    assert tunnel.base == ""
    assert children() == set()
    return caught.value


async def test_it_opens_this_machines_name_while_the_command_runs(tmp_path: Path) -> None:
    tunnel = funnel_with(tmp_path, status=RUNNING)
    assert await tunnel.start(ORIGIN) == "https://desk.tail1234.ts.net"
    assert await tunnel.is_ready()
    assert not tunnel.tells_client
    assert [start["arguments"] for start in records(tmp_path / "starts")] == [
        ["funnel", "--yes", "--https=443", ORIGIN]
    ]
    await tunnel.stop()
    assert not await tunnel.is_ready()
    assert children() == set()


async def test_what_the_user_serves_on_another_port_is_left_alone(tmp_path: Path) -> None:
    served = {"TCP": {"8443": {"HTTPS": True}}}
    tunnel = funnel_with(tmp_path, status=RUNNING, served=served)
    await tunnel.start(ORIGIN)
    await tunnel.stop()
    assert not [
        word
        for start in records(tmp_path / "starts")
        for word in start["arguments"]
        if word in {"reset", "off"}
    ]


async def test_what_the_user_serves_on_this_port_is_not_taken_away(tmp_path: Path) -> None:
    served = {"TCP": {"443": {"HTTPS": True}}}
    problem = await refusal(funnel_with(tmp_path, status=RUNNING, served=served))
    assert (problem.code, problem.retryable) == ("TUNNEL-14", False)
    assert not records(tmp_path / "starts")


@pytest.mark.parametrize(
    ("status", "code", "words", "is_retryable"),
    [
        (None, "TUNNEL-14", "does not run", True),
        ({"BackendState": "NeedsLogin"}, "TUNNEL-14", "logged in", True),
        ({"BackendState": "Stopped"}, "TUNNEL-14", "not connected", True),
        (
            {"BackendState": "Running", "Self": {**ME, "CapMap": {"https": None}}},
            "TUNNEL-14",
            "not allowed",
            False,
        ),
        (
            {"BackendState": "Running", "Self": {**ME, "DNSName": "desk.example.com."}},
            "TUNNEL-11",
            "address",
            False,
        ),
        (
            {"BackendState": "Running", "Self": {**ME, "DNSName": "a/b.ts.net."}},
            "TUNNEL-11",
            "address",
            False,
        ),
        ({"BackendState": "Running", "Self": "me"}, "TUNNEL-11", "address", False),
    ],
)
async def test_what_stands_in_the_way_is_said(
    status: dict[str, Any] | None, code: str, words: str, is_retryable: bool, tmp_path: Path
) -> None:
    options: dict[str, Any] = {} if status is None else {"status": status}
    problem = await refusal(funnel_with(tmp_path, **options))
    assert (problem.code, problem.retryable) == (code, is_retryable)
    assert words in problem.what


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Funnel not available; HTTPS must be enabled.", "not allowed here"),
        ("error: Access denied: serve config denied", "this user"),
        ("background configuration already exists, use `tailscale funnel off`", "port 443"),
    ],
)
async def test_a_command_that_refuses_is_explained(line: str, words: str, tmp_path: Path) -> None:
    problem = await refusal(funnel_with(tmp_path, status=RUNNING, say=[line], then_exit=1))
    assert (problem.code, problem.retryable) == ("TUNNEL-14", False)
    assert words in problem.what


async def test_a_command_that_waits_for_a_browser_is_not_waited_for(tmp_path: Path) -> None:
    say = ["Funnel is not enabled on your tailnet.", "To enable, visit:"]
    problem = await refusal(funnel_with(tmp_path, 100.0, status=RUNNING, say=say, waits=True))
    assert problem.code == "TUNNEL-14"
    assert "admin console" in problem.do


async def test_a_command_that_is_killed_is_a_fault(tmp_path: Path) -> None:
    tunnel = funnel_with(tmp_path, status=RUNNING)
    await tunnel.start(ORIGIN)
    os.kill(records(tmp_path / "starts")[0]["pid"], signal.SIGKILL)
    assert (await tunnel.fault()).retryable
    await tunnel.stop()


async def test_without_tailscale_it_says_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (await refusal(TailscaleFunnel())).code == "TUNNEL-02"
