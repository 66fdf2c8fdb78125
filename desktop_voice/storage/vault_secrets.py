"""Where a secret comes from: what was given explicitly, else the vault, else the environment."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from enum import StrEnum

import structlog

from desktop_voice.core.errors import VaultError
from desktop_voice.storage.paths import app_paths
from desktop_voice.storage.vault_files import VaultFiles

_log = structlog.get_logger()

KNOWN_NAMES = (
    "openai_api_key",
    "twilio_account_sid",
    "twilio_auth_token",
    "twilio_phone_number",
    "telnyx_api_key",
    "telnyx_connection_id",
    "telnyx_public_key",
    "telnyx_phone_number",
    "plivo_auth_id",
    "plivo_auth_token",
    "plivo_phone_number",
    "cloudflare_tunnel_token",
    "ngrok_authtoken",
)
"""What the app asks the vault for; other names may be kept as well."""

_ALIKE = 0.9


class Source(StrEnum):
    """Where a secret was found."""

    EXPLICIT = "explicit"
    VAULT = "vault"
    ENVIRONMENT = "environment"


def environment_name(name: str) -> str:
    """Return the environment variable that stands in for the entry ``name``."""
    return name.upper()


def find_secret(
    name: str, entries: Mapping[str, str], environment: Mapping[str, str], explicit: str = ""
) -> tuple[str, Source] | None:
    """Return the value of ``name`` and where it comes from; an empty value counts as none."""
    candidates = (
        (explicit, Source.EXPLICIT),
        (entries.get(name, ""), Source.VAULT),
        (environment.get(environment_name(name), ""), Source.ENVIRONMENT),
    )
    return next(((value, source) for value, source in candidates if value), None)


def probably_meant(name: str) -> str | None:
    """Return the known name that ``name`` seems to be a misspelling of, if there is one."""
    if name in KNOWN_NAMES:
        return None
    return next(iter(difflib.get_close_matches(name, KNOWN_NAMES, 1, _ALIKE)), None)


def stored_key(variable: str) -> str:
    """Return the key that the environment variable ``variable`` stands for, without a question.

    ``OPENAI_API_KEY`` is looked up in the vault as ``openai_api_key``, if the key in the system's
    keyring opens the vault; otherwise, or if it is not there, the variable itself counts. Returns
    an empty string if there is no key. Blocks for some 50 ms; may be called from any thread.
    """
    value = os.environ.get(variable, "") if variable else ""
    path = app_paths().vault_file
    if not variable or not VaultFiles(path).exist:
        return value
    from desktop_voice.storage.vault import Vault
    from desktop_voice.storage.vault_keyring import system_keyring

    vault = Vault(path, system_keyring())
    try:
        if vault.open_with_keyring(may_ask=False):
            found = find_secret(variable.lower(), vault.entries(), {})
            if vault.problem is not None:
                _log.warning("vault_backup_used", code=vault.problem.code)
            return found[0] if found else value
        _log.warning("vault_locked", used="environment")
    except VaultError as error:
        _log.warning("vault_unusable", code=error.code, used="environment")
    return value
