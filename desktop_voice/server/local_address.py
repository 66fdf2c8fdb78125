"""Where the running app answers its user's commands, and the secret that both sides hold."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from desktop_voice.server.strict_json import read_object
from desktop_voice.storage.atomic import write_atomically

HELLO_PATH = "/api/voice/hello"
_MOST_BYTES = 4096
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32,200}", re.ASCII)


@dataclass(frozen=True, slots=True)
class LocalAddress:
    """The port on this machine and the bearer token of a running app."""

    port: int
    token: str = field(repr=False)

    @classmethod
    def new(cls, port: int) -> LocalAddress:
        """Return the address of an app that listens on ``port``, with a fresh token."""
        return cls(port, secrets.token_urlsafe(32))

    @classmethod
    def load(cls, file: Path) -> LocalAddress | None:
        """Return what ``file`` says; None if there is nothing to be believed in it.

        A file that other users can read or write is not believed, where the system tells.
        """
        try:
            with file.open("rb") as opened:
                status = os.fstat(opened.fileno())
                if os.name == "posix" and (status.st_uid != os.getuid() or status.st_mode & 0o077):
                    return None
                kept = read_object(opened.read(_MOST_BYTES + 1), _MOST_BYTES)
        except (OSError, ValueError):
            return None
        port, token = kept.get("port"), kept.get("token")
        if type(port) is not int or not 0 < port < 65_536:
            return None
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            return None
        return cls(port, token)

    def save(self, file: Path) -> None:
        """Write it for this user alone; raises OSError."""
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(file, json.dumps({"port": self.port, "token": self.token}).encode())

    def remove(self, file: Path) -> None:
        """Remove the file, unless another app has written it since."""
        if LocalAddress.load(file) == self:
            with contextlib.suppress(OSError):
                file.unlink()

    def proof(self, nonce: str) -> str:
        """Return what only a holder of the token can answer to ``nonce``.

        A command asks for it before it sends the token: after a crash another user's program may
        have got the port.
        """
        return hmac.new(self.token.encode(), f"hello {nonce}".encode(), hashlib.sha256).hexdigest()
