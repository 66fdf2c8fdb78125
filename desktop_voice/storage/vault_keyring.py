"""The system's keyring, as the vault uses it: trusted backends alone, every write read back.

The backend is made by name and never chosen by the ``keyring`` package, whose choice follows
PYTHON_KEYRING_BACKEND, a configuration file and whatever plug-ins are installed.
"""

from __future__ import annotations

import base64
import binascii
import importlib
import sys
from contextlib import closing, suppress
from typing import Protocol

import structlog
from keyring.backend import KeyringBackend

from desktop_voice.core.errors import VaultError

_log = structlog.get_logger()

_SERVICE = "Desktop Voice vault"
_SECRET_SERVICE = ("keyring.backends.SecretService", "Keyring")
_TRUSTED = {
    "linux": (_SECRET_SERVICE, ("keyring.backends.kwallet", "DBusKeyring")),
    "darwin": (("keyring.backends.macOS", "Keyring"),),
    "win32": (("keyring.backends.Windows", "WinVaultKeyring"),),
}


class KeyStore(Protocol):
    """A place outside the vault's folder that keeps a few small keys for this user."""

    def put(self, name: str, key: bytes) -> None:
        """Keep ``key``; raises :class:`VaultError` if it is not kept for certain."""

    def get(self, name: str, *, may_ask: bool) -> bytes | None:
        """Return the key, or None; with ``may_ask`` the system may ask its user to unlock it."""

    def remove(self, name: str) -> None:
        """Forget the key, as far as that is possible."""


class SystemKeyring:
    """Keeps keys in a backend of the ``keyring`` package; may be used from any thread.

    Calls take some 10 to 50 ms, or as long as the user takes to answer the system's question.
    """

    def __init__(self, backend: KeyringBackend) -> None:
        self._backend = backend

    def put(self, name: str, key: bytes) -> None:
        """Keep ``key`` under ``name``, and read it back.

        Raises:
            VaultError: The keyring refused, or does not hold what it was given.
        """
        text = base64.b64encode(key).decode()
        kept = None
        with suppress(Exception):  # backends raise whatever their system raises
            self._backend.set_password(_SERVICE, name, text)
            kept = self._backend.get_password(_SERVICE, name)
        if kept != text:
            raise VaultError(
                "VAULT-07",
                "The system's keyring did not keep the vault's key.",
                "Unlock the keyring of your desktop and try again, or use a passphrase.",
                retryable=True,
            )

    def get(self, name: str, *, may_ask: bool) -> bytes | None:
        """Return the key kept under ``name``; None if there is none or the keyring stays shut."""
        try:
            if not may_ask and not _answers_without_asking(self._backend):
                return None
            text = self._backend.get_password(_SERVICE, name)
            return base64.b64decode(text, validate=True) if text else None
        except binascii.Error:
            return None
        except Exception as error:  # noqa: BLE001 - backends raise whatever their system raises
            _log.warning("keyring_did_not_answer", error=type(error).__name__)
            return None

    def remove(self, name: str) -> None:
        """Forget the key kept under ``name``; a keyring that refuses is left as it is."""
        with suppress(Exception):  # backends raise whatever their system raises
            self._backend.delete_password(_SERVICE, name)


def system_keyring() -> SystemKeyring | None:
    """Return this system's keyring, or None where there is none that can be trusted."""
    for module, name in _TRUSTED.get(sys.platform, ()):
        try:
            backend = getattr(importlib.import_module(module), name)
            if backend.viable:
                return SystemKeyring(backend())
        except Exception as error:  # noqa: BLE001 - backends raise whatever their system raises
            _log.debug("no_such_keyring", kind=module, error=type(error).__name__)
    return None


def _answers_without_asking(backend: KeyringBackend) -> bool:
    """Return whether reading from ``backend`` shows no dialog of the system."""
    kind = (type(backend).__module__, type(backend).__qualname__)
    if kind == _SECRET_SERVICE:
        import secretstorage

        with closing(secretstorage.dbus_init()) as bus:
            return not secretstorage.get_collection_by_alias(bus, "default").is_locked()
    return "kwallet" not in kind[0]
