"""The world of a rehearsal: a folder that tells other processes how to reach its public side."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from desktop_voice.rehearsal.command_fields import take_number, take_text, wrong_command
from desktop_voice.rehearsal.edge import Edge
from desktop_voice.rehearsal.edge_authority import EdgeAuthority
from desktop_voice.rehearsal.edge_carrier import CarrierWay
from desktop_voice.rehearsal.edge_faults import EDGE_FAULT_KINDS, EdgeFault, EdgeFaults
from desktop_voice.rehearsal.edge_tunnels import EdgeTunnels
from desktop_voice.rehearsal.reports import Report, Reporter

Handler = Callable[[dict[str, object]], Report | None]

_MODULE = "desktop_voice.rehearsal.cloudflared"
_ROOT = Path(__file__).parents[2]


class World:
    """The edge, its tunnels and the private folder of one run. Event loop only.

    Attributes:
        file: The world file; there once :meth:`open` is done, and until :meth:`close`.
        way: How the carriers of this run reach public names.
    """

    def __init__(self, reports: Reporter) -> None:
        self._temporary = TemporaryDirectory(
            prefix="desktop-voice-rehearsal-", ignore_cleanup_errors=True
        )
        self._folder = Path(self._temporary.name)
        self._authority = EdgeAuthority(self._folder)
        self._faults = EdgeFaults(self._folder / "unresolved.txt")
        self._tunnels = EdgeTunnels(self._faults, reports)
        self._edge = Edge(self._authority, self._tunnels, self._faults)
        self.file = self._folder / "world.json"
        self.way = CarrierWay(self._edge, self._authority, self._tunnels, self._faults)

    async def open(self, api_bases: Mapping[str, str]) -> None:
        """Open the public side and write the world file; ``api_bases`` are the carriers' APIs."""
        await self._tunnels.start()
        await self._edge.start()
        programs = self._folder / "bin"
        programs.mkdir(mode=0o700)
        write_program(programs, self.file)
        _write(
            self.file,
            json.dumps(
                {
                    "api_bases": dict(api_bases),
                    "edge": {
                        "host": "127.0.0.1",
                        "port": self._edge.port,
                        "authority": str(self._authority.path),
                        "unresolved": str(self._folder / "unresolved.txt"),
                        "control_port": self._tunnels.port,
                        "token": self._tunnels.token,
                    },
                    "programs": str(programs),
                }
            ),
            0o600,
        )

    async def close(self) -> None:
        """End every tunnel, close the public side and remove the folder."""
        await self._edge.close()
        await self._tunnels.close()
        self._temporary.cleanup()

    @property
    def commands(self) -> dict[str, Handler]:
        """What can be commanded here, by the command's name."""
        return {
            "edge_fault": self._fault,
            "named_tunnel": self._name_tunnel,
            "tunnels": lambda _fields: {"tunnels": self._tunnels.describe()},
        }

    def forget_faults(self) -> None:
        """Let nothing more go wrong here."""
        self._faults.forget()

    def _fault(self, fields: dict[str, object]) -> None:
        name = take_text(fields, "kind")
        host = take_text(fields, "host").lower() if "host" in fields else ""
        count, after_ms = take_number(fields, "count", 0), take_number(fields, "after_ms", 0)
        kind = next((kind for kind in EDGE_FAULT_KINDS if kind == name), None)
        if kind is None or fields:
            raise wrong_command(f"nothing of the kind {name} can go wrong at the edge")
        if kind == "drop_sockets":
            self._tunnels.drop_sockets(host)
        elif kind == "disconnect":
            self._tunnels.disconnect(host, after_ms)
        else:
            self._faults.add(EdgeFault(kind, host, count or None, after_ms))

    def _name_tunnel(self, fields: dict[str, object]) -> Report:
        host = take_text(fields, "host").lower()
        origin = take_text(fields, "origin") if "origin" in fields else ""
        if origin and not origin.startswith(("http://127.0.0.1:", "unix:/")):
            raise wrong_command("an origin is http://127.0.0.1:PORT or unix:/path")
        return {"token": self._tunnels.name(host, origin)}


def write_program(folder: Path, world: Path) -> Path:
    """Write a program ``cloudflared`` that runs the stand-in at the edge of ``world``."""
    if sys.platform == "win32":
        lines = (
            "@echo off",
            f'set "DESKTOP_VOICE_REHEARSAL={world}"',
            f'set "PYTHONPATH={_ROOT}"',
            f'"{sys.executable}" -P -m {_MODULE} %*',
        )
        return _write(folder / "cloudflared.cmd", "\r\n".join(lines) + "\r\n", 0o700)
    lines = (
        "#!/bin/sh",
        f"export DESKTOP_VOICE_REHEARSAL={shlex.quote(str(world))}",
        f"export PYTHONPATH={shlex.quote(str(_ROOT))}",
        f'exec {shlex.quote(sys.executable)} -P -S -m {_MODULE} "$@"',
    )
    return _write(folder / "cloudflared", "\n".join(lines) + "\n", 0o700)


def _write(path: Path, text: str, mode: int) -> Path:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(text.encode())
    return path
