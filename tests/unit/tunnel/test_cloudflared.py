"""Cloudflare's tunnel, with a stand-in program."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from desktop_voice.core.errors import PhoneError
from desktop_voice.core.phone_settings import TunnelProtocol
from desktop_voice.tunnel.cloudflared import Cloudflared
from desktop_voice.tunnel.cloudflared_binary import BinarySource, CloudflaredBinary
from desktop_voice.tunnel.program_tunnel import TunnelPace
from desktop_voice.tunnel.way import PublicWay
from tests.helpers.processes import children, command_line, is_running
from tests.helpers.tunnel_lab import BRISK, eventually, records, write_program

ORIGIN = "http://127.0.0.1:8000"
TOKEN = "tok-5e1f-secret"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture(autouse=True)
def nothing_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")


def tunnel_to(folder: Path, pace: TunnelPace = BRISK, **options: Any) -> Cloudflared:
    binary = CloudflaredBinary(
        folder / "cache", PublicWay(), programs=folder / "bin", source=BinarySource()
    )
    return Cloudflared(binary, folder / "cache", pace=pace, **options)


def stand_in(folder: Path, **options: object) -> Path:
    write_program(folder / "bin", "cloudflared", record=folder / "starts", **options)
    return folder


async def refusal(tunnel: Cloudflared) -> PhoneError:
    with pytest.raises(PhoneError) as caught:
        await tunnel.start(ORIGIN)
    assert tunnel.base == ""
    assert children() == set()
    return caught.value


async def test_a_quick_tunnel_gives_its_address_once_it_is_connected(tmp_path: Path) -> None:
    gate = tmp_path / "offline"
    gate.touch()
    tunnel = tunnel_to(stand_in(tmp_path, not_ready_if=gate))
    starting = asyncio.create_task(tunnel.start(ORIGIN))
    await eventually(lambda: bool(records(tmp_path / "starts")))
    assert tunnel.base == ""
    gate.unlink()
    base = await starting
    pid = records(tmp_path / "starts")[0]["pid"]
    assert base == tunnel.base == f"https://calm-river-{pid}.trycloudflare.com"
    assert tunnel.tells_client
    assert await tunnel.is_ready()
    await tunnel.stop()
    await tunnel.stop()
    assert not await tunnel.is_ready()
    assert tunnel.base == ""
    assert children() == set()


async def test_the_command_line_is_what_cloudflared_wants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNNEL_URL", "http://elsewhere")
    monkeypatch.setenv("NO_AUTOUPDATE", "0")
    tunnel = tunnel_to(stand_in(tmp_path), protocol=TunnelProtocol.HTTP2)
    await tunnel.start(ORIGIN)
    await tunnel.stop()
    (start,) = records(tmp_path / "starts")
    port = start["arguments"][5]
    assert start["arguments"] == [
        *("tunnel", "--config", str(tmp_path / "cache" / "cloudflared.yml"), "--no-autoupdate"),
        *("--metrics", port, "--grace-period", "5s", "--protocol", "http2", "--url", ORIGIN),
    ]
    assert port.startswith("127.0.0.1:")
    assert start["config"] == "no-autoupdate: true\n"
    assert not {"TUNNEL_URL", "NO_AUTOUPDATE", "TUNNEL_TOKEN"} & start["environment"].keys()


async def test_a_named_tunnel_has_its_hostname_and_its_token_is_nowhere_to_be_seen(
    tmp_path: Path,
) -> None:
    folder = stand_in(tmp_path, say=["the token is $TUNNEL_TOKEN"])
    tunnel = tunnel_to(folder, hostname="phone.example.com", token=TOKEN)
    with capture_logs() as logs:
        assert await tunnel.start(ORIGIN) == "https://phone.example.com"
        (start,) = records(tmp_path / "starts")
        for pid in children():
            assert TOKEN not in command_line(pid)
            assert "run" in command_line(pid).split()
        await tunnel.stop()
    assert start["environment"]["TUNNEL_TOKEN"] == TOKEN
    assert start["environment"]["TUNNEL_TRANSPORT_PROTOCOL"] == "auto"
    assert "the token is …" in [entry.get("line") for entry in logs]
    assert TOKEN not in str(logs)
    assert [entry for entry in logs if "line" in entry and entry["log_level"] != "debug"] == []
    assert TOKEN not in "".join(path.read_text() for path in (tmp_path / "cache").iterdir())


async def test_a_named_tunnel_without_a_token_is_refused_before_anything_starts(
    tmp_path: Path,
) -> None:
    problem = await refusal(tunnel_to(stand_in(tmp_path), hostname="phone.example.com"))
    assert (problem.code, problem.retryable) == ("TUNNEL-09", False)
    assert "vault" in problem.do
    assert not records(tmp_path / "starts")


async def test_a_missing_program_offers_the_download(tmp_path: Path) -> None:
    binary = CloudflaredBinary(tmp_path, PublicWay())
    problem = await refusal(Cloudflared(binary, tmp_path))
    assert (problem.code, problem.retryable) == ("TUNNEL-01", False)
    assert problem.do == "Download cloudflared."


@pytest.mark.parametrize(
    ("say", "options", "code", "is_retryable"),
    [
        (
            'ERR Error unmarshaling QuickTunnel response: error code: 1015 status_code="429 Too '
            'Many Requests"',
            {},
            "TUNNEL-10",
            True,
        ),
        (
            'ERR Register tunnel error error="Unauthorized: Invalid tunnel secret"',
            {"hostname": "phone.example.com", "token": TOKEN},
            "TUNNEL-09",
            False,
        ),
        (
            "Provided Tunnel token is not valid.",
            {"hostname": "phone.example.com", "token": TOKEN},
            "TUNNEL-09",
            False,
        ),
        (
            "failed to request quick Tunnel: dial tcp: lookup api.trycloudflare.com: no such host",
            {},
            "TUNNEL-08",
            True,
        ),
        ("something of which nobody has heard", {}, "TUNNEL-06", True),
    ],
)
async def test_a_program_that_ends_is_explained_by_its_words(
    say: str, options: dict[str, Any], code: str, is_retryable: bool, tmp_path: Path
) -> None:
    folder = stand_in(tmp_path, say=[say], then_exit=1)
    problem = await refusal(tunnel_to(folder, **options))
    assert (problem.code, problem.retryable) == (code, is_retryable)
    assert say not in str(problem)


async def test_a_refused_token_is_not_waited_for(tmp_path: Path) -> None:
    gate = tmp_path / "offline"
    gate.touch()
    folder = stand_in(tmp_path, say=["Unauthorized: Invalid tunnel secret"], not_ready_if=gate)
    pace = replace(BRISK, ready_s=100.0)
    problem = await refusal(tunnel_to(folder, pace, hostname="a.example.com", token=TOKEN))
    assert problem.code == "TUNNEL-09"


@pytest.mark.parametrize(
    ("protocol", "advice"),
    [(TunnelProtocol.AUTO, "http2"), (TunnelProtocol.HTTP2, "firewall")],
)
async def test_one_that_never_connects_is_given_up_with_advice(
    protocol: TunnelProtocol, advice: str, tmp_path: Path
) -> None:
    gate = tmp_path / "offline"
    gate.touch()
    line = 'ERR Failed to dial a quic connection error="failed to dial to edge with quic: timeout"'
    folder = stand_in(tmp_path, say=[line], not_ready_if=gate)
    problem = await refusal(tunnel_to(folder, replace(BRISK, ready_s=0.5), protocol=protocol))
    assert (problem.code, problem.retryable) == ("TUNNEL-07", True)
    assert advice in problem.do


async def test_a_taken_port_is_changed_for_another(tmp_path: Path) -> None:
    tunnel = tunnel_to(stand_in(tmp_path, busy_once=tmp_path / "busy"))
    assert (await tunnel.start(ORIGIN)).startswith("https://calm-river-")
    await tunnel.stop()
    first, second = records(tmp_path / "starts")
    assert first["arguments"][5] != second["arguments"][5]


HOSTILE: list[dict[str, object]] = [
    {"hostname": "a.trycloudflare.com/x"},
    {"hostname": "user@a.trycloudflare.com"},
    {"hostname": "phone.example.com"},
    {"hostname": "a.trycloudflare.com.evil.example"},
    {"hostname": "a\r\nb.trycloudflare.com"},
    {"hostname": "a.trycloudflare.com\u0000"},
    {"hostname": "https://a.trycloudflare.com"},
    {"body": '{"hostname": 7}'},
    {"body": '{"hostname": null}'},
    {"body": '["a.trycloudflare.com"]'},
    {"body": "a.trycloudflare.com"},
    {"body": "[" * 50_000},
    {"body": '{"hostname":"a.trycloudflare.com"}' + " " * 100, "times": 100_000},
]


@pytest.mark.parametrize("answer", HOSTILE, ids=lambda answer: str(answer)[:40])
async def test_an_answer_that_cannot_be_right_is_never_taken_for_an_address(
    answer: dict[str, Any], tmp_path: Path
) -> None:
    problem = await refusal(tunnel_to(stand_in(tmp_path, **answer)))
    assert (problem.code, problem.retryable) == ("TUNNEL-11", False)


async def test_a_program_that_is_killed_is_a_fault(tmp_path: Path) -> None:
    tunnel = tunnel_to(stand_in(tmp_path))
    await tunnel.start(ORIGIN)
    os.kill(records(tmp_path / "starts")[0]["pid"], signal.SIGKILL)
    problem = await tunnel.fault()
    assert (problem.code, problem.retryable) == ("TUNNEL-06", True)
    assert not await tunnel.is_ready()
    await tunnel.stop()


async def test_one_that_loses_its_connection_for_long_is_a_fault(tmp_path: Path) -> None:
    gate = tmp_path / "offline"
    tunnel = tunnel_to(stand_in(tmp_path, not_ready_if=gate))
    await tunnel.start(ORIGIN)
    gate.touch()
    problem = await tunnel.fault()
    assert (problem.code, problem.retryable) == ("TUNNEL-08", True)
    await tunnel.stop()
    assert children() == set()


async def test_a_short_loss_is_its_own_to_repair(tmp_path: Path) -> None:
    gate = tmp_path / "offline"
    tunnel = tunnel_to(stand_in(tmp_path, not_ready_if=gate), replace(BRISK, lost_s=600.0))
    await tunnel.start(ORIGIN)
    fault = asyncio.create_task(tunnel.fault())
    gate.touch()
    assert not await tunnel.is_ready()
    gate.unlink()
    assert await tunnel.is_ready()
    assert not fault.done()
    fault.cancel()
    await tunnel.stop()


async def test_starting_that_is_cancelled_leaves_no_process(tmp_path: Path) -> None:
    gate = tmp_path / "offline"
    gate.touch()
    folder = stand_in(tmp_path, not_ready_if=gate, deaf=True)
    for moment in range(4):
        tunnel = tunnel_to(folder, replace(BRISK, stop_s=0.1))
        starting = asyncio.create_task(tunnel.start(ORIGIN))
        seen = len(records(tmp_path / "starts"))
        if moment % 2:
            await eventually(lambda seen=seen: len(records(tmp_path / "starts")) > seen)  # type: ignore[misc]
        else:
            await asyncio.sleep(0)
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting
        assert starting.cancelled()
        assert children() == set()
    assert not any(is_running(start["pid"]) for start in records(tmp_path / "starts"))


async def test_one_that_ignores_the_wish_to_end_is_killed(tmp_path: Path) -> None:
    tunnel = tunnel_to(stand_in(tmp_path, deaf=True), replace(BRISK, stop_s=0.1))
    await tunnel.start(ORIGIN)
    await tunnel.stop()
    assert children() == set()
    assert not is_running(records(tmp_path / "starts")[0]["pid"])


async def test_what_cannot_be_run_says_so(tmp_path: Path) -> None:
    program = write_program(tmp_path / "bin", "cloudflared")
    program.write_bytes(b"\x7fELF of another machine")
    problem = await refusal(tunnel_to(tmp_path))
    assert (problem.code, problem.retryable) == ("TUNNEL-06", False)
    assert "cannot be run" in problem.what


async def test_what_the_system_cannot_start_just_now_is_tried_again(tmp_path: Path) -> None:
    tunnel = tunnel_to(stand_in(tmp_path))
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(PhoneError) as refused:
            await tunnel.start(ORIGIN)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (refused.value.code, refused.value.retryable) == ("TUNNEL-06", True)
    assert "install" not in refused.value.do
    await tunnel.start(ORIGIN)
    await tunnel.stop()


async def test_a_folder_that_takes_no_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, no folder")
    problem = await refusal(tunnel_to(stand_in(tmp_path)))
    assert problem.code == "TUNNEL-05"
    assert not json.dumps(problem.what).count(str(tmp_path))
