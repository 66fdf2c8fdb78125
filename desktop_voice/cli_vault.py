"""The vault's commands: no value is ever printed, and none is taken from the command line."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from desktop_voice.core.errors import VaultError

if TYPE_CHECKING:
    from desktop_voice.storage.vault import Vault

_MAX_INPUT_BYTES = 64 * 1024
_MAX_PASSPHRASE_BYTES = 1024
_TRIES = 3

_Run = Callable[[argparse.Namespace], int]


def add_vault_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``vault`` and its sub-commands to the command line."""
    vault = commands.add_parser("vault", help="keep keys and tokens in one encrypted file")
    actions = vault.add_subparsers(title="actions", metavar="ACTION", required=True)

    def add(name: str, run: _Run, text: str) -> argparse.ArgumentParser:
        parser = actions.add_parser(name, help=text, description=text)
        parser.set_defaults(run=run)
        add_passphrase_option(parser)
        return parser

    set_ = add("set", _set, "keep a value, read from a prompt without echo or from stdin")
    set_.add_argument("name", metavar="NAME", help="such as openai_api_key")
    set_.add_argument("--replace", action="store_true", help="overwrite another value")
    _add_fd(set_, "--new-passphrase-fd", "the passphrase of a vault that is made now")
    remove = add("remove", _remove, "remove a value, from the backup as well")
    remove.add_argument("name", metavar="NAME")
    list_ = add("list", _list, "show which keys there are and where they come from")
    list_.add_argument("--json", action="store_true", help="print one JSON object a line")
    add("unlock", _unlock, "keep the vault open through the system's keyring")
    add("lock", _lock, "take the key out of the system's keyring and ask from now on")
    passphrase = add("passphrase", _passphrase, "choose a new passphrase")
    _add_fd(passphrase, "--new-passphrase-fd", "the new passphrase")
    add("recovery-key", _recovery_key, "make a new recovery key in place of the old one")
    export = add("export", _export, "write an encrypted copy with a passphrase of its own")
    export.add_argument("file", type=Path, metavar="FILE")
    export.add_argument("--replace", action="store_true", help="overwrite the file")
    _add_fd(export, "--file-passphrase-fd", "the copy's own passphrase")
    import_ = add("import", _import, "take over the keys of an exported file")
    import_.add_argument("file", type=Path, metavar="FILE")
    choice = import_.add_mutually_exclusive_group()
    choice.add_argument("--replace", action="store_true", help="the file's values win")
    choice.add_argument("--keep", action="store_true", help="the vault's values win")
    _add_fd(import_, "--file-passphrase-fd", "the file's own passphrase")
    _add_fd(import_, "--new-passphrase-fd", "the passphrase of a vault that is made now")


def _add_fd(parser: argparse.ArgumentParser, flag: str, what: str) -> None:
    parser.add_argument(
        flag, type=int, metavar="N", help=f"read {what} from file descriptor N, one line"
    )


# --- the commands ---


def _set(options: argparse.Namespace) -> int:
    from desktop_voice.storage.vault import check_entry, conflicts
    from desktop_voice.storage.vault_secrets import probably_meant

    check_entry(options.name, "any")
    meant = probably_meant(options.name)
    if meant is not None:
        raise VaultError(
            "VAULT-06",
            f"The app never asks for {options.name}.",
            f"Did you mean {meant}?",
        )
    vault = _opened(options, may_create=True)
    value = _value(options.name)
    check_entry(options.name, value)
    replace = options.replace
    if conflicts(vault.entries(), {options.name: value}) and not replace and sys.stdin.isatty():
        replace = _is_wanted(f"Replace the present value of {options.name}?")
        if not replace:
            print(f"{options.name} stays as it was.")
            return 0
    vault.set(options.name, value, replace=replace)
    print(f"{options.name} is in the vault.")
    return 0


def _remove(options: argparse.Namespace) -> int:
    _opened(options).remove(options.name)
    print(f"{options.name} is no longer in the vault.")
    return 0


def _list(options: argparse.Namespace) -> int:
    from desktop_voice.storage.vault_secrets import (
        KNOWN_NAMES,
        Source,
        environment_name,
        find_secret,
    )

    vault = _vault()
    entries = _opened(options).entries() if vault.exists else {}
    names = [*KNOWN_NAMES, *sorted(set(entries) - set(KNOWN_NAMES))]
    rows = [
        (name, found[1])
        for name in names
        if (found := find_secret(name, entries, os.environ)) is not None
    ]
    for name, source in rows:
        variable = environment_name(name)
        if options.json:
            print(json.dumps({"type": "secret", "name": name, "source": source.value}))
        elif source is Source.ENVIRONMENT:
            print(f"{name:24} from environment ({variable})")
        else:
            note = f" ({variable} is not used)" if os.environ.get(variable) else ""
            print(f"{name:24} in the vault{note}")
    if not rows and not options.json:
        print("No keys yet. Add one with “desktop-voice vault set openai_api_key”.")
    return 0


def _unlock(options: argparse.Namespace) -> int:
    from desktop_voice.storage.vault_keyring import system_keyring

    if system_keyring() is None:
        raise VaultError(
            "VAULT-07",
            "This system has no keyring that could keep the vault open.",
            "The commands that need keys ask for the passphrase instead, and so does the window.",
        )
    _opened(options).use_keyring()
    print("The vault opens through the system's keyring from now on.")
    return 0


def _lock(options: argparse.Namespace) -> int:
    _opened(options).leave_keyring()
    print("The vault is locked: the passphrase is asked for from now on.")
    return 0


def _passphrase(options: argparse.Namespace) -> int:
    vault = _opened(options)
    vault.set_passphrase(_new_passphrase("New passphrase", options.new_passphrase_fd))
    print("The new passphrase opens the vault and its backup; the old one opens neither.")
    print("Copies that were made elsewhere keep the old one.")
    return 0


def _recovery_key(options: argparse.Namespace) -> int:
    _show_recovery_key(_opened(options).renew_recovery_key())
    return 0


def _export(options: argparse.Namespace) -> int:
    vault = _opened(options)
    passphrase = _new_passphrase("Passphrase for the copy", options.file_passphrase_fd)
    vault.export(options.file, passphrase, replace=options.replace)
    print(f"{options.file.name} holds all keys, encrypted with its own passphrase.")
    return 0


def _import(options: argparse.Namespace) -> int:
    from desktop_voice.storage.vault import conflicts, read_export

    prompt = f"Passphrase of {options.file.name}"
    new = read_export(options.file, _asked(prompt, options.file_passphrase_fd))
    vault = _opened(options, may_create=True)
    clashes = conflicts(vault.entries(), new)
    if options.keep or options.replace:
        replaced = clashes if options.replace else []
    elif clashes and not sys.stdin.isatty():
        raise VaultError(
            "VAULT-09",
            f"The vault holds other values for {', '.join(clashes)}.",
            "Add --replace to overwrite them, or --keep to leave them.",
        )
    else:
        replaced = [name for name in clashes if _is_wanted(f"Replace the value of {name}?")]
    kept = set(clashes) - set(replaced)
    vault.merge({n: value for n, value in new.items() if n not in kept}, replace=replaced)
    print(f"{len(new) - len(kept)} taken over, {len(kept)} kept as they were.")
    return 0


# --- for the commands that need keys ---


def add_passphrase_option(parser: argparse.ArgumentParser) -> None:
    """Add what hands over the passphrase where there is no terminal."""
    _add_fd(parser, "--passphrase-fd", "the vault's passphrase or recovery key")


def open_vault(options: argparse.Namespace) -> Vault:
    """Return the vault: open if it exists, and the keyring or somebody at the terminal opens it.

    Without a keyring, a terminal and ``--passphrase-fd`` it stays closed.

    Raises:
        VaultError: It is damaged, or the passphrase is wrong.
    """
    vault = _vault()
    can_ask = options.passphrase_fd is not None or _has_terminal()
    if vault.exists and not vault.open_with_keyring(may_ask=True) and can_ask:
        _open_by_asking(vault, options.passphrase_fd)
    _tell_problem(vault)
    return vault


def keep_entry(vault: Vault, name: str) -> None:
    """Ask for the value of ``name`` and keep it, in a vault that is made if there is none.

    Raises:
        VaultError: It cannot be kept.
    """
    from desktop_voice.storage.vault import check_entry

    if not vault.exists:
        _create(vault, None)
    value = _value(name)
    check_entry(name, value)
    vault.set(name, value, replace=True)
    print(f"{name} is in the vault.")


# --- opening ---


def _vault() -> Vault:
    from desktop_voice.core.settings import LogLevel
    from desktop_voice.storage.paths import app_paths
    from desktop_voice.storage.vault import Vault
    from desktop_voice.storage.vault_keyring import system_keyring
    from desktop_voice.system.core_dumps import forbid_core_dumps
    from desktop_voice.system.logs import configure_logs

    forbid_core_dumps()
    paths = app_paths()
    configure_logs(paths.log_file, LogLevel.INFO)
    return Vault(paths.vault_file, system_keyring())


def _opened(options: argparse.Namespace, *, may_create: bool = False) -> Vault:
    """Return the vault, open: by the keyring, or by asking; make it if it may be made."""
    vault = _vault()
    if may_create and not vault.exists:
        _create(vault, options.new_passphrase_fd)
    elif not vault.open_with_keyring(may_ask=True):
        _open_by_asking(vault, options.passphrase_fd)
    _tell_problem(vault)
    return vault


def _tell_problem(vault: Vault) -> None:
    if vault.problem is not None:
        print(f"Note: {vault.problem.what} {vault.problem.do}", file=sys.stderr)


def _create(vault: Vault, passphrase_fd: int | None) -> None:
    """Keep the key of a new vault in the keyring, or else under a passphrase; say which."""
    code = None
    if passphrase_fd is None:
        try:
            code = vault.create(None)
            print("A new vault was made. The system's keyring opens it.")
        except VaultError as error:
            if error.code != "VAULT-07":
                raise
            print(f"{error.what} A passphrase will open the new vault.", file=sys.stderr)
    if code is None:
        code = vault.create(_new_passphrase("New passphrase", passphrase_fd))
        print("A new vault was made. Its passphrase opens it.")
    _show_recovery_key(code)


def _open_by_asking(vault: Vault, passphrase_fd: int | None) -> None:
    for left in reversed(range(_TRIES if passphrase_fd is None else 1)):
        try:
            vault.open(_asked("Passphrase or recovery key", passphrase_fd))
        except VaultError as error:
            if error.code != "VAULT-01" or not left:
                raise
            print(error.what, file=sys.stderr)
        else:
            return


def _show_recovery_key(code: str) -> None:
    print(f"Recovery key: {code}")
    print("Write it down and keep it away from this machine. It is shown this once.")


# --- asking ---


def _value(name: str) -> str:
    if sys.stdin.isatty():
        return _hidden(f"Value of {name}: ").strip()
    return _read(0, _MAX_INPUT_BYTES, one_line=False).strip()


def _new_passphrase(prompt: str, descriptor: int | None) -> str:
    words = _asked(prompt, descriptor)
    if descriptor is None and _asked(f"{prompt} again", None) != words:
        raise VaultError("VAULT-06", "These are two different passphrases.", "Try again.")
    return words


def _asked(prompt: str, descriptor: int | None) -> str:
    if descriptor is not None:
        return _read(descriptor, _MAX_PASSPHRASE_BYTES, one_line=True)
    if not _has_terminal():
        raise VaultError(
            "VAULT-10",
            "The vault's passphrase is needed, and there is no terminal to ask at.",
            "Run this at a terminal, or hand it over through a file descriptor (see --help).",
        )
    return _hidden(f"{prompt}: ")


def _hidden(prompt: str) -> str:
    """Ask at the terminal without echo; Ctrl+D gives up as Ctrl+C does."""
    try:
        return getpass.getpass(prompt)
    except EOFError:
        raise KeyboardInterrupt from None


def _has_terminal() -> bool:
    """Return whether getpass asks at a terminal; elsewhere it would read stdin and echo."""
    if sys.stdin.isatty():
        return True
    if sys.platform == "win32":
        return False
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _is_wanted(question: str) -> bool:
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        raise KeyboardInterrupt from None


def _read(descriptor: int, limit: int, *, one_line: bool) -> str:
    """Read a line, or everything; byte by byte, so that the next line is left for the next."""
    data = bytearray()
    try:
        while len(data) <= limit and (byte := os.read(descriptor, 1)):
            if one_line and byte == b"\n":
                break
            data += byte
        text = data.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise VaultError(
            "VAULT-10",
            f"File descriptor {descriptor} gives no text.",
            f"Open it for reading in the command, such as {descriptor}<FILE.",
        ) from error
    if len(data) > limit:
        raise VaultError("VAULT-06", "This is too long for a key.", "Check what was handed over.")
    return text.removesuffix("\r")
