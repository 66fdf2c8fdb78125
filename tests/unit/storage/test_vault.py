"""The vault: opened by what belongs to it, changed whole, never overwritten in silence."""

import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desktop_voice.core.errors import VaultError
from desktop_voice.storage.vault import Vault, read_export
from desktop_voice.storage.vault_format import SlotKind
from desktop_voice.storage.vault_keyring import SystemKeyring
from tests.helpers.vault import PASSPHRASE, SMALL, MemoryBackend
from tests.unit.storage.test_vault_format import (
    KNOWN,
    KNOWN_ENTRIES,
    KNOWN_PASSPHRASE,
    KNOWN_RECOVERY_KEY,
)

CASES = 2043


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "keys.vault"


@pytest.fixture
def backend() -> MemoryBackend:
    return MemoryBackend()


def _new(path: Path, backend: MemoryBackend | None = None) -> Vault:
    return Vault(path, SystemKeyring(backend) if backend else None, SMALL)


def _made(path: Path) -> Vault:
    vault = _new(path)
    vault.create(PASSPHRASE)
    vault.set("openai_api_key", "value")
    return vault


def _opened(path: Path, words: str = PASSPHRASE) -> Vault:
    vault = _new(path)
    vault.open(words)
    return vault


@contextmanager
def _fails(code: str) -> Iterator[None]:
    with pytest.raises(VaultError) as caught:
        yield
    assert caught.value.code == code


# --- opening ---


def test_the_passphrase_opens_it_and_no_other(path: Path) -> None:
    _made(path)
    assert _opened(path).entries() == {"openai_api_key": "value"}
    for wrong in ("", "Correct horse battery", f"{PASSPHRASE} ", "A" * 32):
        with _fails("VAULT-01"):
            _opened(path, wrong)


def test_the_recovery_key_opens_it_however_it_is_typed(path: Path) -> None:
    code = _new(path).create(PASSPHRASE)
    for words in (code, code.replace("-", "").lower(), code.replace("O", "0").replace("I", "1")):
        assert _opened(path, words).is_open
    with _fails("VAULT-01"):
        _opened(path, "AAAA-" * 7 + "AAAA")


def test_a_new_recovery_key_replaces_the_old_one(path: Path) -> None:
    vault = _new(path)
    old = vault.create(PASSPHRASE)
    new = vault.renew_recovery_key()
    assert _opened(path, new).is_open
    with _fails("VAULT-01"):
        _opened(path, old)


def test_the_keyring_opens_it_without_a_question(path: Path, backend: MemoryBackend) -> None:
    _new(path, backend).create(None)
    again = _new(path, backend)
    assert again.open_with_keyring(may_ask=False)
    assert again.ways == {SlotKind.KEYRING, SlotKind.RECOVERY}
    assert not _new(path).open_with_keyring(may_ask=True)
    backend.kept.clear()
    assert not _new(path, backend).open_with_keyring(may_ask=True)


def test_another_key_in_the_keyring_opens_nothing(path: Path, backend: MemoryBackend) -> None:
    _new(path, backend).create(None)
    for item in backend.kept:
        backend.kept[item] = "A" * 43 + "="
    assert not _new(path, backend).open_with_keyring(may_ask=True)
    for item in backend.kept:
        backend.kept[item] = "no base64"
    assert not _new(path, backend).open_with_keyring(may_ask=True)


def test_without_a_keyring_nothing_is_made_unless_there_is_a_passphrase(path: Path) -> None:
    with _fails("VAULT-07"):
        _new(path).create(None)
    with _fails("VAULT-06"):
        _new(path).create("short")
    assert not _new(path).exists


def test_a_vault_is_never_made_over_another(path: Path) -> None:
    _made(path)
    with _fails("VAULT-09"):
        _new(path).create("another passphrase")
    path.unlink()
    with _fails("VAULT-09"):
        _new(path).create("another passphrase")
    assert _opened(path).names() == ["openai_api_key"]


def test_a_locked_or_missing_vault_says_so(path: Path) -> None:
    with _fails("VAULT-12"):
        _opened(path)
    vault = _made(path)
    vault.close()
    assert not vault.is_open
    with _fails("VAULT-01"):
        vault.entries()


def test_the_vault_of_this_version_opens_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "keys.vault"
    path.write_bytes(KNOWN.read_bytes())
    for words in (KNOWN_PASSPHRASE, KNOWN_RECOVERY_KEY):
        vault = Vault(path, None)
        vault.open(words)
        assert vault.entries() == KNOWN_ENTRIES


# --- entries ---


def test_another_value_is_overwritten_on_request_alone(path: Path) -> None:
    vault = _made(path)
    vault.set("openai_api_key", "value")
    with _fails("VAULT-09"):
        vault.merge({"openai_api_key": "other", "plivo_auth_id": "new"})
    assert _opened(path).entries() == {"openai_api_key": "value"}
    vault.set("openai_api_key", "other", replace=True)
    assert _opened(path).entries() == {"openai_api_key": "other"}


@pytest.mark.parametrize("name", ["", "Name", "1name", "na-me", "n" * 65, "name\n", "näme"])
def test_names_have_one_form(path: Path, name: str) -> None:
    with _fails("VAULT-06"):
        _made(path).set(name, "value")


@pytest.mark.parametrize("value", ["", "  ", "a\0b", "a\x1b[2J", "x" * 20_000])
def test_values_are_text_of_a_sensible_length(path: Path, value: str) -> None:
    with _fails("VAULT-06"):
        _made(path).set("name", value)


def test_what_is_removed_is_gone_from_the_backup_as_well(path: Path) -> None:
    vault = _made(path)
    vault.remove("openai_api_key")
    path.write_bytes(b"damaged")
    assert _opened(path).names() == []
    with _fails("VAULT-12"):
        vault.remove("openai_api_key")


def test_a_vault_grows_to_its_limit_and_not_beyond(path: Path) -> None:
    vault = _made(path)
    big = {f"name_{number}": "x" * 16_000 for number in range(300)}
    with _fails("VAULT-06"):
        vault.merge(big)
    assert _opened(path).names() == ["openai_api_key"]


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.sampled_from("abc"), st.text("xyzü \n", min_size=1)),
        st.tuples(st.just("remove"), st.sampled_from("abc"), st.just("")),
        st.tuples(st.just("passphrase"), st.just(""), st.text("pqr", min_size=8, max_size=9)),
        st.tuples(st.just("keyring"), st.just(""), st.just("")),
        st.tuples(st.just("recovery"), st.just(""), st.just("")),
    ),
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(_STEPS)
def test_any_sequence_of_changes_leaves_what_a_dictionary_would(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, str]]
) -> None:
    path = tmp_path_factory.mktemp("vault") / "keys.vault"
    backend = MemoryBackend()
    vault = _new(path, backend)
    code, passphrase = vault.create(PASSPHRASE), PASSPHRASE
    expected: dict[str, str] = {}
    for step, name, text in steps:
        match step:
            case "set" if text.strip():
                vault.set(name, text, replace=True)
                expected[name] = text
            case "remove" if name in expected:
                vault.remove(name)
                del expected[name]
            case "passphrase":
                vault.set_passphrase(text)
                passphrase = text
            case "keyring":
                vault.use_keyring()
            case "recovery":
                code = vault.renew_recovery_key()
    assert _opened(path, passphrase).entries() == expected
    assert _opened(path, code).entries() == expected
    is_in_keyring = ("keyring", "", "") in steps
    assert _new(path, backend).open_with_keyring(may_ask=False) == is_in_keyring
    assert len(backend.kept) == is_in_keyring


# --- what opens it ---


def test_a_new_passphrase_ends_the_old_one_even_for_the_backup(path: Path) -> None:
    vault = _made(path)
    with _fails("VAULT-06"):
        vault.set_passphrase("short")
    vault.set_passphrase("a new passphrase")
    assert _opened(path, "a new passphrase").names() == ["openai_api_key"]
    path.write_bytes(b"damaged")
    with _fails("VAULT-01"):
        _opened(path)
    assert _opened(path, "a new passphrase").names() == ["openai_api_key"]


def test_a_wrong_passphrase_never_falls_back_to_an_old_backup(path: Path) -> None:
    """As after a crash between the two files of a passphrase change."""
    vault = _made(path)
    old = path.read_bytes()
    vault.set_passphrase("a new passphrase")
    path.with_name("keys.vault.bak").write_bytes(old)
    with _fails("VAULT-01"):
        _opened(path)
    assert _opened(path, "a new passphrase").problem is None


def test_leaving_the_keyring_needs_a_passphrase(path: Path, backend: MemoryBackend) -> None:
    vault = _new(path, backend)
    vault.create(None)
    with _fails("VAULT-13"):
        vault.leave_keyring()
    assert _new(path, backend).open_with_keyring(may_ask=False)
    vault.set_passphrase(PASSPHRASE)
    vault.leave_keyring()
    assert backend.kept == {}
    assert not _new(path, backend).open_with_keyring(may_ask=True)
    assert _opened(path).ways == {SlotKind.PASSPHRASE, SlotKind.RECOVERY}


# --- damage ---


def test_no_damaged_vault_is_accepted_and_the_backup_opens(path: Path) -> None:
    _made(path)
    whole, backup = path.read_bytes(), path.with_name("keys.vault.bak")
    accepted, lost = [], []
    for case in range(CASES):
        position = case * len(whole) // CASES
        if case % 5:
            damaged = bytearray(whole)
            damaged[position] ^= 1 << case % 8
            path.write_bytes(damaged)
        else:
            path.write_bytes(whole[:position])
        vault = _opened(path)
        if vault.problem is None or vault.problem.code != "VAULT-11":
            accepted.append(case)
        if vault.entries() != {"openai_api_key": "value"}:
            lost.append(case)
    assert (accepted, lost) == ([], [])
    backup.unlink()
    with _fails("VAULT-02"):
        _opened(path)


def test_the_next_change_mends_a_damaged_vault_and_keeps_it_aside(path: Path) -> None:
    _made(path)
    path.write_bytes(b"damaged")
    vault = _opened(path)
    vault.set("plivo_auth_id", "new")
    assert vault.names() == ["openai_api_key", "plivo_auth_id"]
    assert vault.problem is None
    assert path.with_name("keys.vault.damaged").read_bytes() == b"damaged"


def test_a_folder_in_the_place_of_the_vault_is_told(path: Path) -> None:
    path.mkdir(parents=True)
    with _fails("VAULT-04"):
        _opened(path)


def test_a_vault_that_was_replaced_meanwhile_is_not_written_over(path: Path) -> None:
    vault = _made(path)
    other = path.with_name("other.vault")
    _made(other)
    path.write_bytes(other.read_bytes())
    with _fails("VAULT-01"):
        vault.set("plivo_auth_id", "new")
    assert path.read_bytes() == other.read_bytes()


# --- files ---


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_all_files_are_private(path: Path) -> None:
    vault = _made(path)
    vault.export(path.with_name("copy"), "another passphrase")
    path.chmod(0o644)
    vault.set("plivo_auth_id", "new")
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    names = {"keys.vault", "keys.vault.bak", "keys.vault.lock", "copy"}
    assert modes == dict.fromkeys(names, 0o600)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_no_file_holds_a_value_or_a_name_in_the_clear(path: Path) -> None:
    vault = _made(path)
    vault.set("plivo_auth_id", "canary-value")
    vault.export(path.with_name("copy"), "another passphrase")
    for file in path.parent.iterdir():
        data = file.read_bytes()
        assert b"canary" not in data
        assert b"plivo" not in data


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits")
def test_a_full_disk_leaves_the_old_vault(path: Path) -> None:
    import resource

    vault = _made(path)
    before = {file: file.read_bytes() for file in path.parent.iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    changes: tuple[Callable[[], None], ...] = (
        lambda: vault.set("plivo_auth_id", "new"),
        lambda: vault.set_passphrase("a new passphrase"),
        lambda: vault.export(path.with_name("copy"), "another passphrase"),
    )
    for change in changes:
        with _fails("VAULT-04"):
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
            try:
                change()
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {file: file.read_bytes() for file in path.parent.iterdir()} == before
    assert _opened(path).entries() == {"openai_api_key": "value"}


def test_an_export_has_its_own_passphrase_and_overwrites_nothing(path: Path) -> None:
    vault = _made(path)
    copy = path.with_name("copy")
    vault.export(copy, "another passphrase")
    assert read_export(copy, "another passphrase", SMALL) == {"openai_api_key": "value"}
    with _fails("VAULT-01"):
        read_export(copy, PASSPHRASE, SMALL)
    with _fails("VAULT-09"):
        vault.export(copy, "a third passphrase")
    for own in (path, path.with_name("keys.vault.bak")):
        with _fails("VAULT-09"):
            vault.export(own, "a third passphrase", replace=True)
    vault.export(copy, "a third passphrase", replace=True)
    assert read_export(copy, "a third passphrase", SMALL) == {"openai_api_key": "value"}
    with _fails("VAULT-12"):
        read_export(path.with_name("missing"), PASSPHRASE, SMALL)
