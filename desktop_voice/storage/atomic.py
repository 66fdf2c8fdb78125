"""Atomic files: a reader sees the old content or the new one, whole, whatever happens."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_LEFTOVER_AGE_S = 3600.0


def write_atomically(path: Path, data: bytes) -> None:
    """Replace the content of ``path`` by ``data``, readable by this user alone (mode 0600).

    The folder must exist. A symbolic link stays, and the file it points at is replaced. May be
    called from any thread and from several processes at once; the last one wins.

    Raises:
        OSError: Nothing was written and the old content stands.
    """
    with _replacement(path) as file:
        file.write(data)


def copy_atomically(source: Path, path: Path) -> None:
    """Replace the content of ``path`` by that of ``source``, as :func:`write_atomically` does.

    Raises:
        OSError: Nothing was written and the old content stands.
    """
    with source.open("rb") as original, _replacement(path) as file:
        shutil.copyfileobj(original, file)


@contextlib.contextmanager
def _replacement(path: Path) -> Iterator[BinaryIO]:
    target = Path(os.path.realpath(path))
    prefix = f".{target.name}."
    _remove_leftovers(target.parent, prefix)
    descriptor, name = tempfile.mkstemp(prefix=prefix, suffix=".tmp", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, target)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Make the rename last through a power cut, where the system lets a folder be synced."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove_leftovers(folder: Path, prefix: str) -> None:
    """Remove what a killed writer left behind; a young file may belong to a living one."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if path.name.startswith(prefix) and path.name.endswith(".tmp"):
                with contextlib.suppress(OSError):
                    if time.time() - path.stat().st_mtime > _LEFTOVER_AGE_S:
                        path.unlink()
