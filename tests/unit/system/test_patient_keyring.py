"""The patient keyring: passes everything on, and waits no longer than it was told to."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from desktop_voice.core.errors import VaultError
from desktop_voice.storage.vault_keyring import SystemKeyring
from desktop_voice.system.patient_keyring import KeyringSilentError, PatientKeyring, within
from tests.helpers.vault import MemoryBackend

SHORT_S = 0.05


class StuckKeyring:
    """A keyring whose question nobody answers until ``released`` is set."""

    def __init__(self) -> None:
        self.released = threading.Event()

    def put(self, name: str, key: bytes) -> None:
        self.released.wait(30)

    def get(self, name: str, *, may_ask: bool) -> bytes | None:
        self.released.wait(30)
        return b"too late"

    def remove(self, name: str) -> None:
        self.released.wait(30)


@pytest.fixture
def stuck() -> Iterator[StuckKeyring]:
    keyring = StuckKeyring()
    yield keyring
    keyring.released.set()


def test_what_is_kept_is_found_and_forgotten() -> None:
    keyring = PatientKeyring(SystemKeyring(MemoryBackend()))
    keyring.put("slot", b"key")
    assert keyring.get("slot", may_ask=False) == b"key"
    keyring.remove("slot")
    assert keyring.get("slot", may_ask=False) is None


def test_a_keyring_that_does_not_answer_is_given_up(stuck: StuckKeyring) -> None:
    keyring = PatientKeyring(stuck, SHORT_S)
    assert keyring.get("slot", may_ask=True) is None
    keyring.remove("slot")
    with pytest.raises(KeyringSilentError) as caught:
        keyring.put("slot", b"key")
    assert caught.value.code == "VAULT-07"
    assert caught.value.retryable


def test_errors_come_out_as_they_are() -> None:
    def refuse() -> None:
        raise VaultError("VAULT-07", "It refused.", "Unlock it.")

    with pytest.raises(VaultError, match="It refused"):
        within(5.0, refuse)
