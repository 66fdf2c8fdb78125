"""What a command line asks of the stand-in cloudflared; imports little, for it must start fast."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

VERSION = "2026.8.2"

_TUNNEL_VALUES = frozenset(
    {
        *("config", "metrics", "protocol", "grace-period", "url", "unix-socket", "loglevel"),
        *("logfile", "log-directory", "output", "edge-ip-version", "edge-bind-address", "retries"),
        *("autoupdate-freq", "metrics-update-freq", "pidfile", "label", "region", "tag"),
        *("transport-loglevel", "trace-output", "ha-connections", "http-host-header"),
        *("origin-server-name", "max-edge-addr-retries", "name", "id", "hostname"),
    }
)
_TUNNEL_SWITCHES = frozenset(
    {
        *("no-autoupdate", "no-prechecks", "management-diagnostics", "post-quantum"),
        *("no-chunked-encoding", "no-tls-verify", "hello-world", "http2-origin"),
    }
)
_RUN_VALUES = frozenset(
    {
        *("token", "token-file", "url", "unix-socket", "protocol", "credentials-file"),
        *("http-host-header", "origin-server-name", "features"),
    }
)
_RUN_SWITCHES = frozenset({"force", "post-quantum", "no-tls-verify", "no-chunked-encoding"})
_PROTOCOLS = ("auto", "quic", "http2")
_LEVELS = ("debug", "info", "warn", "error", "fatal")
_FROM_ENVIRONMENT = {
    "TUNNEL_TRANSPORT_PROTOCOL": "protocol",
    "TUNNEL_TOKEN_FILE": "token-file",
    "TUNNEL_LOGLEVEL": "loglevel",
}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST_GRACE_S = 180.0


class UsageError(Exception):
    """The command line is wrong: the program ends with status 255."""


@dataclass(frozen=True, slots=True)
class Options:
    """A command line that makes sense.

    Attributes:
        is_named: Whether it is ``run`` with a token; else a quick tunnel.
        origin: ``http://127.0.0.1:PORT`` or ``unix:/path``; empty: none was given.
        token: Of a named tunnel.
        token_on_command_line: Whether everyone on this machine can read the token.
        protocol: ``auto``, ``quic`` or ``http2``; empty: not given.
        metrics: ``HOST:PORT``; empty: not given.
        grace_s: How long requests may take when it is told to stop.
        level: The least level that is logged.
        as_json: Whether the log is JSON.
        pid_file: Written when it is connected; empty: none.
    """

    is_named: bool
    origin: str
    token: str
    token_on_command_line: bool
    protocol: str
    metrics: str
    grace_s: float
    level: str
    as_json: bool
    pid_file: str


def read_options(arguments: Sequence[str], environment: Mapping[str, str]) -> Options:
    """Read what comes after ``cloudflared tunnel``, as cloudflared reads it.

    Raises:
        UsageError: The command line cannot be carried out, or the environment says otherwise.
    """
    given, rest = _take(arguments, _TUNNEL_VALUES, _TUNNEL_SWITCHES)
    is_named = rest[:1] == ["run"]
    if rest and not is_named:
        raise UsageError(f"No help topic for '{rest[0]}'")
    if is_named:
        more, rest = _take(rest[1:], _RUN_VALUES, _RUN_SWITCHES)
        given |= more
        if rest:
            raise UsageError("the stand-in runs named tunnels by their token alone")
    _check_environment(given, environment)
    _check_config(given)
    return Options(
        is_named=is_named,
        origin=_origin(given, is_named=is_named),
        token=_token(given, environment) if is_named else "",
        token_on_command_line="token" in given,
        protocol=_one_of(given, "protocol", _PROTOCOLS, ""),
        metrics=_address(given.get("metrics", "")),
        grace_s=min(_duration_s(given.get("grace-period", "30s")), _LONGEST_GRACE_S),
        level=_one_of(given, "loglevel", _LEVELS, "info"),
        as_json=_one_of(given, "output", ("default", "json"), "default") == "json",
        pid_file=given.get("pidfile", ""),
    )


def _take(
    arguments: Sequence[str], values: frozenset[str], switches: frozenset[str]
) -> tuple[dict[str, str], list[str]]:
    given: dict[str, str] = {}
    rest = list(arguments)
    while rest and rest[0].startswith("-"):
        name, equals, value = rest.pop(0).lstrip("-").partition("=")
        if name in switches:
            given[name] = value or "true"
        elif name not in values:
            raise UsageError(f"flag provided but not defined: -{name}")
        elif equals:
            given[name] = value
        elif not rest:
            raise UsageError(f"flag needs an argument: -{name}")
        else:
            given[name] = rest.pop(0)
    return given, rest


def _check_environment(given: Mapping[str, str], environment: Mapping[str, str]) -> None:
    """Refuse a variable that means something else than the command line.

    cloudflared takes whatever is not on its command line from TUNNEL_* variables, which nobody who
    starts it for their own ends can want.
    """
    for name, value in environment.items():
        if not name.startswith("TUNNEL_") or name == "TUNNEL_TOKEN":
            continue
        option = _FROM_ENVIRONMENT.get(name, name.removeprefix("TUNNEL_").lower().replace("_", "-"))
        if given.get(option) != value:
            raise UsageError(f"the environment's {name} contradicts the command line")


def _check_config(given: Mapping[str, str]) -> None:
    if "config" not in given:
        raise UsageError("without --config it would read the user's own configuration")
    try:
        Path(given["config"]).read_bytes()
    except OSError as error:
        raise UsageError(f"Cannot load configuration from {given['config']}: {error}") from error


def _origin(given: Mapping[str, str], *, is_named: bool) -> str:
    if "unix-socket" in given:
        return f"unix:{given['unix-socket']}"
    url = given.get("url", "")
    if not url and is_named:
        return ""
    if url.startswith("unix:/") or re.fullmatch(r"http://(127\.0\.0\.1|localhost):\d{1,5}/?", url):
        return url
    raise UsageError("the stand-in leads to http://127.0.0.1:PORT or unix:/path alone")


def _token(given: Mapping[str, str], environment: Mapping[str, str]) -> str:
    token = given.get("token") or environment.get("TUNNEL_TOKEN", "")
    if not token and "token-file" in given:
        try:
            token = Path(given["token-file"]).read_text("utf-8").strip()
        except OSError as error:
            raise UsageError(f"Failed to read token file: {error}") from error
    if not token:
        raise UsageError(
            '"cloudflared tunnel run" requires the ID or name of the tunnel to run as the last '
            "command line argument or in the configuration file."
        )
    try:
        fields = json.loads(base64.b64decode(token, validate=True))
        is_good = isinstance(fields, dict) and {"a", "t", "s"} <= fields.keys()
    except ValueError:
        is_good = False
    if not is_good:
        raise UsageError("Provided Tunnel token is not valid.")
    return token


def _one_of(given: Mapping[str, str], name: str, known: Sequence[str], default: str) -> str:
    value = given.get(name, default)
    if name in given and value not in known:
        raise UsageError(f"invalid value {value!r} for --{name}")
    return value


def _address(address: str) -> str:
    if address and not re.fullmatch(r"(127\.0\.0\.1|localhost):\d{1,5}", address):
        raise UsageError("the stand-in has its metrics at 127.0.0.1:PORT alone")
    return address


def _duration_s(text: str) -> float:
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise UsageError(f'invalid value "{text}" for flag -grace-period: parse error')
    return sum(float(number) * _UNITS_S[unit] for number, unit in parts)
