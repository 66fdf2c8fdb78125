"""The system's keyring: trusted by name, believed when it gives back what it was given."""

import os
import sys

import pytest
from keyring.backend import KeyringBackend
from keyring.backends import SecretService, fail, null

from desktop_voice.core.errors import VaultError
from desktop_voice.storage import vault_keyring
from desktop_voice.storage.vault_keyring import SystemKeyring, system_keyring
from tests.helpers.vault import MemoryBackend

KEY = bytes(range(32))


class _Forgetful(MemoryBackend):
    def get_password(self, service: str, username: str) -> str | None:
        kept = super().get_password(service, username)
        return kept and kept[:-2]


@pytest.fixture
def no_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")


def test_a_key_is_kept_and_forgotten() -> None:
    keyring = SystemKeyring(MemoryBackend())
    assert keyring.get("one", may_ask=True) is None
    keyring.put("one", KEY)
    assert keyring.get("one", may_ask=False) == KEY
    keyring.remove("one")
    keyring.remove("one")
    assert keyring.get("one", may_ask=True) is None


@pytest.mark.parametrize("backend", [null.Keyring(), fail.Keyring(), _Forgetful()])
def test_a_keyring_that_does_not_keep_the_key_is_found_out(backend: KeyringBackend) -> None:
    with pytest.raises(VaultError) as caught:
        SystemKeyring(backend).put("one", KEY)
    assert caught.value.code == "VAULT-07"
    assert SystemKeyring(null.Keyring()).get("one", may_ask=True) is None
    assert SystemKeyring(fail.Keyring()).get("one", may_ask=True) is None


@pytest.mark.skipif(sys.platform != "linux", reason="the Secret Service is Linux's")
@pytest.mark.usefixtures("no_bus")
@pytest.mark.parametrize("choice", ["null", "fail", "chainer"])
def test_the_choice_of_the_environment_is_ignored(
    monkeypatch: pytest.MonkeyPatch, choice: str
) -> None:
    name = "ChainerBackend" if choice == "chainer" else "Keyring"
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", f"keyring.backends.{choice}.{name}")
    assert system_keyring() is None


def test_a_trusted_backend_is_used_where_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    trusted = (("no.such.module", "Keyring"), (MemoryBackend.__module__, "MemoryBackend"))
    monkeypatch.setattr(vault_keyring, "_TRUSTED", {sys.platform: trusted})
    keyring = system_keyring()
    assert keyring is not None
    keyring.put("one", KEY)
    assert keyring.get("one", may_ask=False) == KEY


@pytest.mark.skipif(sys.platform != "linux", reason="the Secret Service is Linux's")
def test_a_locked_keyring_is_left_alone_when_nothing_may_be_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import secretstorage

    class Bus:
        def close(self) -> None:
            os.write(closed, b"x")

    class Collection:
        def is_locked(self) -> bool:
            return True

    read, closed = os.pipe()
    monkeypatch.setattr(secretstorage, "dbus_init", Bus)
    monkeypatch.setattr(secretstorage, "get_collection_by_alias", lambda _bus, _name: Collection())
    asked: list[str] = []
    monkeypatch.setattr(
        SecretService.Keyring, "get_password", lambda *_arguments: asked.append("dialog")
    )
    try:
        keyring = SystemKeyring(SecretService.Keyring())
        assert keyring.get("one", may_ask=False) is None
        assert asked == []
        assert os.read(read, 2) == b"x"
        assert keyring.get("one", may_ask=True) is None
        assert asked == ["dialog"]
    finally:
        os.close(read)
        os.close(closed)
