"""The vault's bytes: a header with wrapped keys, one encrypted body, a checksum over both.

Layout of version 1, all of it in this order::

    "DV-VAULT" | length, u32 big-endian | header, canonical JSON | nonce, 12 | body | SHA-256, 32

The body is JSON, padded with spaces to a multiple of 4 KiB, encrypted with ChaCha20-Poly1305 under
a random 32-byte key; everything before the nonce is its associated data. Each slot of the header
holds that key, encrypted under a key derived from one secret: a passphrase (Argon2id), a recovery
key or a key in the system's keyring (HKDF-SHA256). A slot's own parameters and the vault's id are
its associated data. The checksum tells damage from a wrong secret; it protects nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import struct
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_VERSION = 1
_MAGIC = b"DV-VAULT"
_LENGTH = struct.Struct(">I")
_NONCE_BYTES = 12
_KEY_BYTES = 32
_SALT_BYTES = 16
_TAG_BYTES = 16
_SUM_BYTES = 32
_ID_BYTES = 16
_PAGE_BYTES = 4096
_MAX_SLOTS = 8


class DamagedVaultError(Exception):
    """The bytes are not those of a vault that this app wrote."""


class NewerVaultError(Exception):
    """The vault was written by a later version of the app."""


class WrongSecretError(Exception):
    """No slot opens with this secret."""


class SlotKind(StrEnum):
    """What opens a slot."""

    PASSPHRASE = "passphrase"  # noqa: S105 - the name of a kind
    KEYRING = "keyring"
    RECOVERY = "recovery"


@dataclass(frozen=True, slots=True)
class KdfCost:
    """What one guess at the passphrase costs (Argon2id); the default is RFC 9106's second choice.

    A file that asks for more than 1 GiB, 16 passes or 16 lanes is not obeyed, nor one that asks
    for less than 19 MiB, the least that OWASP recommends.
    """

    memory_kib: int = 64 * 1024
    passes: int = 3
    lanes: int = 4

    def is_allowed(self, floor: KdfCost) -> bool:
        """Return whether a file may ask for this; ``floor`` lowers the limit if it is below it."""
        least_kib = min(19 * 1024, floor.memory_kib)
        return (
            least_kib <= self.memory_kib <= 1024 * 1024
            and 1 <= self.passes <= 16
            and 1 <= self.lanes <= 16
            and self.memory_kib >= 8 * self.lanes
        )


@dataclass(frozen=True, slots=True)
class Slot:
    """The vault's key, encrypted under a key that one secret gives.

    ``id`` is 32 hexadecimal digits; ``cost`` belongs to passphrases alone.
    """

    kind: SlotKind
    id: str
    salt: bytes
    nonce: bytes
    wrapped_key: bytes
    cost: KdfCost | None = None

    @classmethod
    def wrap(
        cls, key: bytes, kind: SlotKind, secret: bytes, vault_id: str, cost: KdfCost | None = None
    ) -> Self:
        """Encrypt the vault's ``key`` under ``secret``; takes as long as ``cost`` says."""
        salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
        bare = cls(kind, new_id(), salt, nonce, b"", cost)
        cipher = ChaCha20Poly1305(bare._secret_key(secret))
        wrapped_key = cipher.encrypt(nonce, key, bare._associated_data(vault_id))
        return cls(kind, bare.id, salt, nonce, wrapped_key, cost)

    def unwrap(self, secret: bytes, vault_id: str) -> bytes:
        """Return the vault's key.

        Raises:
            WrongSecretError: The secret is another one, or the slot was tampered with.
        """
        cipher = ChaCha20Poly1305(self._secret_key(secret))
        try:
            return cipher.decrypt(self.nonce, self.wrapped_key, self._associated_data(vault_id))
        except InvalidTag:
            raise WrongSecretError from None

    def parameters(self) -> dict[str, Any]:
        """Return everything but the wrapped key, in JSON's terms."""
        table = {"kind": self.kind.value, "id": self.id, "salt": _text(self.salt)}
        table["nonce"] = _text(self.nonce)
        if self.cost is None:
            return table
        cost = {"memory_kib": self.cost.memory_kib, "passes": self.cost.passes}
        return table | {"argon2id": cost | {"lanes": self.cost.lanes}}

    def _secret_key(self, secret: bytes) -> bytes:
        if self.cost is None:
            info = f"desktop-voice vault {self.kind}".encode()
            return HKDF(SHA256(), _KEY_BYTES, salt=self.salt, info=info).derive(secret)
        return Argon2id(
            salt=self.salt,
            length=_KEY_BYTES,
            iterations=self.cost.passes,
            lanes=self.cost.lanes,
            memory_cost=self.cost.memory_kib,
        ).derive(secret)

    def _associated_data(self, vault_id: str) -> bytes:
        return _canonical({"version": _VERSION, "vault": vault_id, "slot": self.parameters()})


@dataclass(frozen=True, slots=True)
class Header:
    """What a vault says without being opened."""

    vault_id: str
    slots: tuple[Slot, ...]

    def slot(self, kind: SlotKind) -> Slot | None:
        """Return the slot of this kind, if there is one."""
        return next((slot for slot in self.slots if slot.kind is kind), None)

    def with_slot(self, new: Slot) -> Header:
        """Return a header in which ``new`` stands in place of any other slot of its kind."""
        return Header(self.vault_id, (*self.without(new.kind).slots, new))

    def without(self, kind: SlotKind) -> Header:
        """Return a header without slots of this kind."""
        return Header(self.vault_id, tuple(s for s in self.slots if s.kind is not kind))


@dataclass(frozen=True, slots=True)
class SealedVault:
    """A vault as it was read, not yet opened."""

    header: Header
    _prefix: bytes
    _nonce: bytes
    _body: bytes

    def open(self, key: bytes) -> dict[str, str]:
        """Return the entries, by name.

        Raises:
            DamagedVaultError: The body or the header is not what was written with this key.
        """
        try:
            body = ChaCha20Poly1305(key).decrypt(self._nonce, self._body, self._prefix)
        except InvalidTag:
            raise DamagedVaultError from None
        entries: dict[str, str] = json.loads(body)["entries"]
        return entries


def new_id() -> str:
    """Return a random id of 32 hexadecimal digits."""
    return os.urandom(_ID_BYTES).hex()


def new_key() -> bytes:
    """Return a random key of 32 bytes."""
    return os.urandom(_KEY_BYTES)


def passphrase_secret(passphrase: str) -> bytes:
    """Return the bytes that stand for ``passphrase``, however its accents were typed."""
    return unicodedata.normalize("NFC", passphrase).encode(errors="surrogatepass")


def seal(header: Header, key: bytes, entries: Mapping[str, str]) -> bytes:
    """Return the bytes of a vault."""
    slots = [slot.parameters() | {"key": _text(slot.wrapped_key)} for slot in header.slots]
    table = {"version": _VERSION, "vault": header.vault_id, "slots": slots}
    text = _canonical(table)
    prefix = _MAGIC + _LENGTH.pack(len(text)) + text
    body = json.dumps({"entries": dict(entries)}, sort_keys=True).encode()
    body = body.ljust(-(-len(body) // _PAGE_BYTES) * _PAGE_BYTES)
    nonce = os.urandom(_NONCE_BYTES)
    data = prefix + nonce + ChaCha20Poly1305(key).encrypt(nonce, body, prefix)
    return data + hashlib.sha256(data).digest()


def parse(data: bytes, floor: KdfCost) -> SealedVault:
    """Return the vault in ``data``, of which nothing is believed yet.

    Args:
        data: The content of a file.
        floor: See :meth:`KdfCost.is_allowed`.

    Raises:
        DamagedVaultError: This is no vault, or not all of it, or one that asks for too much.
        NewerVaultError: A later version of the app wrote it.
    """
    try:
        if not data.startswith(_MAGIC):
            raise DamagedVaultError
        data, checksum = data[:-_SUM_BYTES], data[-_SUM_BYTES:]
        if hashlib.sha256(data).digest() != checksum:
            raise DamagedVaultError
        start = len(_MAGIC) + _LENGTH.size
        end = start + _LENGTH.unpack(data[len(_MAGIC) : start])[0]
        table = json.loads(data[start:end])
        if type(table["version"]) is int and table["version"] > _VERSION:
            raise NewerVaultError
        if table["version"] != _VERSION or _canonical(table) != data[start:end]:
            raise DamagedVaultError
        header = Header(_hex(table["vault"]), tuple(_slot(s, floor) for s in table["slots"]))
        nonce, body = data[end : end + _NONCE_BYTES], data[end + _NONCE_BYTES :]
        if not 1 <= len(header.slots) <= _MAX_SLOTS or len(body) < _TAG_BYTES:
            raise DamagedVaultError
        return SealedVault(header, data[:end], nonce, body)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, struct.error):
        raise DamagedVaultError from None


def _slot(table: dict[str, Any], floor: KdfCost) -> Slot:
    kind = SlotKind(table["kind"])
    cost = KdfCost(**table["argon2id"]) if "argon2id" in table else None
    if (cost is not None) != (kind is SlotKind.PASSPHRASE):
        raise DamagedVaultError
    if cost is not None:
        numbers = (cost.memory_kib, cost.passes, cost.lanes)
        if any(type(number) is not int for number in numbers) or not cost.is_allowed(floor):
            raise DamagedVaultError
    return Slot(
        kind,
        _hex(table["id"]),
        _bytes(table["salt"], _SALT_BYTES),
        _bytes(table["nonce"], _NONCE_BYTES),
        _bytes(table["key"], _KEY_BYTES + _TAG_BYTES),
        cost,
    )


def _canonical(table: Mapping[str, Any]) -> bytes:
    return json.dumps(table, sort_keys=True, separators=(",", ":")).encode()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str, length: int) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise DamagedVaultError from None
    if len(data) != length:
        raise DamagedVaultError
    return data


def _hex(text: str) -> str:
    if len(bytes.fromhex(text)) != _ID_BYTES:
        raise DamagedVaultError
    return text
