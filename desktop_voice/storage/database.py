"""The database: one SQLite connection on one thread, which never loses what it acknowledged."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self, TypeVar

import apsw

from desktop_voice.core.clock import Clock, SystemClock
from desktop_voice.core.errors import StoreError
from desktop_voice.storage.database_backups import Backups
from desktop_voice.storage.database_file import (
    BUSY,
    DAMAGE,
    UNWRITABLE,
    in_transaction,
    open_file,
)

T = TypeVar("T")
Work = Callable[[apsw.Connection], T]
"""Statements on the database; run in its thread, within a transaction if they write."""
Tell = Callable[[StoreError], None]

MAX_OWED = 10_000
"""How many changes are held in memory while the disk takes none."""

_RETRY_S = 1.0
_BATCH = 500
_BACKUP_CHECK_S = 600.0


class Database:
    """A database file of which this process is the only user. Used on one asyncio loop.

    While the disk takes no writes (:meth:`write_or_owe`), a copy in memory stands in for the file:
    reads see it, and what the file is owed is written in the same order once there is room.
    """

    def __init__(self, path: Path, clock: Clock, tell: Tell) -> None:
        self._path = path
        self._clock = clock
        self._tell = tell
        self._backups = Backups(path)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="database")
        self._loop = asyncio.get_running_loop()
        self._problem: StoreError | None = None
        self._settling: asyncio.Task[None] | None = None
        self._is_closed = False
        # Below: the database's thread alone.
        self._connection: apsw.Connection
        self._copy: apsw.Connection | None = None
        self._owed: deque[Work[Any]] = deque()
        self._next_try_s = 0.0
        self._next_backup_check_s = 0.0

    @classmethod
    async def open(cls, path: Path, clock: Clock | None = None, tell: Tell | None = None) -> Self:
        """Open the file ``path``; it is created, checked, brought up to date and backed up.

        Args:
            path: The file; its folder, with the backups in it, belongs to this user alone.
            clock: Dates backups.
            tell: Gets what goes wrong later, on the loop; nobody is told the same twice in a row.

        Raises:
            StoreError: See :func:`~desktop_voice.storage.database_file.open_file`.
        """
        database = cls(path, clock or SystemClock(), tell or (lambda _: None))
        try:
            await database._in_thread(database._open)
        except BaseException:
            database._executor.shutdown(wait=False)
            raise
        return database

    @property
    def problem(self) -> StoreError | None:
        """What is wrong, or was found and mended when the file was opened; None if nothing."""
        return self._problem

    async def read(self, work: Work[T]) -> T:
        """Return what ``work`` reads.

        Raises:
            StoreError: The file is damaged, or the database is closed.
        """
        return await self._in_thread(lambda: work(self._copy or self._connection))

    async def write(self, work: Work[T]) -> T:
        """Do ``work`` as one transaction; when this returns, it is on the disk.

        Raises:
            StoreError: It is not: the disk takes nothing (STORE-05), the file is damaged, or the
                database is closed.
        """
        return await self._in_thread(lambda: self._write(work, may_owe=False))

    async def write_or_owe(self, work: Work[T]) -> T:
        """Do ``work`` as :meth:`write` does, or in memory while the disk takes nothing.

        ``work`` is done again on the file later, so it must not depend on anything but the
        database's content.

        Raises:
            StoreError: Too much is owed already, the file is damaged, or the database is closed.
        """
        try:
            return await self._in_thread(lambda: self._write(work, may_owe=True))
        finally:
            if self._owed and (self._settling is None or self._settling.done()):
                self._settling = asyncio.create_task(self._settle_in_time())

    async def renew_backups(self) -> None:
        """Make a backup and remove all older ones, with whatever was deleted since.

        Raises:
            StoreError: It cannot be written; the older ones stand.
        """

        def renew() -> None:
            try:
                self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
                self._backups.make(self._connection, self._clock.now(), kept=1)
            except (*UNWRITABLE, OSError) as error:
                raise self._unwritable() from error

        await self._in_thread(renew)

    async def close(self) -> None:
        """Write what is owed, and close the file. May be called again."""
        if self._is_closed:
            return
        if self._settling:
            self._settling.cancel()
        await self._in_thread(self._close)
        self._is_closed = True
        self._executor.shutdown(wait=False)
        if self._owed:
            self._tell(self._unwritable())

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._is_closed:
            raise StoreError(
                "STORE-06", "The database of calls is closed.", "Start Desktop Voice again."
            )
        try:
            # What was asked for is done, even if whoever asked is cancelled meanwhile.
            return await asyncio.shield(self._loop.run_in_executor(self._executor, work))
        except DAMAGE as error:
            raise StoreError(
                "STORE-01",
                "The database of calls is damaged.",
                "Start Desktop Voice again: it keeps the damaged file and puts the newest good "
                "backup in its place.",
            ) from error

    async def _settle_in_time(self) -> None:
        try:
            while self._owed:
                await asyncio.sleep(_RETRY_S)
                await self._in_thread(self._settle)
        except StoreError as error:
            self._tell(error)

    def _open(self) -> None:
        file = open_file(self._path, self._clock.now())
        self._connection, self._problem = file.connection, file.problem
        self._back_up_if_due()

    def _write(self, work: Work[T], *, may_owe: bool) -> T:
        if self._copy and (not may_owe or self._clock.monotonic() >= self._next_try_s):
            self._settle()
        if self._copy is None:
            try:
                result = in_transaction(self._connection, work)
            except (*UNWRITABLE, *BUSY) as error:
                if not may_owe:
                    raise self._unwritable() from error
                self._go_on_in_memory()
            else:
                self._back_up_if_due()
                return result
        if not may_owe or self._copy is None or len(self._owed) >= MAX_OWED:
            raise self._unwritable()
        result = in_transaction(self._copy, work)
        self._owed.append(work)
        return result

    def _go_on_in_memory(self) -> None:
        copy = apsw.Connection(":memory:")
        with copy.backup("main", self._connection, "main") as backup:
            while not backup.done:
                backup.step()
        copy.pragma("foreign_keys", "ON")
        self._copy = copy
        self._next_try_s = self._clock.monotonic() + _RETRY_S
        self._report(self._unwritable())

    def _settle(self) -> None:
        """Write what is owed, in batches, as far as the disk takes it."""
        self._next_try_s = self._clock.monotonic() + _RETRY_S
        try:
            while self._owed:
                for _ in range(in_transaction(self._connection, self._do_owed)):
                    self._owed.popleft()
        except (*UNWRITABLE, *BUSY):
            return
        if self._copy:
            self._copy.close()
            self._copy, self._problem = None, None

    def _do_owed(self, connection: apsw.Connection) -> int:
        batch = list(itertools.islice(self._owed, _BATCH))
        for work in batch:
            work(connection)
        return len(batch)

    def _back_up_if_due(self) -> None:
        if self._clock.monotonic() < self._next_backup_check_s:
            return
        self._next_backup_check_s = self._clock.monotonic() + _BACKUP_CHECK_S
        try:
            if self._backups.is_due(self._clock.now()):
                self._backups.make(self._connection, self._clock.now())
        except (*DAMAGE, *UNWRITABLE, *BUSY, OSError):
            self._report(
                StoreError(
                    "STORE-07",
                    "The daily backup of the calls could not be made.",
                    "Make room on the disk; the calls themselves are kept.",
                    retryable=True,
                )
            )

    def _close(self) -> None:
        if self._copy:
            self._settle()
        if self._copy:
            self._copy.close()
        self._connection.close()

    def _report(self, problem: StoreError) -> None:
        if self._problem and self._problem.code == problem.code:
            return
        self._problem = problem
        self._loop.call_soon_threadsafe(self._tell, problem)

    def _unwritable(self) -> StoreError:
        return StoreError(
            "STORE-05",
            "The disk takes no more calls and transcripts.",
            f"Make room, or make {self._path.parent} writable; a call that is going on is kept in "
            "memory until then.",
            retryable=True,
        )
