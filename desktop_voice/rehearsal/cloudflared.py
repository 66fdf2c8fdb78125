"""A stand-in for cloudflared: the same command line, log and metrics, and the rehearsal's edge.

Written after cloudflared 2026.8. It holds a public name at the edge for its life; visitors go from
the edge to the origin without passing through it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from desktop_voice.rehearsal.cloudflared_options import (
    VERSION,
    Options,
    UsageError,
    read_options,
)
from desktop_voice.rehearsal.cloudflared_site import LocalSite, Standing

WORLD_VARIABLE = "DESKTOP_VOICE_REHEARSAL"
OK, FAILED, USAGE = 0, 1, 255

_LEVELS = {"debug": "DBG", "info": "INF", "warn": "WRN", "error": "ERR", "fatal": "FTL"}
_RATE_LIMITED = "invalid character 'e' looking for beginning of value"


class _Log:
    """The log on stderr, in cloudflared's forms."""

    def __init__(self, level: str, *, as_json: bool) -> None:
        self._shown = list(_LEVELS)[list(_LEVELS).index(level) :]
        self._as_json = as_json

    def write(self, level: str, text: str, **fields: object) -> None:
        if level not in self._shown:
            return
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        if self._as_json:
            line = json.dumps({"level": level, **fields, "time": now, "message": text}, default=str)
        else:
            more = "".join(f" {name}={_quoted(value)}" for name, value in fields.items())
            line = f"{now} {_LEVELS[level]} {text}{more}"
        try:
            print(line, file=sys.stderr, flush=True)  # noqa: T201
        except BrokenPipeError:
            # A Go program that writes to a closed stderr is ended by SIGPIPE, and so is this one.
            os._exit(FAILED)

    def box(self, *rows: str) -> None:
        width = max(map(len, rows))
        border = f"+{'-' * (width + 4)}+"
        for line in (border, *(f"|  {row:{width}}  |" for row in rows), border):
            self.write("info", line)


class _Refused(Exception):
    """The edge, or this machine, does not let the tunnel come about; it has been logged."""


class _Connector:
    """One tunnel from its start to its end."""

    def __init__(self, options: Options, log: _Log) -> None:
        self._options = options
        self._log = log
        self._standing = Standing()
        self._site = LocalSite(self._standing)
        self._stops = asyncio.Queue[str]()

    def stop(self, name: str) -> None:
        """End with grace; told so again, at once."""
        self._stops.put_nowait(name)

    async def run(self, edge: dict[str, Any]) -> int:
        """Hold the tunnel until it is told to stop; return the exit status."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", edge["control_port"])
        except OSError as error:
            self._log.write("error", "failed to request quick Tunnel", error=error)
            return FAILED
        try:
            await self._register(reader, writer, edge["token"])
            await self._open_site()
            _say(writer, do="connect", protocol=self._protocol)
            following = asyncio.create_task(self._follow(reader))
            stopping = asyncio.create_task(self._stops.get())
            await asyncio.wait({following, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not stopping.done():
                following.result()
                self._log.write("error", "no more connections active and exiting")
                return FAILED
            await self._leave(writer, following, stopping.result())
            return OK
        except (_Refused, ConnectionError):
            return FAILED
        finally:
            writer.transport.abort()
            await self._site.close()

    @property
    def _protocol(self) -> str:
        """What the edge is told; without the option a quick tunnel is QUIC without fallback."""
        return self._options.protocol or ("auto" if self._options.is_named else "quic")

    async def _register(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str
    ) -> None:
        options = self._options
        if options.is_named:
            self._log.write("info", "Starting tunnel", tunnelID=uuid.uuid4())
        else:
            self._log.write("info", "Thank you for trying Cloudflare Tunnel.")
            self._log.write("info", "Requesting new quick Tunnel on trycloudflare.com...")
        _say(
            writer,
            token=token,
            kind="named" if options.is_named else "quick",
            tunnel_token=options.token,
            token_on_command_line=options.token_on_command_line,
            origin=options.origin,
        )
        line = await reader.readline()
        answer = json.loads(line) if line else {}
        if answer.get("refused") == "rate_limited":
            text = "Error unmarshaling QuickTunnel response: error code: 1015"
            status = "429 Too Many Requests"
            self._log.write("error", text, error=_RATE_LIMITED, status_code=status)
            print(f"failed to unmarshal quick Tunnel: {_RATE_LIMITED}", file=sys.stderr)  # noqa: T201
            raise _Refused
        if "host" not in answer:
            error = "Unauthorized: Invalid tunnel secret"
            self._log.write("error", "Register tunnel error from server side", error=error)
            raise _Refused
        self._standing.hostname = answer["host"]
        if not options.is_named:
            self._log.box(
                "Your quick Tunnel has been created! Visit it at (it may take some time to be "
                "reachable):",
                f"https://{answer['host']}",
            )

    async def _open_site(self) -> None:
        try:
            address = await self._site.open(self._options.metrics)
        except OSError as error:
            self._log.write("error", "Error opening metrics server listener", error=error)
            raise _Refused from error
        self._log.write("info", f"Starting metrics server on {address}/metrics")

    async def _follow(self, reader: asyncio.StreamReader) -> None:
        """Keep to what the edge says, until it is gone."""
        with suppress(ConnectionError):
            while line := await reader.readline():
                said = json.loads(line)
                if said.get("drained"):
                    return
                if "failed" in said:
                    text = "failed to dial to edge with quic: timeout: no recent network activity"
                    self._log.write("error", "Failed to dial a quic connection", error=text)
                    self._log.write("info", "Retrying connection in up to 2s", connIndex=0)
                elif said.get("connected"):
                    self._standing.connected = True
                    self._log.write(
                        "info",
                        "Registered tunnel connection",
                        connIndex=0,
                        connection=uuid.uuid4(),
                        ip="198.41.192.7",
                        location="lax01",
                        protocol="http2" if self._protocol == "http2" else "quic",
                    )
                    self._write_pid()
                elif "connected" in said:
                    self._standing.connected = False
                    self._log.write("error", "Connection terminated", connIndex=0)

    async def _leave(
        self, writer: asyncio.StreamWriter, following: asyncio.Task[None], why: str
    ) -> None:
        self._standing.connected = False
        text = f"Initiating graceful shutdown due to signal {why} ..."
        self._log.write("info", text)
        _say(writer, do="leave")
        again = asyncio.create_task(self._stops.get())
        await asyncio.wait(
            {following, again},
            timeout=self._options.grace_s,
            return_when=asyncio.FIRST_COMPLETED,
        )
        self._log.write("info", "Tunnel server stopped")

    def _write_pid(self) -> None:
        if self._options.pid_file:
            Path(self._options.pid_file).write_text(str(os.getpid()), "ascii")


def _quoted(value: object) -> str:
    text = str(value)
    return json.dumps(text) if " " in text else text


def _say(writer: asyncio.StreamWriter, **message: object) -> None:
    writer.write(json.dumps(message).encode() + b"\n")


async def _hold(options: Options, edge: dict[str, Any]) -> int:
    connector = _Connector(options, _Log(options.level, as_json=options.as_json))
    loop = asyncio.get_running_loop()

    def stop(number: int, _frame: object) -> None:
        loop.call_soon_threadsafe(connector.stop, signal.Signals(number).name)

    # Not the loop's own handlers: Windows has none.
    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)
    return await connector.run(edge)


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; return the exit status: 0, 1 or 255 for a wrong one."""
    if list(arguments) in (["--version"], ["-v"], ["version"]):
        print(f"cloudflared version {VERSION} (built 2026-08-20-1200 UTC)")  # noqa: T201
        return OK
    try:
        if arguments[:1] != ["tunnel"]:
            raise UsageError("the stand-in knows the command tunnel alone")
        options = read_options(arguments[1:], os.environ)
    except UsageError as error:
        print(f"Incorrect Usage: {error}", file=sys.stderr)  # noqa: T201
        return USAGE
    try:
        world = json.loads(Path(os.environ[WORLD_VARIABLE]).read_bytes())
    except (KeyError, OSError, ValueError):
        print("there is no rehearsal: the stand-in has no edge", file=sys.stderr)  # noqa: T201
        return FAILED
    return asyncio.run(_hold(options, world["edge"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
