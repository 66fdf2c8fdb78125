"""The program cloudflared: found on this machine, or fetched once and checked at each start."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import shutil
import sys
import tarfile
import tempfile
import time
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import aiohttp
import structlog
from yarl import URL

from desktop_voice.tunnel import failures
from desktop_voice.tunnel.cloudflared_release import SOURCE, VERSION, ReleaseFile, release_file
from desktop_voice.tunnel.programs import find_program
from desktop_voice.tunnel.way import PublicWay

_log = structlog.get_logger()

_CHUNK_BYTES = 256 * 1024
_MOST_PROGRAM_BYTES = 200_000_000
_SPARE_BYTES = 80_000_000
_MOST_REDIRECTS = 5
_STALE_S = 3600.0
_REDIRECTS = {301, 302, 303, 307, 308}
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, slots=True)
class BinarySource:
    """Where the program comes from.

    Attributes:
        base: The folder's address; ``https`` alone is followed, here and in redirects.
        file: What to fetch; None: there is nothing for this machine.
        stall_s: How long the server may be silent.
    """

    base: str = SOURCE
    file: ReleaseFile | None = None
    stall_s: float = 20.0

    @classmethod
    def official(cls) -> BinarySource:
        """Return Cloudflare's own, for this machine."""
        return cls(file=release_file())


class CloudflaredBinary:
    """Finds cloudflared, or fetches the pinned release into the folder ``cache``.

    A program in the folder ``programs`` wins, then one on PATH, then the app's own copy.
    """

    def __init__(
        self,
        cache: Path,
        way: PublicWay,
        *,
        programs: Path | None = None,
        source: BinarySource | None = None,
    ) -> None:
        self._cache = cache
        self._way = way
        self._programs = programs
        self._source = source or BinarySource.official()

    @property
    def can_fetch(self) -> bool:
        """Whether there is a download for this machine."""
        return self._source.file is not None

    @property
    def path(self) -> Path:
        """Where the app's own copy is, or would be."""
        return self._cache / f"cloudflared-{VERSION}{'.exe' if sys.platform == 'win32' else ''}"

    def find(self) -> Path | None:
        """Return the program, or None. An own copy is read whole: call it in a worker thread.

        Raises:
            PhoneError: There is an own copy and it was changed (``TUNNEL-04``).
        """
        found = find_program("cloudflared", self._programs)
        if found is not None:
            return found
        file = self._source.file
        if file is None or not self.path.is_file():
            return None
        try:
            with self.path.open("rb") as program:
                digest = hashlib.file_digest(program, "sha256").hexdigest()
            if digest != file.installed_sha256:
                raise failures.wrong_file("it was changed after the download")
            self.path.chmod(0o700)
        except OSError as error:
            raise failures.not_started("cloudflared", error) from error
        return self.path

    async def fetch(self, on_progress: Callable[[int, int], None]) -> Path:
        """Fetch the app's own copy and return where it is.

        Cancelled or failed, nothing of it is left.

        Args:
            on_progress: Gets the bytes that are here and those in all, a hundred times or so.

        Raises:
            PhoneError: It does not come, is not what was published, or finds no room.
        """
        file = self._source.file
        if file is None:
            raise failures.missing_program("cloudflared", "Cloudflare's site")
        try:
            await asyncio.to_thread(self._make_room, file)
            descriptor, name = tempfile.mkstemp(".part", f"{self.path.name}.", self._cache)
            part = Path(name)
            try:
                with os.fdopen(descriptor, "wb") as sink:
                    await self._receive(file, sink, on_progress)
                await asyncio.to_thread(self._install, file, part)
            finally:
                _discard(part)
        except TimeoutError as error:
            why = "the server stopped answering"
            raise failures.download_failed(why, retryable=True) from error
        except aiohttp.ClientPayloadError as error:
            raise failures.wrong_file("it was cut short") from error
        except aiohttp.ClientSSLError as error:
            raise failures.download_failed("the server's certificate is not valid") from error
        except aiohttp.ClientError as error:
            why = "the server cannot be reached"
            raise failures.download_failed(why, retryable=True) from error
        except OSError as error:
            if error.errno in _FULL:
                raise failures.disk_full() from error
            raise failures.unwritable(error.strerror or "an error of the system") from error
        _log.info("cloudflared_fetched", version=VERSION)
        return self.path

    def _make_room(self, file: ReleaseFile) -> None:
        self._cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        for leftover in self._cache.glob(f"{self.path.name}.*.part"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - leftover.stat().st_mtime > _STALE_S:
                    leftover.unlink()
        if shutil.disk_usage(self._cache).free < file.size_bytes + _SPARE_BYTES:
            raise failures.disk_full()

    async def _receive(
        self, file: ReleaseFile, sink: BinaryIO, on_progress: Callable[[int, int], None]
    ) -> None:
        digest = hashlib.sha256()
        done = shown = 0
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=self._source.stall_s, sock_read=self._source.stall_s
        )
        on_progress(0, file.size_bytes)
        connector = self._way.connector()
        is_usual = self._way.edge is None
        async with (
            aiohttp.ClientSession(
                connector=connector, timeout=timeout, trust_env=is_usual, auto_decompress=False
            ) as session,
            _final_answer(session, self._source.base + file.name) as answer,
        ):
            if answer.content_length not in (None, file.size_bytes):
                raise failures.wrong_file("its size is not right")
            async for chunk in answer.content.iter_chunked(_CHUNK_BYTES):
                done += len(chunk)
                if done > file.size_bytes:
                    raise failures.wrong_file("it is too long")
                digest.update(chunk)
                await asyncio.to_thread(sink.write, chunk)
                if (done - shown) * 100 >= file.size_bytes:
                    shown = done
                    on_progress(done, file.size_bytes)
        await asyncio.to_thread(sink.flush)
        if done != file.size_bytes:
            raise failures.wrong_file("it was cut short")
        if digest.hexdigest() != file.sha256:
            raise failures.wrong_file("its content is not right")
        on_progress(done, file.size_bytes)

    def _install(self, file: ReleaseFile, part: Path) -> None:
        if not file.program_sha256:
            part.chmod(0o700)
            part.replace(self.path)
            return
        unpacked = part.with_suffix(".unpacked.part")
        try:
            _unpack(part, unpacked)
            with unpacked.open("rb") as program:
                digest = hashlib.file_digest(program, "sha256").hexdigest()
            if digest != file.program_sha256:
                raise failures.wrong_file("the program in it is not right")
            unpacked.chmod(0o700)
            unpacked.replace(self.path)
        finally:
            _discard(unpacked)


@contextlib.asynccontextmanager
async def _final_answer(
    session: aiohttp.ClientSession, address: str
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Yield the answer at the end of at most five redirects, each to ``https``."""
    url = URL(address)
    for _ in range(_MOST_REDIRECTS + 1):
        if url.scheme != "https":
            raise failures.download_failed("the server leads to an address without encryption")
        async with session.get(url, allow_redirects=False) as answer:
            if answer.status == 200:
                yield answer
                return
            target = answer.headers.get("Location", "")
            if answer.status not in _REDIRECTS or not target:
                raise failures.download_failed(f"the server answers {answer.status}")
            try:
                url = url.join(URL(target))
            except ValueError as error:
                raise failures.download_failed("the server leads nowhere") from error
    raise failures.download_failed("the server leads in circles")


def _discard(file: Path) -> None:
    file.unlink(missing_ok=True)


def _unpack(archive: Path, program: Path) -> None:
    """Write the one file ``cloudflared`` of a ``.tgz``, and nothing else of it."""
    try:
        with tarfile.open(archive, "r:gz") as tar:
            member = tar.next()
            source = tar.extractfile(member) if member and member.isreg() else None
            if member is None or source is None or member.name != "cloudflared":
                raise failures.wrong_file("there is no program in it")
            if member.size > _MOST_PROGRAM_BYTES:
                raise failures.wrong_file("the program in it is too long")
            with source, program.open("wb") as sink:
                shutil.copyfileobj(source, sink)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise failures.wrong_file("it cannot be unpacked") from error
