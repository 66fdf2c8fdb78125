"""The vault for the running app: opened once, kept in one thread, asked through futures."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeVar

import structlog

from desktop_voice.core.errors import VaultError
from desktop_voice.core.ports import SecretInfo, VaultStatus
from desktop_voice.storage.vault import Vault
from desktop_voice.storage.vault_format import KdfCost, SlotKind
from desktop_voice.storage.vault_keyring import KeyStore, system_keyring
from desktop_voice.storage.vault_secrets import (
    KNOWN_NAMES,
    Source,
    environment_name,
    find_secret,
)
from desktop_voice.system.patient_keyring import (
    KEYRING_LIMIT_S,
    KeyringSilentError,
    PatientKeyring,
    within,
)

_log = structlog.get_logger()

_SECRET_WAIT_S = 60.0
_LOOK_EVERY_S = 5.0
_SOURCES: dict[Source, Literal["vault", "environment"]] = {
    Source.VAULT: "vault",
    Source.ENVIRONMENT: "environment",
}

T = TypeVar("T")


class VaultService:
    """Implements :class:`~desktop_voice.core.ports.VaultControl`. Any thread.

    What other processes do to the vault is noticed from its file, without a question.

    Args:
        path: The vault's file; it need not exist.
        find_keyring: Finds the system's keyring; called once, in the vault's thread.
        on_change: The first to be told as :meth:`subscribe` says.
        cost: What a guess at a new passphrase costs.
        keyring_limit_s: How long the keyring may take.
        vault: The vault of that file if somebody has opened it, who leaves it alone from now on.
        look_every_s: Between two looks at the file while nothing is asked.
    """

    def __init__(
        self,
        path: Path,
        *,
        find_keyring: Callable[[], KeyStore | None] = system_keyring,
        on_change: Callable[[], object] | None = None,
        cost: KdfCost | None = None,
        keyring_limit_s: float = KEYRING_LIMIT_S,
        vault: Vault | None = None,
        look_every_s: float = _LOOK_EVERY_S,
    ) -> None:
        self._path = path
        self._find_keyring = find_keyring
        self._tells: tuple[Callable[[], object], ...] = (on_change,) if on_change else ()
        self._cost = cost
        self._limit_s = keyring_limit_s
        self._vault_in_use = vault
        self._has_keyring = False
        self._is_locked_by_user = False
        self._look_every_s = look_every_s
        self._seen = _stamp(path)
        self._is_closed = False
        self._asking = threading.Lock()
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        # A daemon: the system's keyring may hold a call for longer than the app lives.
        threading.Thread(target=self._work, name="vault", daemon=True).start()

    def subscribe(self, on_change: Callable[[], object]) -> Callable[[], None]:
        """Have ``on_change`` called when other values may be had; return what ends that.

        It is called in the vault's thread, also after another process changed the vault.
        """
        with self._asking:
            self._tells = (*self._tells, on_change)

        def unsubscribe() -> None:
            with self._asking:
                self._tells = tuple(tell for tell in self._tells if tell is not on_change)

        return unsubscribe

    # --- VaultControl ---

    def status(self) -> Future[VaultStatus]:
        """Open the vault if the keyring does so without a question, and say how it stands."""
        return self._submit(self._status)

    def create(self, passphrase: str | None) -> Future[str]:
        """Make an empty vault; the result is its recovery key."""

        def create() -> str:
            code = self._vault().create(passphrase)
            self._is_locked_by_user = False
            self._on_change()
            return code

        return self._submit(create)

    def unlock(self, words: str, *, remember: bool) -> Future[VaultStatus]:
        """Open it with passphrase or recovery key.

        A keyring that does not keep it open is the status' problem: the vault is open.
        """

        def unlock() -> VaultStatus:
            vault = self._vault()
            vault.open(words)
            self._is_locked_by_user = False
            self._on_change()
            if remember:
                try:
                    vault.use_keyring()
                except VaultError as error:
                    return replace(self._status(), problem=error)
                self._note()
            return self._status()

        return self._submit(unlock)

    def unlock_with_keyring(self) -> Future[VaultStatus]:
        """Open it with the keyring, which may ask its user."""

        def unlock() -> VaultStatus:
            if not self._vault().open_with_keyring(may_ask=True):
                raise VaultError(
                    "VAULT-07",
                    "The system's keyring does not open this vault.",
                    "Use the passphrase or the recovery key.",
                )
            self._is_locked_by_user = False
            self._on_change()
            return self._status()

        return self._submit(unlock)

    def lock(self) -> Future[VaultStatus]:
        """Close it and ask for the passphrase from now on, after a restart as well."""

        def lock() -> VaultStatus:
            vault = self._vault()
            if vault.is_open:
                if SlotKind.KEYRING in vault.ways:
                    vault.leave_keyring()
                vault.close()
            self._is_locked_by_user = True
            self._on_change()
            return self._status()

        return self._submit(lock)

    def set(self, name: str, value: str) -> Future[VaultStatus]:
        """Keep ``value`` under ``name``, in place of any other."""

        def keep() -> VaultStatus:
            self._vault().set(name, value, replace=True)
            self._on_change()
            return self._status()

        return self._submit(keep)

    def remove(self, name: str) -> Future[VaultStatus]:
        """Forget the entry ``name``."""

        def remove() -> VaultStatus:
            self._vault().remove(name)
            self._on_change()
            return self._status()

        return self._submit(remove)

    def change_passphrase(self, passphrase: str) -> Future[VaultStatus]:
        """Let ``passphrase`` open it, and no earlier one."""

        def change() -> VaultStatus:
            self._vault().set_passphrase(passphrase)
            self._note()
            return self._status()

        return self._submit(change)

    # --- for the parts that need a key ---

    def key(self, name: str) -> str:
        """Return the value of ``name``: the vault's, else the environment's, else nothing.

        Blocks while the vault is busy, so never call it in the main thread or on a loop. What is
        wrong with the vault is logged, and the environment used.

        Raises:
            VaultError: There is none, because the vault is locked (``VAULT-01``).
        """

        def find() -> str:
            found = find_secret(name, self._entries(), os.environ)
            if found is None and self._vault().exists and not self._vault().is_open:
                raise VaultError(
                    "VAULT-01", "The vault is locked, and the keys are in it.", "Unlock it."
                )
            return found[0] if found is not None else ""

        return self._submit(find).result(_SECRET_WAIT_S)

    def variable(self, name: str) -> str:
        """Return what an environment variable stands for: the vault's entry, else its own value.

        Blocks as :meth:`key`, and takes a locked vault for an empty one.
        """

        def find() -> str:
            found = find_secret(name.lower(), self._entries(), {})
            return found[0] if found is not None else os.environ.get(name, "")

        return self._submit(find).result(_SECRET_WAIT_S)

    def close(self) -> None:
        """Forget the vault's key; everything asked afterwards fails (``VAULT-01``)."""
        with self._asking:
            self._is_closed = True
            self._tasks.put(None)

    # --- in the vault's thread ---

    def _work(self) -> None:
        while (task := self._next()) is not None:
            self._look()
            task()
        if self._vault_in_use is not None:
            self._vault_in_use.close()

    def _next(self) -> Callable[[], None] | None:
        """Return what is asked next; nothing to do if that takes a while, None at the end."""
        try:
            return self._tasks.get(timeout=self._look_every_s)
        except queue.Empty:
            return lambda: None

    def _look(self) -> None:
        """Tell of another process' change."""
        if _stamp(self._path) == self._seen:
            return
        try:
            self._on_change()
        except Exception:  # noqa: BLE001 - the vault serves the others
            _log.exception("vault_change_not_told")

    def _on_change(self) -> None:
        self._note()
        for tell in self._tells:
            tell()

    def _note(self) -> None:
        """Count the file as it is for one that everybody knows of."""
        self._seen = _stamp(self._path)

    def _submit(self, function: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(function())
            except Exception as error:  # noqa: BLE001 - raised again where it is waited for
                future.set_exception(error)

        with self._asking:
            if not self._is_closed:
                self._tasks.put(run)
                return future
        future.set_exception(
            VaultError("VAULT-01", "The vault is closed, as the app is.", "Start the app again.")
        )
        return future

    def _vault(self) -> Vault:
        if self._vault_in_use is None:
            try:
                keyring = within(self._limit_s, self._find_keyring)
            except KeyringSilentError:
                keyring = None
            self._has_keyring = keyring is not None
            patient = PatientKeyring(keyring, self._limit_s) if keyring is not None else None
            self._vault_in_use = Vault(self._path, patient, self._cost)
        return self._vault_in_use

    def _opened(self) -> Vault:
        """Return the vault, open if no question is needed for that."""
        vault = self._vault()
        if vault.exists and not vault.is_open and not self._is_locked_by_user:
            vault.open_with_keyring(may_ask=False)
        return vault

    def _entries(self) -> dict[str, str]:
        try:
            vault = self._opened()
            return vault.entries() if vault.is_open else {}
        except VaultError as error:
            _log.warning("vault_unusable", code=error.code, used="environment")
            return {}

    def _status(self) -> VaultStatus:
        vault = self._opened()
        entries = vault.entries() if vault.is_open else {}
        ways = vault.ways if vault.is_open else frozenset()
        return VaultStatus(
            exists=vault.exists,
            is_open=vault.is_open,
            has_keyring=self._has_keyring,
            uses_keyring=SlotKind.KEYRING in ways,
            has_passphrase=SlotKind.PASSPHRASE in ways,
            secrets=tuple(
                _info(name, entries)
                for name in (*KNOWN_NAMES, *sorted(set(entries) - set(KNOWN_NAMES)))
            ),
            problem=vault.problem,
        )


def _info(name: str, entries: dict[str, str]) -> SecretInfo:
    found = find_secret(name, entries, os.environ)
    source = _SOURCES[found[1]] if found is not None else ""
    return SecretInfo(name, source, environment_name(name))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Return what is another for each version of a file; None: there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
