"""The stand-in cloudflared: it starts, tells of itself, fails and ends as the real one does."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.rehearsal.edge_lab import WAIT_S, EdgeLab, process_lives, until
from tests.unit.rehearsal.fake_app import FakeApp

HEAVY = ("numpy", "aiohttp", "cryptography", "pydantic", "desktop_voice.core")
ORIGIN = "http://127.0.0.1:9"


async def test_it_says_its_version(lab: EdgeLab) -> None:
    done = await asyncio.to_thread(
        subprocess.run, [lab.program, "--version"], capture_output=True, text=True, timeout=WAIT_S
    )
    assert done.returncode == 0
    assert done.stdout.startswith("cloudflared version 20")


def test_it_imports_nothing_heavy() -> None:
    code = (
        "import sys, desktop_voice.rehearsal.cloudflared\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_a_quick_tunnel_names_itself_before_it_is_connected(
    lab: EdgeLab, app: FakeApp
) -> None:
    lab.fault("blocked")
    stand_in = await lab.quick(app.origin)
    await stand_in.logged("Failed to dial")
    assert await lab.status(stand_in.host) == 530
    assert await stand_in.site("/quicktunnel") == (200, json.dumps({"hostname": stand_in.host}))
    assert await stand_in.site("/healthcheck") == (200, "OK\n")
    status, body = await stand_in.site("/ready")
    assert (status, json.loads(body)["readyConnections"]) == (503, 0)
    assert "ha_connections 0" in (await stand_in.site("/metrics"))[1]
    assert (await stand_in.site("/elsewhere"))[0] == 404
    assert lab.reports == []


async def test_a_connected_tunnel_is_ready_and_open(lab: EdgeLab, app: FakeApp) -> None:
    stand_in = await lab.connected(app.origin)
    status, body = await stand_in.site("/ready")
    answer = json.loads(body)
    assert (status, answer["status"], answer["readyConnections"]) == (200, 200, 1)
    assert await lab.status(stand_in.host) == 404
    assert lab.reports == [{"type": "tunnel", "host": stand_in.host, "connected": True}]
    stand_in.process.kill()
    await stand_in.ended()


@pytest.mark.parametrize(
    ("protocol", "connects"), [("http2", True), ("auto", True), ("quic", False), (None, False)]
)
async def test_a_network_without_udp_wants_tcp(
    lab: EdgeLab, app: FakeApp, protocol: str | None, *, connects: bool
) -> None:
    lab.fault("udp_blocked", after_ms=50)
    options = lab.options()
    more = ["--protocol", protocol] if protocol else []
    place = options.index("--protocol")
    options[place : place + 2] = more
    stand_in = await lab.run("tunnel", *options, "--url", app.origin)
    if connects:
        await stand_in.logged("Registered tunnel connection")
    else:
        await stand_in.logged("Failed to dial")
    assert await stand_in.ready() == (200 if connects else 503)


async def test_a_tunnel_may_be_reachable_later_than_it_is_ready(lab: EdgeLab, app: FakeApp) -> None:
    lab.fault("slow_to_reach", after_ms=400)
    stand_in = await lab.connected(app.origin)
    assert await stand_in.ready() == 200
    assert await lab.status(stand_in.host) == 530
    async with asyncio.timeout(WAIT_S):
        while (status := await lab.status(stand_in.host)) == 530:
            pass
    assert status == 404


async def test_who_starts_too_many_is_told_so(lab: EdgeLab) -> None:
    lab.fault("rate_limited", count=1)
    refused = await lab.run("tunnel", *lab.options(), "--url", ORIGIN)
    assert await refused.ended() == 1
    assert "429 Too Many Requests" in await refused.logged("Error unmarshaling QuickTunnel")
    await refused.logged("failed to unmarshal quick Tunnel")
    assert not any("trycloudflare.com  " in line for line in refused.log)
    await lab.connected(ORIGIN)


async def test_a_metrics_port_that_is_taken_ends_it(lab: EdgeLab) -> None:
    options = lab.options()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        options[options.index("--metrics") + 1] = f"127.0.0.1:{taken.getsockname()[1]}"
        stand_in = await lab.run("tunnel", *options, "--url", ORIGIN)
        assert await stand_in.ended() == 1
    await stand_in.logged("Error opening metrics server listener")
    assert ".trycloudflare.com" in "".join(stand_in.log)
    assert lab.tunnels() == []


async def test_a_named_tunnel_has_its_own_name(lab: EdgeLab, app: FakeApp, tmp_path: Path) -> None:
    token = lab.name("phone.example.com", app.origin)
    file = tmp_path / "token"
    file.write_text(f" {token}\n", "ascii")
    by_file = await lab.run("tunnel", *lab.options(), "run", "--token-file", str(file))
    await by_file.logged("Registered tunnel connection")
    assert await by_file.site("/quicktunnel") == (200, '{"hostname": ""}')
    assert await lab.status("phone.example.com") == 404

    by_variable = await lab.run("tunnel", *lab.options(), "run", TUNNEL_TOKEN=token)
    await by_variable.logged("Registered tunnel connection")
    await by_file.kill()
    assert await lab.status("phone.example.com") == 404
    await by_variable.kill()
    assert await lab.status("phone.example.com") == 530
    assert token not in "".join(by_file.log + by_variable.log)


async def test_a_named_tunnel_that_leads_nowhere_is_unavailable(lab: EdgeLab) -> None:
    token = lab.name("phone.example.com")
    stand_in = await lab.run("tunnel", *lab.options(), "run", TUNNEL_TOKEN=token)
    await stand_in.logged("Registered tunnel connection")
    assert await lab.status("phone.example.com") == 503


async def test_a_token_of_another_account_is_refused(lab: EdgeLab, tmp_path: Path) -> None:
    foreign = "eyJhIjogIjEiLCAidCI6ICIyIiwgInMiOiAiMyJ9"
    stand_in = await lab.run("tunnel", *lab.options(), "run", TUNNEL_TOKEN=foreign)
    assert await stand_in.ended() == 1
    await stand_in.logged("Unauthorized: Invalid tunnel secret")


async def test_a_token_on_the_command_line_is_a_violation(lab: EdgeLab) -> None:
    token = lab.name("phone.example.com")
    stand_in = await lab.run("tunnel", *lab.options(), "run", "--token", token)
    await stand_in.logged("Registered tunnel connection")
    assert [report["type"] for report in lab.reports] == ["violation", "tunnel"]


async def test_the_log_can_be_json_and_can_hide_the_name(lab: EdgeLab) -> None:
    told = await lab.connected(ORIGIN, "--output", "json")
    lines = [json.loads(line) for line in told.log]
    assert all(line["level"] == "info" and line["time"] for line in lines)
    hidden = await lab.run("tunnel", *lab.options(), "--loglevel", "error", "--url", ORIGIN)
    await until(lambda: len(lab.tunnels()) == 2)
    assert hidden.log == []


async def test_its_pid_is_written_when_it_is_connected(lab: EdgeLab, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    stand_in = await lab.connected(ORIGIN, "--pidfile", str(file))
    await until(lambda: file.exists() and file.read_text("ascii") != "")
    assert int(file.read_text("ascii")) == stand_in.process.pid


@pytest.mark.parametrize("arguments", [["dance"], ["tunnel", "--frob"], []])
async def test_a_wrong_command_line_is_status_255(lab: EdgeLab, arguments: list[str]) -> None:
    stand_in = await lab.run(*arguments)
    assert await stand_in.ended() == 255
    await stand_in.logged("Incorrect Usage")


async def test_nothing_of_it_outlives_the_world(lab: EdgeLab, app: FakeApp) -> None:
    open_one = await lab.connected(app.origin)
    named = await lab.run(
        "tunnel", *lab.options(), "run", TUNNEL_TOKEN=lab.name("phone.example.com")
    )
    await named.logged("Registered tunnel connection")
    await lab.visitor.close()
    await lab.world.close()
    assert [await open_one.ended(), await named.ended()] == [1, 1]
    if sys.platform == "linux":
        assert not process_lives(open_one.process.pid)


def test_it_does_nothing_without_a_world(tmp_path: Path) -> None:
    config = tmp_path / "own.yml"
    config.touch()
    command = [sys.executable, "-m", "desktop_voice.rehearsal.cloudflared", "tunnel"]
    for world in ({}, {"DESKTOP_VOICE_REHEARSAL": str(tmp_path / "none.json")}):
        done = subprocess.run(
            [*command, "--config", str(config), "--url", ORIGIN],
            env={"PATH": os.environ["PATH"], **world},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, "no rehearsal" in done.stderr) == (1, True)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGPIPE on Windows")
async def test_it_ends_when_nobody_keeps_its_log(lab: EdgeLab) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [lab.program, "tunnel", *lab.options(), "--url", ORIGIN]
    process = await asyncio.create_subprocess_exec(*command, stderr=writing)
    os.close(writing)
    async with asyncio.timeout(WAIT_S):
        assert await process.wait() == 1
    assert lab.tunnels() == []
