"""Keyrings to test the vault with, and a cost that does not slow the tests down."""

from __future__ import annotations

from keyring.backend import KeyringBackend

from desktop_voice.storage.vault_format import KdfCost

SMALL = KdfCost(memory_kib=64, passes=1, lanes=1)
PASSPHRASE = "correct horse battery"


class MemoryBackend(KeyringBackend):
    """A backend of the keyring package that keeps everything for as long as it lives."""

    priority = 1.0

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]
