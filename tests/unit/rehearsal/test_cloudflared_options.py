"""The stand-in's command line: what cloudflared takes, and what nobody may mean."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from desktop_voice.rehearsal.cloudflared_options import UsageError, read_options

TOKEN = base64.b64encode(json.dumps({"a": "1", "t": "2", "s": "3"}).encode()).decode()


@pytest.fixture
def config(tmp_path: Path) -> list[str]:
    file = tmp_path / "own.yml"
    file.write_text("no-autoupdate: true\n", "ascii")
    return ["--config", str(file)]


def test_a_quick_tunnel_in_full(config: list[str]) -> None:
    options = read_options(
        [
            *config,
            *("--no-autoupdate", "--metrics", "127.0.0.1:20241", "--protocol=http2"),
            *("--grace-period", "1m1.5s", "--url", "http://127.0.0.1:8080"),
        ],
        {"HOME": "/root", "NO_AUTOUPDATE": "true"},
    )
    assert (options.is_named, options.origin) == (False, "http://127.0.0.1:8080")
    assert (options.metrics, options.protocol, options.grace_s) == (
        *("127.0.0.1:20241", "http2"),
        61.5,
    )


def test_what_is_not_said_is_as_with_cloudflared(config: list[str]) -> None:
    options = read_options([*config, "--unix-socket", "/run/app.sock"], {})
    assert (options.origin, options.protocol, options.metrics) == ("unix:/run/app.sock", "", "")
    assert (options.grace_s, options.level, options.as_json) == (30.0, "info", False)
    long = read_options([*config, "--url=http://127.0.0.1:1", "--grace-period=10h"], {})
    assert long.grace_s == 180.0


def test_a_named_tunnel_takes_its_token_from_where_it_is_kept(
    config: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n", "ascii")
    run = [*config, "run"]
    assert read_options(run, {"TUNNEL_TOKEN": TOKEN}).token == TOKEN
    by_file = read_options([*run, "--token-file", str(file)], {})
    assert (by_file.token, by_file.token_on_command_line) == (TOKEN, False)
    assert read_options([*run, "--token", TOKEN], {}).token_on_command_line


@pytest.mark.parametrize(
    "more",
    [
        ["--frob"],
        ["--metrics"],
        ["--metrics", "0.0.0.0:20241"],
        ["--protocol", "udp"],
        ["--grace-period", "5"],
        ["--grace-period", "soon"],
        ["--loglevel", "loud"],
        ["--url", "http://example.com"],
        ["--url", "https://127.0.0.1:1"],
        ["--config", "/no/such/file.yml"],
        ["run"],
        ["run", "--token", "rubbish"],
        ["run", "--token", base64.b64encode(b'["a", "s", "t"]').decode()],
        ["run", "--token-file", "/no/such/token"],
        ["run", "my-tunnel"],
        ["dance"],
    ],
)
def test_a_command_line_that_makes_no_sense_is_refused(config: list[str], more: list[str]) -> None:
    with pytest.raises(UsageError):
        read_options([*config, "--url", "http://127.0.0.1:1", *more], {})


def test_the_users_own_configuration_is_not_to_be_read() -> None:
    with pytest.raises(UsageError, match="user's own configuration"):
        read_options(["--url", "http://127.0.0.1:1"], {})


@pytest.mark.parametrize(
    "name", ["TUNNEL_URL", "TUNNEL_METRICS", "TUNNEL_TRANSPORT_PROTOCOL", "TUNNEL_HOSTNAME"]
)
def test_an_environment_that_says_otherwise_is_refused(config: list[str], name: str) -> None:
    arguments = [*config, "--url", "http://127.0.0.1:1", "--protocol", "auto"]
    with pytest.raises(UsageError, match=name):
        read_options(arguments, {name: "something"})
    read_options(arguments, {"TUNNEL_URL": "http://127.0.0.1:1", "TUNNEL_TOKEN": TOKEN})
