"""Where a secret comes from: explicit, then the vault, then the environment."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from desktop_voice.storage import vault_keyring
from desktop_voice.storage.paths import app_paths
from desktop_voice.storage.vault import Vault
from desktop_voice.storage.vault_keyring import SystemKeyring
from desktop_voice.storage.vault_secrets import (
    KNOWN_NAMES,
    Source,
    environment_name,
    find_secret,
    probably_meant,
    stored_key,
)
from tests.helpers.vault import PASSPHRASE, MemoryBackend

ENVIRONMENT = {"OPENAI_API_KEY": "from environment"}
ENTRIES = {"openai_api_key": "from vault"}


@pytest.fixture
def backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryBackend:
    """A home of its own, a trusted keyring, and a key in the environment."""
    backend = MemoryBackend()
    monkeypatch.setenv("DESKTOP_VOICE_HOME", str(tmp_path))
    monkeypatch.setenv("OPENAI_API_KEY", "from environment")
    monkeypatch.setattr(vault_keyring, "system_keyring", lambda: SystemKeyring(backend))
    return backend


def _vault(backend: MemoryBackend, passphrase: str | None = None) -> None:
    vault = Vault(app_paths().vault_file, SystemKeyring(backend))
    vault.create(passphrase)
    vault.set("openai_api_key", "from vault")


def test_the_order_is_explicit_then_vault_then_environment() -> None:
    name = "openai_api_key"
    assert find_secret(name, ENTRIES, ENVIRONMENT, "said") == ("said", Source.EXPLICIT)
    assert find_secret(name, ENTRIES, ENVIRONMENT) == ("from vault", Source.VAULT)
    assert find_secret(name, {}, ENVIRONMENT) == ("from environment", Source.ENVIRONMENT)
    assert find_secret(name, {}, {"OPENAI_API_KEY": ""}) is None


def test_the_environment_has_the_names_that_the_carriers_use() -> None:
    names = {environment_name(name) for name in KNOWN_NAMES}
    assert names >= {
        "TWILIO_ACCOUNT_SID",
        "TWILIO_AUTH_TOKEN",
        "PLIVO_AUTH_ID",
        "PLIVO_AUTH_TOKEN",
        "OPENAI_API_KEY",
    }


def test_a_misspelt_name_is_noticed_and_an_own_one_is_not() -> None:
    assert probably_meant("twilio_auth_tokn") == "twilio_auth_token"
    assert [probably_meant(name) for name in KNOWN_NAMES] == [None] * len(KNOWN_NAMES)
    assert [probably_meant(name) for name in ("groq_api_key", "xai_api_key")] == [None, None]


def test_a_stored_key_comes_from_the_vault_that_the_keyring_opens(backend: MemoryBackend) -> None:
    assert stored_key("OPENAI_API_KEY") == "from environment"
    _vault(backend)
    assert stored_key("OPENAI_API_KEY") == "from vault"
    assert stored_key("") == ""


def test_the_key_of_one_service_is_not_given_to_another(
    backend: MemoryBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    _vault(backend)
    assert stored_key("GROQ_API_KEY") == ""
    monkeypatch.setenv("GROQ_API_KEY", "groq")
    assert stored_key("GROQ_API_KEY") == "groq"


def test_a_vault_that_stays_locked_is_told_in_the_log(backend: MemoryBackend) -> None:
    _vault(backend, PASSPHRASE)
    with capture_logs() as logs:
        assert stored_key("OPENAI_API_KEY") == "from environment"
    assert logs == [{"event": "vault_locked", "used": "environment", "log_level": "warning"}]


def test_a_damaged_vault_is_told_in_the_log(backend: MemoryBackend) -> None:
    _vault(backend)
    path = app_paths().vault_file
    path.write_bytes(b"damaged")
    with capture_logs() as logs:
        assert stored_key("OPENAI_API_KEY") == "from vault"
    assert [log["code"] for log in logs] == ["VAULT-11"]
    path.with_name("keys.vault.bak").write_bytes(b"damaged")
    with capture_logs() as logs:
        assert stored_key("OPENAI_API_KEY") == "from environment"
    assert [log["code"] for log in logs] == ["VAULT-02"]
