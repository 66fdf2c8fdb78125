"""The vault service: one thread, futures, and values that only those who need them get."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from keyring.errors import PasswordSetError

from desktop_voice.core.errors import VaultError
from desktop_voice.core.ports import SecretInfo, VaultControl, VaultStatus
from desktop_voice.storage.vault import Vault
from desktop_voice.storage.vault_keyring import SystemKeyring
from desktop_voice.system.vault_control import VaultService
from tests.helpers.vault import PASSPHRASE, SMALL, MemoryBackend

WAIT_S = 30.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vault" / "keys.vault"


@pytest.fixture
def keyring() -> SystemKeyring:
    return SystemKeyring(MemoryBackend())


@pytest.fixture
def changes() -> list[str]:
    return []


@pytest.fixture
def service(path: Path, keyring: SystemKeyring, changes: list[str]) -> Iterator[VaultService]:
    service = VaultService(
        path,
        find_keyring=lambda: keyring,
        on_change=lambda: changes.append(threading.current_thread().name),
        cost=SMALL,
    )
    yield service
    service.close()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "TWILIO_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def got(future: Future[Any]) -> Any:
    return future.result(WAIT_S)


def source(status: VaultStatus, name: str) -> str:
    (info,) = [info for info in status.secrets if info.name == name]
    return info.source


def test_it_is_a_vault_control(service: VaultService) -> None:
    control: VaultControl = service
    assert got(control.status()).exists is False


def test_a_vault_is_made_filled_and_read(
    service: VaultService, path: Path, changes: list[str]
) -> None:
    code = got(service.create(PASSPHRASE))
    status = got(service.set("twilio_auth_token", "one"))
    assert (status.exists, status.is_open, status.has_passphrase) == (True, True, True)
    assert source(status, "twilio_auth_token") == "vault"
    assert service.key("twilio_auth_token") == "one"
    got(service.set("twilio_auth_token", "two"))
    assert service.key("twilio_auth_token") == "two"
    assert source(got(service.remove("twilio_auth_token")), "twilio_auth_token") == ""
    assert set(changes) == {"vault"}
    assert len(changes) == 4
    Vault(path, None, SMALL).open(code)


def test_no_value_is_in_what_the_interface_gets(service: VaultService) -> None:
    got(service.create(PASSPHRASE))
    status = got(service.set("my_own_key", "planted-secret"))
    assert SecretInfo("my_own_key", "vault", "MY_OWN_KEY") in status.secrets
    assert "planted-secret" not in repr(status)


def test_the_environment_stands_in_for_what_the_vault_lacks(
    service: VaultService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "from outside")
    assert source(got(service.status()), "twilio_auth_token") == "environment"
    assert service.key("twilio_auth_token") == "from outside"
    got(service.create(PASSPHRASE))
    got(service.set("twilio_auth_token", "from inside"))
    assert service.key("twilio_auth_token") == "from inside"
    got(service.lock())
    assert service.key("twilio_auth_token") == "from outside"


def test_a_variable_stands_for_the_vaults_entry_of_that_name(
    service: VaultService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("My_Model_Key", "from outside")
    assert service.variable("My_Model_Key") == "from outside"
    got(service.create(PASSPHRASE))
    got(service.set("my_model_key", "from inside"))
    assert service.variable("My_Model_Key") == "from inside"
    got(service.lock())
    assert service.variable("My_Model_Key") == "from outside"


def test_a_vault_that_was_opened_elsewhere_is_used_as_it_is(path: Path) -> None:
    vault = Vault(path, None, SMALL)
    vault.create(PASSPHRASE)
    vault.set("plivo_auth_id", "one")
    service = VaultService(path, find_keyring=lambda: None, vault=vault)
    assert service.key("plivo_auth_id") == "one"
    service.close()


def test_a_locked_vault_is_told_to_those_who_need_a_key(service: VaultService) -> None:
    assert service.key("plivo_auth_id") == ""
    got(service.create(PASSPHRASE))
    got(service.set("plivo_auth_id", "one"))
    assert service.key("plivo_auth_id") == "one"
    got(service.lock())
    with pytest.raises(VaultError) as locked:
        service.key("plivo_auth_id")
    assert locked.value.code == "VAULT-01"
    assert service.variable("PLIVO_AUTH_ID") == ""


def test_the_keyring_opens_it_at_the_next_start_until_it_is_locked(
    service: VaultService, path: Path, keyring: SystemKeyring
) -> None:
    got(service.create(PASSPHRASE))
    got(service.set("openai_api_key", "k"))
    got(service.lock())
    assert not got(service.status()).is_open
    assert got(service.unlock(PASSPHRASE, remember=True)).uses_keyring
    later = VaultService(path, find_keyring=lambda: keyring, cost=SMALL)
    assert got(later.status()).is_open
    assert later.key("openai_api_key") == "k"
    got(service.lock())
    last = VaultService(path, find_keyring=lambda: keyring, cost=SMALL)
    assert not got(last.status()).is_open
    with pytest.raises(VaultError, match="does not open this vault"):
        got(last.unlock_with_keyring())
    later.close()
    last.close()


def test_a_vault_that_only_the_keyring_opens_cannot_be_locked_out(service: VaultService) -> None:
    got(service.create(None))
    with pytest.raises(VaultError) as caught:
        got(service.lock())
    assert caught.value.code == "VAULT-13"
    assert got(service.status()).is_open
    got(service.change_passphrase(PASSPHRASE))
    assert not got(service.lock()).is_open
    assert got(service.unlock(PASSPHRASE, remember=False)).is_open


class FullBackend(MemoryBackend):
    """A keyring that keeps nothing."""

    def set_password(self, service: str, username: str, password: str) -> None:
        raise PasswordSetError


def test_a_vault_is_open_and_everybody_knows_though_the_keyring_does_not_keep_it(
    path: Path, changes: list[str]
) -> None:
    vault = Vault(path, None, SMALL)
    vault.create(PASSPHRASE)
    vault.set("openai_api_key", "k")
    service = VaultService(
        path,
        find_keyring=lambda: SystemKeyring(FullBackend()),
        on_change=lambda: changes.append("told"),
        cost=SMALL,
    )
    assert not got(service.status()).is_open
    status = got(service.unlock(PASSPHRASE, remember=True))
    assert (status.is_open, status.uses_keyring) == (True, False)
    assert status.problem.code == "VAULT-07"
    assert changes == ["told"]
    assert service.key("openai_api_key") == "k"
    assert got(service.status()).problem is None
    service.close()


def test_what_another_process_changes_is_told_without_a_question(path: Path) -> None:
    other = Vault(path, None, SMALL)
    other.create(PASSPHRASE)
    told, values = threading.Event(), []
    service = VaultService(
        path, find_keyring=lambda: None, vault=opened(path), cost=SMALL, look_every_s=0.01
    )
    service.subscribe(told.set)
    for value in ("one", "two"):
        told.clear()
        other.set("twilio_auth_token", value, replace=True)
        assert told.wait(WAIT_S)
        values.append(service.key("twilio_auth_token"))
    assert values == ["one", "two"]
    service.close()


def test_what_another_process_changed_is_told_before_a_question_is_answered(
    path: Path, changes: list[str]
) -> None:
    opened_elsewhere = Vault(path, None, SMALL)
    opened_elsewhere.create(PASSPHRASE)
    service = VaultService(path, vault=opened(path), cost=SMALL, look_every_s=WAIT_S)
    unsubscribe = service.subscribe(lambda: changes.append("told"))
    got(service.status())
    assert changes == []
    opened_elsewhere.set("plivo_auth_id", "one")
    got(service.status())
    got(service.status())
    assert changes == ["told"]
    got(service.set("plivo_auth_id", "two"))
    got(service.change_passphrase(PASSPHRASE))
    got(service.status())
    assert changes == ["told"] * 2, "its own changes are told once"
    unsubscribe()
    got(service.remove("plivo_auth_id"))
    assert changes == ["told"] * 2
    service.close()


def test_a_listener_that_fails_keeps_nobody_from_the_vault(path: Path) -> None:
    def fail() -> None:
        raise RuntimeError("the listener is gone")

    other = Vault(path, None, SMALL)
    other.create(PASSPHRASE)
    service = VaultService(
        path, on_change=fail, vault=opened(path), cost=SMALL, look_every_s=WAIT_S
    )
    other.set("plivo_auth_id", "one")
    assert service.key("plivo_auth_id") == "one"
    service.close()


def opened(path: Path) -> Vault:
    vault = Vault(path, None, SMALL)
    vault.open(PASSPHRASE)
    return vault


def test_what_is_asked_before_the_end_is_answered_and_what_is_asked_after_it_fails(
    service: VaultService,
) -> None:
    before = service.create(PASSPHRASE)
    service.close()
    assert got(before)
    for late in (service.status(), service.set("plivo_auth_id", "one")):
        with pytest.raises(VaultError) as closed:
            late.result(0)
        assert closed.value.code == "VAULT-01"
    with pytest.raises(VaultError):
        service.key("plivo_auth_id")


@pytest.mark.parametrize("words", ["wrong words", "", "AAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAA"])
def test_wrong_words_open_nothing(service: VaultService, words: str) -> None:
    got(service.create(PASSPHRASE))
    got(service.lock())
    with pytest.raises(VaultError) as caught:
        got(service.unlock(words, remember=False))
    assert caught.value.code == "VAULT-01"
    assert not got(service.status()).is_open


def test_a_damaged_vault_fails_its_question_and_nothing_else(
    service: VaultService, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "from outside")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"rubbish")
    with pytest.raises(VaultError) as caught:
        got(service.status())
    assert caught.value.code == "VAULT-02"
    assert service.key("openai_api_key") == "from outside"


def test_a_keyring_that_never_answers_holds_up_nobody(path: Path) -> None:
    answered = threading.Event()

    def find() -> SystemKeyring | None:
        answered.wait(WAIT_S)
        return None

    service = VaultService(path, find_keyring=find, cost=SMALL, keyring_limit_s=0.05)
    status = got(service.status())
    assert not status.has_keyring
    got(service.create(PASSPHRASE))
    assert got(service.status()).is_open
    answered.set()
    service.close()


def test_asking_takes_no_time_even_while_the_vault_is_busy(path: Path) -> None:
    go_on = threading.Event()

    def find() -> SystemKeyring | None:
        go_on.wait(WAIT_S)
        return None

    service = VaultService(path, find_keyring=find, cost=SMALL)
    asked: list[Future[Any]] = [service.status(), service.create(PASSPHRASE), service.status()]
    assert not any(future.done() for future in asked)
    go_on.set()
    assert [bool(got(future)) for future in asked] == [True, True, True]
    service.close()


def test_a_question_that_was_cancelled_is_not_asked(path: Path) -> None:
    go_on = threading.Event()

    def find() -> SystemKeyring | None:
        go_on.wait(WAIT_S)
        return None

    service = VaultService(path, find_keyring=find, cost=SMALL)
    first = service.status()
    second = service.create(PASSPHRASE)
    assert second.cancel()
    go_on.set()
    got(first)
    assert not got(service.status()).exists
    service.close()
