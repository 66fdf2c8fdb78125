"""The vault's bytes: what was written is read, and nothing else is believed."""

import base64
import hashlib
import json
import struct
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.storage.vault_format import (
    DamagedVaultError,
    Header,
    KdfCost,
    NewerVaultError,
    Slot,
    SlotKind,
    WrongSecretError,
    new_id,
    new_key,
    parse,
    passphrase_secret,
    seal,
)
from tests.helpers.vault import SMALL

KNOWN = Path(__file__).parents[2] / "data" / "vault-v1.vault"
KNOWN_PASSPHRASE = "known answer passphrase"
KNOWN_RECOVERY_KEY = "LRHZ-IXUY-2OHM-6QPS-ZF74-COYS-F6XK-6AGB"
KNOWN_ENTRIES = {"openai_api_key": "known-value-1", "telnyx_public_key": "known ünïcode\nvalue 2"}

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,63}", fullmatch=True)


def _header(key: bytes, secret: bytes = b"secret") -> Header:
    vault_id = new_id()
    slot = Slot.wrap(key, SlotKind.PASSPHRASE, secret, vault_id, SMALL)
    return Header(vault_id, (slot,))


@given(st.dictionaries(NAMES, st.text(max_size=200), max_size=20))
def test_entries_come_back_as_they_were(entries: dict[str, str]) -> None:
    key = new_key()
    sealed = parse(seal(_header(key), key, entries), SMALL)
    assert sealed.open(sealed.header.slots[0].unwrap(b"secret", sealed.header.vault_id)) == entries


@given(st.binary(max_size=300))
def test_rubbish_is_damaged(data: bytes) -> None:
    for rubbish in (data, b"DV-VAULT" + data, _mended(b"DV-VAULT" + data + bytes(32))):
        with pytest.raises(DamagedVaultError):
            parse(rubbish, SMALL)


def test_a_secret_opens_its_own_slot_alone() -> None:
    key = new_key()
    header = _header(key)
    with pytest.raises(WrongSecretError):
        header.slots[0].unwrap(b"another", header.vault_id)
    with pytest.raises(WrongSecretError):
        header.slots[0].unwrap(b"secret", new_id())
    with pytest.raises(DamagedVaultError):
        parse(seal(header, key, {}), SMALL).open(new_key())


def test_tampering_that_mends_the_checksum_opens_nothing() -> None:
    key = new_key()
    data = seal(_header(key), key, {"name": "value"})
    header_end = 12 + struct.unpack(">I", data[8:12])[0]
    opened = []
    for position in [*range(header_end + 12 + 20), *range(len(data) - 60, len(data) - 32)]:
        for bit in (0, 3, 6):
            changed = bytearray(data)
            changed[position] ^= 1 << bit
            try:
                sealed = parse(_mended(bytes(changed)), SMALL)
                found = sealed.header.slots[0].unwrap(b"secret", sealed.header.vault_id)
                sealed.open(found)
                opened.append((position, bit))
            except (DamagedVaultError, WrongSecretError, NewerVaultError):
                pass
    assert opened == []


@pytest.mark.parametrize(
    "cost",
    [
        KdfCost(memory_kib=4 * 1024 * 1024),
        KdfCost(memory_kib=1024),
        KdfCost(memory_kib=-1),
        KdfCost(passes=10**9),
        KdfCost(passes=0),
        KdfCost(lanes=10**6),
        KdfCost(lanes=0),
    ],
)
def test_a_file_cannot_ask_for_too_much_or_too_little_work(cost: KdfCost) -> None:
    slot = Slot(SlotKind.PASSPHRASE, new_id(), bytes(16), bytes(12), bytes(48), cost)
    with pytest.raises(DamagedVaultError):
        parse(seal(Header(new_id(), (slot,)), new_key(), {}), KdfCost())


def test_a_newer_version_is_told_from_damage() -> None:
    data = KNOWN.read_bytes().replace(b'"version":1', b'"version":2')
    with pytest.raises(NewerVaultError):
        parse(_mended(data), KdfCost())


def test_the_length_tells_little_about_the_entries() -> None:
    key = new_key()
    header = _header(key)
    one = seal(header, key, {"a": "x"})
    many = seal(header, key, {f"name_{number}": "value" * 10 for number in range(20)})
    assert len(one) == len(many)


def test_accents_may_be_typed_in_either_form() -> None:
    assert passphrase_secret("caf\u00e9") == passphrase_secret("cafe\u0301")


def test_the_known_vault_opens_with_nothing_but_its_description() -> None:
    """Reads the format without the app's code, at the real cost."""
    data = KNOWN.read_bytes()
    assert data[:8] == b"DV-VAULT"
    assert hashlib.sha256(data[:-32]).digest() == data[-32:]
    end = 12 + struct.unpack(">I", data[8:12])[0]
    header = json.loads(data[12:end])
    slot = next(slot for slot in header["slots"] if slot["kind"] == "passphrase")
    wrapped, salt, nonce = (base64.b64decode(slot[name]) for name in ("key", "salt", "nonce"))
    assert slot["argon2id"] == {"memory_kib": 65536, "passes": 3, "lanes": 4}
    kdf = Argon2id(salt=salt, length=32, iterations=3, lanes=4, memory_cost=65536)
    del slot["key"]
    bound = {"slot": slot, "vault": header["vault"], "version": 1}
    aad = json.dumps(bound, sort_keys=True, separators=(",", ":")).encode()
    key = ChaCha20Poly1305(kdf.derive(KNOWN_PASSPHRASE.encode())).decrypt(nonce, wrapped, aad)
    body = ChaCha20Poly1305(key).decrypt(data[end : end + 12], data[end + 12 : -32], data[:end])
    assert json.loads(body) == {"entries": KNOWN_ENTRIES}
    assert len(body) == 4096


def _mended(data: bytes) -> bytes:
    return data[:-32] + hashlib.sha256(data[:-32]).digest()
