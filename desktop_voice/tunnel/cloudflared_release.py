"""The one release of cloudflared that this app fetches: its files, sizes and hashes.

From the release's own notes ("SHA256 Checksums"); Apache-2.0.
"""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass

VERSION = "2026.10.0"
SOURCE = f"https://github.com/cloudflare/cloudflared/releases/download/{VERSION}/"


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """One file of the release.

    Attributes:
        name: Below the source's address.
        size_bytes: Exactly.
        sha256: Of the file, in hex.
        program_sha256: Of the program inside, for a ``.tgz``; empty: the file is the program.
    """

    name: str
    size_bytes: int
    sha256: str
    program_sha256: str = ""

    @property
    def installed_sha256(self) -> str:
        """The hash that the program has once it is in place."""
        return self.program_sha256 or self.sha256


_FILES = {
    ("linux", "x86_64"): ReleaseFile(
        "cloudflared-linux-amd64",
        40_129_756,
        "d33ff2d14475178d2012c2c56beba87389ac5ded27649519f198a7d3134a99db",
    ),
    ("linux", "arm64"): ReleaseFile(
        "cloudflared-linux-arm64",
        37_687_584,
        "e6422b9d4f72d3194bc5a38676f13667c06666523217b842a877d72a80b5ac08",
    ),
    ("win32", "x86_64"): ReleaseFile(
        "cloudflared-windows-amd64.exe",
        55_365_048,
        "86aee4017b26625cee8484c113558f48effa4cd47f7aa05fcf425604e5d2b23c",
    ),
    ("darwin", "x86_64"): ReleaseFile(
        "cloudflared-darwin-amd64.tgz",
        21_741_581,
        "903845b81828c8cb3c5d13d816a2de71c06a3da5785469df8eb0e1b736d92f9f",
        "0560c9ab7281ac3f746055323623ed23bc0405b6dab9400474020cba33a978da",
    ),
    ("darwin", "arm64"): ReleaseFile(
        "cloudflared-darwin-arm64.tgz",
        19_809_074,
        "a2f79ff7b9420aa537d74af239f376da170bbabeb529aec416002adac6a72e70",
        "72edfd3eea463aef4d5cb89e2e209cecb048cc756c2b01915de2e0ad7cb39830",
    ),
}
_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


def release_file(system: str = sys.platform, machine: str = "") -> ReleaseFile | None:
    """Return the file for a platform, this one by default; None: there is none."""
    machine = _MACHINES.get((machine or platform.machine()).lower(), "")
    if system == "win32" and machine == "arm64":
        machine = "x86_64"  # Windows runs it by emulation; there is no file of its own.
    return _FILES.get((system, machine))
