"""Keys in a vault that no keyring opens: whoever needs one asks for the passphrase, once."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.clock import SystemClock
from desktop_voice.core.settings import Settings
from desktop_voice.desk.assistant import DeskAssistant
from desktop_voice.rehearsal.process import RehearsalProcess
from desktop_voice.storage.paths import app_paths
from desktop_voice.storage.vault import Vault
from desktop_voice.system.vault_control import VaultService
from desktop_voice.telephony.carriers.credentials import SECRET_NAMES
from tests.helpers.dialogue import Events, ScriptLine
from tests.helpers.model_server import model_server
from tests.helpers.set_up_command import CALLER, set_up_command
from tests.helpers.terminal import at_a_terminal
from tests.helpers.vault import PASSPHRASE

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="uses ptys"),
    pytest.mark.timeout(120),
]
DEADLINE_S = 60.0
ONCE = ("--allow", CALLER, "--exit")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, no keyring to be found, and no key in the environment."""
    monkeypatch.setenv("DESKTOP_VOICE_HOME", str(tmp_path))
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    for name in [name.upper() for names in SECRET_NAMES.values() for name in names]:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def _vault(keys: dict[str, str]) -> Vault:
    vault = Vault(app_paths().vault_file, None)
    vault.create(PASSPHRASE)
    for name, value in keys.items():
        vault.set(name, value)
    return vault


async def test_a_script_hands_the_passphrase_over(home: Path) -> None:
    async with RehearsalProcess() as rehearsal:
        _vault(rehearsal.card.credentials["twilio"]).close()
        arguments = ("--carrier", "twilio", *ONCE, "--passphrase-fd", "0")
        words = f"{PASSPHRASE}\n".encode()
        async with set_up_command(home, rehearsal, {}, *arguments, stdin=words) as command:
            await command.until("reach", state="ready")
            async with asyncio.timeout(DEADLINE_S):
                assert await command.process.wait() == 0


async def test_a_key_that_another_process_changes_is_used_at_once(home: Path) -> None:
    async with RehearsalProcess() as rehearsal:
        keys = rehearsal.card.credentials["twilio"]
        vault = _vault(keys)
        arguments = ("--carrier", "twilio", "--allow", CALLER, "--passphrase-fd", "0")
        words = f"{PASSPHRASE}\n".encode()
        async with set_up_command(home, rehearsal, {}, *arguments, stdin=words) as command:
            await command.until("reach", state="ready")
            vault.set("twilio_auth_token", "0" * 32, replace=True)
            await command.until("hop", hop="login", state="failed")
            vault.set("twilio_auth_token", keys["twilio_auth_token"], replace=True)
            await command.until("hop", hop="login", state="ok")
            assert await command.stop() == 0
        vault.close()


@pytest.mark.parametrize("words", ["a wrong passphrase", ""])
async def test_a_wrong_passphrase_is_told_before_anything_is_done(home: Path, words: str) -> None:
    async with RehearsalProcess() as rehearsal:
        _vault(rehearsal.card.credentials["twilio"]).close()
        arguments = ("--carrier", "twilio", *ONCE, "--passphrase-fd", "0")
        stdin = f"{words}\n".encode()
        async with set_up_command(home, rehearsal, {}, *arguments, stdin=stdin) as command:
            async with asyncio.timeout(DEADLINE_S):
                assert await command.process.wait() == 1
        (told,) = command.lines
        assert (told["type"], told["code"]) == ("error", "VAULT-01")
        assert not await rehearsal.tunnels()


async def test_where_nobody_can_be_asked_the_vault_is_what_is_wrong(home: Path) -> None:
    async with RehearsalProcess() as rehearsal:
        _vault(rehearsal.card.credentials["twilio"]).close()
        async with set_up_command(home, rehearsal, {}, "--carrier", "twilio", *ONCE) as command:
            async with asyncio.timeout(DEADLINE_S):
                assert await command.process.wait() == 1
        failed = command.hop("keys")
        assert (failed["state"], failed["code"], failed["fix"]) == (
            "failed",
            "VAULT-01",
            "unlock_vault",
        )


async def test_at_a_terminal_a_new_vault_is_made_and_filled_and_the_number_works(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with RehearsalProcess() as rehearsal:
        monkeypatch.setenv("DESKTOP_VOICE_REHEARSAL", str(rehearsal.card.world))
        keys = rehearsal.card.credentials["telnyx"]
        set_up = ("setup", "phone", "--carrier", "telnyx", *ONCE)
        dialogue = [("New passphrase: ", PASSPHRASE), ("New passphrase again: ", PASSPHRASE)]
        dialogue += [(f"Value of {name}: ", keys[name]) for name in SECRET_NAMES["telnyx"]]  # type: ignore[index]
        shown, status = await asyncio.to_thread(at_a_terminal, set_up, dialogue)
        assert status == 0, shown
        assert "works." in shown
        again = [("Passphrase or recovery key: ", PASSPHRASE)]
        shown, status = await asyncio.to_thread(at_a_terminal, set_up, again)
        assert status == 0, shown
        assert not any(secret in shown for secret in (*keys.values(), PASSPHRASE))
    vault = Vault(app_paths().vault_file, None)
    vault.open(PASSPHRASE)
    assert vault.entries() == keys


async def test_the_model_has_its_key_as_soon_as_the_vault_is_opened(home: Path) -> None:
    _vault({"openai_api_key": "from the vault"}).close()
    vault = VaultService(app_paths().vault_file)
    bus, line = EventBus(), ScriptLine()
    events = Events(bus)
    async with model_server() as server:
        settings = Settings().with_values(
            [
                ("model", "base_url", server.base_url),
                ("model", "model", "small-model"),
                ("model", "api_key_env", "OPENAI_API_KEY"),
            ]
        )
        assistant = DeskAssistant(
            settings,
            bus,
            SystemClock(),
            home / "alarms.json",
            lambda: line,
            key_source=vault.variable,
        )
        running = asyncio.create_task(assistant.run())
        try:
            async with asyncio.timeout(DEADLINE_S):
                await events.next(ev.EnginesReady)
                assistant.submit_text("Where is Paris?")
                await events.until(lambda: len(server.keys) == 1)
                await asyncio.wrap_future(vault.unlock(PASSPHRASE, remember=False))
                assistant.submit_text("Where is Rome?")
                await events.until(lambda: len(server.keys) == 2)
        finally:
            await assistant.close()
            line.hang_up()
            await asyncio.gather(running, return_exceptions=True)
            vault.close()
        assert "from the vault" not in server.keys[0]
        assert server.keys[-1] == "Bearer from the vault"
    assert "OPENAI_API_KEY" not in os.environ
