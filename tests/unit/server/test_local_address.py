"""The local address file: private, checked before it is believed, never somebody else's."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from desktop_voice.server.local_address import LocalAddress

posix = pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")


def test_it_is_kept_as_it_is_and_shows_no_token(tmp_path: Path) -> None:
    file = tmp_path / "data" / "local-api.json"
    address = LocalAddress.new(40_000)
    address.save(file)
    assert LocalAddress.load(file) == address
    assert address.token not in repr(address)
    assert len(address.token) >= 43


@posix
def test_it_is_readable_by_this_user_alone(tmp_path: Path) -> None:
    file = tmp_path / "data" / "local-api.json"
    LocalAddress.new(40_000).save(file)
    assert file.stat().st_mode & 0o777 == 0o600
    for mode in (0o640, 0o604, 0o660):
        file.chmod(mode)
        assert LocalAddress.load(file) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        json.dumps({"port": 0, "token": "x" * 43}),
        json.dumps({"port": 70_000, "token": "x" * 43}),
        json.dumps({"port": "80", "token": "x" * 43}),
        json.dumps({"port": True, "token": "x" * 43}),
        json.dumps({"port": 80, "token": "short"}),
        json.dumps({"port": 80, "token": "ä" * 43}),
        json.dumps({"port": 80, "token": "x" * 43 + "\r\nX: y"}),
        json.dumps({"port": 80, "token": "x" * 5000}),
    ],
)
def test_a_damaged_file_is_not_believed(tmp_path: Path, text: str) -> None:
    file = tmp_path / "local-api.json"
    file.write_text(text)
    file.chmod(0o600)
    assert LocalAddress.load(file) is None


def test_a_missing_file_or_a_folder_is_none(tmp_path: Path) -> None:
    assert LocalAddress.load(tmp_path / "none.json") is None
    assert LocalAddress.load(tmp_path) is None


def test_only_the_own_file_is_removed(tmp_path: Path) -> None:
    file = tmp_path / "local-api.json"
    old, new = LocalAddress.new(40_000), LocalAddress.new(40_001)
    new.save(file)
    old.remove(file)
    assert LocalAddress.load(file) == new
    new.remove(file)
    assert not file.exists()


def test_only_a_holder_of_the_token_can_prove_it() -> None:
    address = LocalAddress.new(1)
    assert address.proof("a") == LocalAddress(2, address.token).proof("a")
    assert address.proof("a") != address.proof("b")
    assert address.proof("a") != LocalAddress.new(1).proof("a")
