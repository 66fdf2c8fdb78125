"""The system's keyring with a deadline: one that waits for its user must not stop the app."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

import structlog

from desktop_voice.core.errors import VaultError
from desktop_voice.storage.vault_keyring import KeyStore

_log = structlog.get_logger()

KEYRING_LIMIT_S = 20.0

T = TypeVar("T")


class PatientKeyring:
    """A :class:`KeyStore` whose calls end after ``limit_s``, answered or not. Any thread.

    A call that is given up goes on in a thread of its own, which ends with the process.
    """

    def __init__(self, keyring: KeyStore, limit_s: float = KEYRING_LIMIT_S) -> None:
        self._keyring = keyring
        self._limit_s = limit_s

    def put(self, name: str, key: bytes) -> None:
        """Keep ``key``.

        Raises:
            VaultError: It is not kept for certain, or the keyring does not answer.
        """
        within(self._limit_s, lambda: self._keyring.put(name, key))

    def get(self, name: str, *, may_ask: bool) -> bytes | None:
        """Return the key; None if there is none or the keyring does not answer."""
        try:
            return within(self._limit_s, lambda: self._keyring.get(name, may_ask=may_ask))
        except KeyringSilentError:
            return None

    def remove(self, name: str) -> None:
        """Forget the key; a keyring that does not answer is left as it is."""
        try:
            within(self._limit_s, lambda: self._keyring.remove(name))
        except KeyringSilentError:
            return


class KeyringSilentError(VaultError):
    """The keyring did not answer in time."""

    def __init__(self) -> None:
        super().__init__(
            "VAULT-07",
            "The system's keyring does not answer.",
            "Answer its question if it shows one, or use the vault's passphrase.",
            retryable=True,
        )


def within(limit_s: float, function: Callable[[], T]) -> T:
    """Return what ``function`` returns, run in a thread of its own; its errors come out here.

    Raises:
        KeyringSilentError: It took longer than ``limit_s``.
    """
    answers: queue.SimpleQueue[tuple[T | None, Exception | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put((function(), None))
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            answers.put((None, error))

    threading.Thread(target=run, name="keyring", daemon=True).start()
    try:
        answer, error = answers.get(timeout=limit_s)
    except queue.Empty:
        _log.warning("keyring_did_not_answer", seconds=limit_s)
        raise KeyringSilentError from None
    if error is not None:
        raise error
    return answer  # type: ignore[return-value]
