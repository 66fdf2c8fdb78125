"""The vault: keys and tokens in one encrypted file, opened by a keyring, passphrase or code."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from desktop_voice.core.errors import VaultError
from desktop_voice.storage.atomic import write_atomically
from desktop_voice.storage.vault_files import MAX_BYTES, VaultFiles, cannot_write, read_bytes
from desktop_voice.storage.vault_format import (
    DamagedVaultError,
    Header,
    KdfCost,
    NewerVaultError,
    SealedVault,
    Slot,
    SlotKind,
    WrongSecretError,
    new_id,
    new_key,
    parse,
    passphrase_secret,
    seal,
)
from desktop_voice.storage.vault_keyring import KeyStore

MIN_PASSPHRASE_CHARACTERS = 8
MAX_VALUE_CHARACTERS = 16 * 1024

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_RECOVERY_BYTES = 20
_RECOVERY_CODE = re.compile(r"[A-Z2-7]{32}")
_MISREAD = str.maketrans("018", "OIB", " -")


class Vault:
    """Secrets by name, in the file at ``path``.

    A change is on the disk, whole and with a backup, when its method returns. A vault that is
    open stays so until :meth:`close`; what other processes change meanwhile is seen. Reading may
    be done from any thread, the rest belongs to one thread. Opening by passphrase takes about a
    third of a second, opening by keyring as long as the keyring takes.

    Args:
        path: The file; it need not exist, and its folder is created with it.
        keyring: Where the vault's key may be kept, or None to do without.
        cost: What a guess at a new passphrase costs.
    """

    def __init__(self, path: Path, keyring: KeyStore | None, cost: KdfCost | None = None) -> None:
        self._files = VaultFiles(path)
        self._keyring = keyring
        self._cost = cost or KdfCost()
        self._key = b""
        self._id = ""
        self._problem: VaultError | None = None

    @property
    def exists(self) -> bool:
        """Whether there is a vault, in whatever state."""
        return self._files.exist

    @property
    def is_open(self) -> bool:
        """Whether the entries can be read."""
        return bool(self._key)

    @property
    def problem(self) -> VaultError | None:
        """What was wrong with the file as it was last read, though the backup opened; or None."""
        return self._problem

    @property
    def ways(self) -> frozenset[SlotKind]:
        """What opens the vault; the vault must be open."""
        header, _entries = self._read()
        return frozenset(slot.kind for slot in header.slots)

    # --- opening ---

    def create(self, passphrase: str | None) -> str:
        """Make an empty vault, open it, and return its recovery key, which is kept nowhere.

        Args:
            passphrase: What will open it, or None to keep its key in the keyring.

        Raises:
            VaultError: There is a vault, the passphrase is too short, the keyring did not keep
                the key, or the file cannot be written.
        """
        key, vault_id = new_key(), new_id()
        code, recovery = _new_recovery_slot(key, vault_id)
        opener = (
            self._keyring_slot(key, vault_id)
            if passphrase is None
            else self._passphrase_slot(passphrase, key, vault_id)
        )
        with self._files.locked():
            if self.exists:
                raise VaultError("VAULT-09", "There is a vault already.", "Open that one.")
            data = seal(Header(vault_id, (opener, recovery)), key, {})
            self._files.save(data, is_damaged=False)
        self._key, self._id = key, vault_id
        return code

    def open(self, words: str) -> None:
        """Open the vault with its passphrase or its recovery key.

        Raises:
            VaultError: It is neither; or the vault is missing, damaged, or of a newer version.
        """
        code = words.translate(_MISREAD).upper()
        secrets = [(SlotKind.PASSPHRASE, passphrase_secret(words))]
        if _RECOVERY_CODE.fullmatch(code):
            secrets.insert(0, (SlotKind.RECOVERY, base64.b32decode(code)))

        def unlock(sealed: SealedVault) -> bytes:
            for kind, secret in secrets:
                slot = sealed.header.slot(kind)
                if slot is not None:
                    try:
                        return slot.unwrap(secret, sealed.header.vault_id)
                    except WrongSecretError:
                        continue
            raise WrongSecretError

        self._open(unlock)

    def open_with_keyring(self, *, may_ask: bool) -> bool:
        """Open the vault with the key in the keyring; return False if that is not possible.

        Args:
            may_ask: Whether the system may ask its user to unlock the keyring.

        Raises:
            VaultError: The vault is missing, damaged, of a newer version, or cannot be read.
        """

        def unlock(sealed: SealedVault) -> bytes:
            slot = sealed.header.slot(SlotKind.KEYRING)
            if slot is None or self._keyring is None:
                raise WrongSecretError
            secret = self._keyring.get(slot.id, may_ask=may_ask)
            if secret is None:
                raise WrongSecretError
            return slot.unwrap(secret, sealed.header.vault_id)

        try:
            self._open(unlock)
        except VaultError as error:
            if error.code == "VAULT-01":
                return False
            raise
        return True

    def close(self) -> None:
        """Forget the key; Python cannot wipe it from memory."""
        self._key = b""

    # --- entries; the vault must be open ---

    def names(self) -> list[str]:
        """Return the names of all entries, sorted."""
        return sorted(self.entries())

    def entries(self) -> dict[str, str]:
        """Return all values by name."""
        return self._read()[1]

    def set(self, name: str, value: str, *, replace: bool = False) -> None:
        """Keep ``value`` under ``name``; unless ``replace``, another value is not overwritten.

        Raises:
            VaultError: There is another value, the name or the value has no proper form, or the
                file cannot be written; nothing is changed.
        """
        self.merge({name: value}, replace=(name,) if replace else ())

    def merge(self, new: Mapping[str, str], *, replace: Collection[str] = ()) -> None:
        """Keep all of ``new``, or nothing; values named in ``replace`` alone are overwritten.

        Raises:
            VaultError: As :meth:`set` does.
        """
        for name, value in new.items():
            check_entry(name, value)

        def add(header: Header, entries: dict[str, str]) -> Header:
            taken = [name for name in conflicts(entries, new) if name not in replace]
            if taken:
                raise VaultError(
                    "VAULT-09",
                    f"The vault holds another value for {', '.join(taken)}.",
                    "Add --replace to overwrite it.",
                )
            entries.update(new)
            return header

        self._change(add)

    def remove(self, name: str) -> None:
        """Remove the entry ``name``, from the backup as well.

        Raises:
            VaultError: There is none, or the file cannot be written.
        """

        def drop(header: Header, entries: dict[str, str]) -> Header:
            if name not in entries:
                raise VaultError(
                    "VAULT-12", f"The vault holds no {name}.", "See “desktop-voice vault list”."
                )
            del entries[name]
            return header

        self._change(drop)

    # --- what opens it; the vault must be open ---

    def set_passphrase(self, passphrase: str) -> None:
        """Let ``passphrase`` open the vault, and no earlier one, nor its backup.

        Raises:
            VaultError: It is too short, or the file cannot be written; the old one then stands.
        """
        slot = self._passphrase_slot(passphrase, self._key, self._id)
        self._change(lambda header, _entries: header.with_slot(slot))

    def renew_recovery_key(self) -> str:
        """Return a new recovery key; the old one opens nothing any more."""
        code, slot = _new_recovery_slot(self._key, self._id)
        self._change(lambda header, _entries: header.with_slot(slot))
        return code

    def use_keyring(self) -> None:
        """Keep the vault's key in the keyring, so that it opens without a question.

        Raises:
            VaultError: There is no trusted keyring, it does not keep the key, or the file cannot
                be written.
        """
        slot = self._keyring_slot(self._key, self._id)
        self._forget_keys(self._change(lambda header, _entries: header.with_slot(slot)))

    def leave_keyring(self) -> None:
        """Take the vault's key out of the keyring: only a passphrase opens it from now on.

        Raises:
            VaultError: There is no passphrase yet, or the file cannot be written.
        """

        def drop(header: Header, _entries: dict[str, str]) -> Header:
            if header.slot(SlotKind.PASSPHRASE) is None:
                raise VaultError(
                    "VAULT-13",
                    "The vault has no passphrase, so only its recovery key would open it.",
                    "Choose one with “desktop-voice vault passphrase” first.",
                )
            return header.without(SlotKind.KEYRING)

        self._forget_keys(self._change(drop))

    # --- copies ---

    def export(self, path: Path, passphrase: str, *, replace: bool = False) -> None:
        """Write all entries to ``path``, encrypted with a passphrase of its own.

        Raises:
            VaultError: The passphrase is too short, there is such a file, or it cannot be written.
        """
        own = (self._files.path, self._files.backup_path)
        if any(os.path.realpath(path) == os.path.realpath(file) for file in own):
            raise VaultError("VAULT-09", "That is the vault itself.", "Choose another name.")
        if os.path.lexists(path) and not replace:
            raise VaultError(
                "VAULT-09",
                f"{path.name} exists already.",
                "Choose another name, or add --replace to overwrite it.",
            )
        key, vault_id = new_key(), new_id()
        slot = self._passphrase_slot(passphrase, key, vault_id)
        data = seal(Header(vault_id, (slot,)), key, self.entries())
        try:
            write_atomically(path, data)
        except OSError as error:
            raise cannot_write(path, error) from error

    # --- inside ---

    def _open(self, unlock: Callable[[SealedVault], bytes]) -> tuple[Header, dict[str, str]]:
        """Read the vault, or its backup if the vault is damaged, with the key ``unlock`` finds."""
        if not self.exists:
            raise VaultError(
                "VAULT-12", "There is no vault yet.", "Make one with “desktop-voice vault set”."
            )
        for is_backup, data in enumerate(self._files.contents()):
            if data is None:
                continue
            try:
                sealed = parse(data, self._cost)
                key = unlock(sealed)
                entries = sealed.open(key)
            except DamagedVaultError:
                continue
            except WrongSecretError:
                raise VaultError(
                    "VAULT-01",
                    "This is neither the vault's passphrase nor its recovery key.",
                    "Try again; mind the language of the keyboard and Caps Lock.",
                    retryable=True,
                ) from None
            except NewerVaultError:
                raise VaultError(
                    "VAULT-03",
                    "The vault was written by a newer version of Desktop Voice.",
                    "Update Desktop Voice.",
                ) from None
            self._problem = self._backup_used() if is_backup else None
            self._key, self._id = key, sealed.header.vault_id
            return sealed.header, entries
        raise VaultError(
            "VAULT-02",
            "The vault is damaged, and so is its backup.",
            f"Put a copy of {self._files.path} back, or move the damaged files away and enter the "
            "keys again.",
        )

    def _read(self) -> tuple[Header, dict[str, str]]:
        key, vault_id = self._key, self._id
        if not key:
            raise VaultError("VAULT-01", "The vault is locked.", "Open it first.")

        def unlock(sealed: SealedVault) -> bytes:
            if sealed.header.vault_id != vault_id:
                raise VaultError(
                    "VAULT-01", "The vault was replaced by another one.", "Open it again."
                )
            return key

        return self._open(unlock)

    def _change(self, change: Callable[[Header, dict[str, str]], Header]) -> Header:
        """Write what ``change`` makes of header and entries; return the header as it was."""
        with self._files.locked():
            old, entries = self._read()
            data = seal(change(old, entries), self._key, entries)
            if len(data) > MAX_BYTES:
                raise VaultError("VAULT-06", "The vault has no room for this.", "Remove entries.")
            self._files.save(data, is_damaged=self._problem is not None)
        return old

    def _keyring_slot(self, key: bytes, vault_id: str) -> Slot:
        if self._keyring is None:
            raise VaultError(
                "VAULT-07",
                "This system has no keyring that could keep the vault open.",
                "Use the passphrase: it is asked for whenever the vault is needed.",
            )
        secret = new_key()
        slot = Slot.wrap(key, SlotKind.KEYRING, secret, vault_id)
        self._keyring.put(slot.id, secret)
        return slot

    def _forget_keys(self, header: Header) -> None:
        slot = header.slot(SlotKind.KEYRING)
        if slot is not None and self._keyring is not None:
            self._keyring.remove(slot.id)

    def _passphrase_slot(self, passphrase: str, key: bytes, vault_id: str) -> Slot:
        if len(passphrase) < MIN_PASSPHRASE_CHARACTERS:
            raise VaultError(
                "VAULT-06",
                f"A passphrase has at least {MIN_PASSPHRASE_CHARACTERS} characters.",
                "Choose a longer one; four or five random words are good.",
            )
        secret = passphrase_secret(passphrase)
        return Slot.wrap(key, SlotKind.PASSPHRASE, secret, vault_id, self._cost)

    def _backup_used(self) -> VaultError:
        return VaultError(
            "VAULT-11",
            "The vault is damaged or missing; its backup is in use.",
            "Check that the last change is still there; any change writes the vault anew.",
        )


def read_export(path: Path, passphrase: str, cost: KdfCost | None = None) -> dict[str, str]:
    """Return the entries of an exported vault, or of a vault, by its passphrase.

    Raises:
        VaultError: It is missing, damaged or newer, or the passphrase is wrong.
    """
    if read_bytes(path) is None:
        raise VaultError("VAULT-12", f"There is no {path.name}.", "Check the name of the file.")
    exported = Vault(path, None, cost)
    exported.open(passphrase)
    return exported.entries()


def conflicts(entries: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return the names that have another value in ``new`` than in ``entries``, sorted."""
    return sorted(name for name in new if entries.get(name, new[name]) != new[name])


def check_entry(name: str, value: str) -> None:
    """Check the form of an entry.

    Raises:
        VaultError: The name or the value has no proper form.
    """
    if not _NAME.fullmatch(name):
        raise VaultError(
            "VAULT-06",
            "A name in the vault has up to 64 small letters, digits and underscores.",
            "Write it like openai_api_key.",
        )
    is_text = value.replace("\n", "").isprintable()
    if not value.strip() or len(value) > MAX_VALUE_CHARACTERS or not is_text:
        raise VaultError(
            "VAULT-06",
            f"The value for {name} is empty, too long, or no text.",
            "Copy it again from where it is shown.",
        )


def _new_recovery_slot(key: bytes, vault_id: str) -> tuple[str, Slot]:
    secret = os.urandom(_RECOVERY_BYTES)
    code = base64.b32encode(secret).decode()
    code = "-".join(code[start : start + 4] for start in range(0, len(code), 4))
    return code, Slot.wrap(key, SlotKind.RECOVERY, secret, vault_id)
