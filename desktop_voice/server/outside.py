"""The outside: carriers, public names and tunnel programs, the real ones or a rehearsal's."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.errors import CommandError
from desktop_voice.reach.pace import ReachPace
from desktop_voice.tunnel.way import PublicWay

VARIABLE = "DESKTOP_VOICE_REHEARSAL"
"""Names the world file of a running rehearsal, whose world is used instead of the real one."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What of the outer world may be another one: the rehearsal's.

    Attributes:
        secret: Returns the vault's entry of a name; called in a worker thread. May raise
            DesktopVoiceError where it cannot be known, as of a locked vault.
        api_bases: Where carriers are asked instead of at their own address.
        port: The listener's port instead of the settings'; 0 is any free one.
        is_rehearsal: Whether this phone says nothing of how the user's own phone is, and has no
            way in of its own.
        way: How public names are reached from here.
        programs: A folder in which tunnel programs are looked for first.
        pace: How long all of it may take.
    """

    secret: Callable[[str], str]
    api_bases: Mapping[CarrierName, str] = field(default_factory=dict)
    port: int | None = None
    is_rehearsal: bool = False
    way: PublicWay = field(default_factory=PublicWay)
    programs: Path | None = None
    pace: ReachPace = field(default_factory=ReachPace)


def outside(secret: Callable[[str], str], environment: Mapping[str, str]) -> Outside:
    """Return the real world, or the rehearsal's that the environment names.

    Raises:
        CommandError: The world file cannot be read, or leads anywhere but to this machine
            (``REHEARSE-12``).
    """
    name = environment.get(VARIABLE, "")
    if not name:
        return Outside(secret)
    try:
        world = json.loads(Path(name).read_bytes())
        edge = world["edge"]
        if not isinstance(edge["port"], int):
            raise TypeError("not a port")
        return Outside(
            secret,
            api_bases={one: _local(world["api_bases"][one]) for one in CarrierName},
            way=PublicWay(
                edge=(_loopback(edge["host"]), edge["port"]),
                authority=Path(edge["authority"]),
                unresolved=Path(edge["unresolved"]),
            ),
            programs=Path(world["programs"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise CommandError(
            "REHEARSE-12",
            f"{VARIABLE} names no running rehearsal on this machine.",
            "Unset it, or name the world file of a rehearsal that runs.",
        ) from None


def _local(url: str) -> str:
    _loopback(urlsplit(url).hostname or "")
    return url


def _loopback(host: str) -> str:
    if not ipaddress.ip_address(host).is_loopback:
        raise ValueError("not on this machine")
    return host
