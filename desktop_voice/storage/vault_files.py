"""The vault's files: the vault, its backup, and the lock that writers take in turn."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from desktop_voice.core.errors import VaultError
from desktop_voice.storage.atomic import copy_atomically, write_atomically

MAX_BYTES = 4 * 1024 * 1024
"""No vault is larger; of a file that is, only the beginning is read."""

_LOCK_TIMEOUT_S = 15.0
_LOCK_POLL_S = 0.02


class VaultFiles:
    """The vault at ``path``, a second copy at ``<name>.bak`` and the lock at ``<name>.lock``.

    All are readable by this user alone. May be used from any thread and by several processes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.backup_path = path.with_name(f"{path.name}.bak")
        self._damaged_path = path.with_name(f"{path.name}.damaged")
        self._lock_path = path.with_name(f"{path.name}.lock")

    @property
    def exist(self) -> bool:
        """Whether there is a vault or a backup of one."""
        return os.path.lexists(self.path) or os.path.lexists(self.backup_path)

    def contents(self) -> tuple[bytes | None, bytes | None]:
        """Return the bytes of the vault and of its backup; None stands for a missing file.

        Raises:
            VaultError: One of them cannot be read.
        """
        return read_bytes(self.path), read_bytes(self.backup_path)

    def save(self, data: bytes, *, is_damaged: bool) -> None:
        """Replace the vault, then the backup: one of them is whole at any moment.

        Args:
            data: The new content.
            is_damaged: The present vault cannot be used; it is kept as ``<name>.damaged``.

        Raises:
            VaultError: Nothing was written, or the backup alone was not.
        """
        try:
            if is_damaged and self.path.is_file():
                copy_atomically(self.path, self._damaged_path)
            write_atomically(self.path, data)
        except OSError as error:
            raise cannot_write(self.path, error) from error
        try:
            write_atomically(self.backup_path, data)
        except OSError as error:
            raise VaultError(
                "VAULT-05",
                f"The vault was saved, but its backup was not: {_reason(error)}. The backup holds "
                "what the vault held before, under the passphrase of that time.",
                f"Make room, or make {self.path.parent} writable, and save again.",
                retryable=True,
            ) from error

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other writers out; a lock ends with its process, whatever ends that.

        Raises:
            VaultError: Another process holds the lock for too long, or there can be none.
        """
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise cannot_write(self.path, error) from error
        try:
            deadline = time.monotonic() + _LOCK_TIMEOUT_S
            while not _try_lock(descriptor):
                if time.monotonic() > deadline:
                    raise VaultError(
                        "VAULT-08",
                        "Another process is changing the vault and does not finish.",
                        "Try again; if that does not help, end the other desktop-voice.",
                        retryable=True,
                    )
                time.sleep(_LOCK_POLL_S)
            yield
        finally:
            os.close(descriptor)


def read_bytes(path: Path) -> bytes | None:
    """Return the content of ``path``, or None if there is no such file.

    Raises:
        VaultError: It cannot be read.
    """
    try:
        if path.exists() and not path.is_file():
            raise OSError(0, "it is no plain file")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise VaultError(
            "VAULT-04",
            f"{path.name} cannot be read: {_reason(error)}.",
            f"Make {path} readable for your user.",
        ) from error


def cannot_write(path: Path, error: OSError) -> VaultError:
    """Return the error that says why ``path`` could not be written."""
    return VaultError(
        "VAULT-04",
        f"{path.name} cannot be written: {_reason(error)}. What was there before still stands.",
        f"Make room, or make {path.parent} writable, and try again.",
        retryable=True,
    )


def _reason(error: OSError) -> str:
    return (error.strerror or "the system refused").lower()


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
