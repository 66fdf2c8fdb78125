"""The doctor knows every hop between a caller and this machine, and tells no secret."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from desktop_voice.core.reach import Hop
from desktop_voice.rehearsal.process import RehearsalProcess
from desktop_voice.storage.settings_file import SettingsFile
from desktop_voice.storage.vault import Vault
from tests.helpers.set_up_command import CALLER, environment, set_up_command
from tests.helpers.vault import PASSPHRASE

pytestmark = pytest.mark.timeout(180)


async def _doctor(
    home: Path, rehearsal: RehearsalProcess, keys: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Return the findings about the phone, by name, once no key was found in the output."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "desktop_voice",
        "doctor",
        "--json",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(home, rehearsal, keys),
    )
    async with asyncio.timeout(90):
        out, err = await process.communicate()
    assert not [key for key in keys.values() if key in (out + err).decode()]
    rows = [json.loads(line) for line in out.splitlines()]
    return {row["name"]: row for row in rows if row.get("name", "").startswith("phone")}


async def test_it_looks_through_the_app_that_runs(tmp_path: Path) -> None:
    async with RehearsalProcess() as rehearsal:
        keys = rehearsal.card.credentials["twilio"]
        async with set_up_command(tmp_path, rehearsal, keys, "--allow", CALLER) as command:
            await command.until("reach", state="ready")
            found = await _doctor(tmp_path, rehearsal, keys)
            names = {f"phone {hop.label.lower()}" for hop in Hop if hop is not Hop.CALL}
            assert set(found) == names
            assert {row["status"] for row in found.values()} == {"ok"}
            await rehearsal.edge_fault("drop_signature")
            await rehearsal.account("twilio", clock_skew_s=600)
            broken = await _doctor(tmp_path, rehearsal, keys)
            failed = {name for name, row in broken.items() if row["status"] == "fail"}
            assert failed == {"phone clock", "phone round trip"}
            assert all(broken[name]["do"] for name in failed)


async def test_without_the_app_it_asks_the_carrier(tmp_path: Path) -> None:
    async with RehearsalProcess() as rehearsal:
        keys = rehearsal.card.credentials["twilio"]
        found = await _doctor(tmp_path, rehearsal, keys)
        assert set(found) == {"phone"}, "who has no carrier is not bothered"
        async with set_up_command(tmp_path, rehearsal, keys, "--allow", CALLER) as command:
            await command.until("reach", state="ready")
            command.process.kill()
        found = await _doctor(tmp_path, rehearsal, keys)
        assert found["phone app"]["status"] == "warn"
        assert found["phone log in"]["status"] == "ok"
        assert found["phone tunnel"]["status"] == "ok"
        assert "no app answers" in found["phone webhook"]["what"]
        wrong = {**keys, "twilio_auth_token": "0" * 32}
        found = await _doctor(tmp_path, rehearsal, wrong)
        assert found["phone log in"]["status"] == "fail"
        assert found["phone log in"]["do"]
        assert "phone server" not in found
        _listen_everywhere(tmp_path)
        found = await _doctor(tmp_path, rehearsal, keys)
        assert found["phone server"]["status"] == "warn"
        assert "127.0.0.1" in found["phone server"]["do"]
        _lock_keys_up(tmp_path, keys)
        found = await _doctor(tmp_path, rehearsal, {"python_keyring_backend": _NO_KEYRING})
        assert found["phone keys"]["what"] == "The vault is locked, and the keys are in it."
        assert found["phone keys"]["do"]


def _listen_everywhere(home: Path) -> None:
    file = SettingsFile(home / "config" / "settings.toml")
    everywhere = "0.0.0.0"  # noqa: S104 - nothing listens there
    file.save(file.current.with_value("server", "bind", everywhere))


_NO_KEYRING = "keyring.backends.null.Keyring"


def _lock_keys_up(home: Path, keys: Mapping[str, str]) -> None:
    vault = Vault(home / "data" / "vault" / "keys.vault", None)
    vault.create(PASSPHRASE)
    for name, value in keys.items():
        vault.set(name, value)
