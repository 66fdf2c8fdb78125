"""The vault's files: writers take turns, and a backup that cannot be written is told."""

from pathlib import Path

import pytest

from desktop_voice.core.errors import VaultError
from desktop_voice.storage import vault_files
from desktop_voice.storage.vault_files import MAX_BYTES, VaultFiles, read_bytes


def test_a_second_writer_waits_and_then_gives_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vault_files, "_LOCK_TIMEOUT_S", 0.0)
    first, second = VaultFiles(tmp_path / "v"), VaultFiles(tmp_path / "v")
    with first.locked(), pytest.raises(VaultError) as caught, second.locked():
        pass
    assert caught.value.code == "VAULT-08"
    with second.locked():
        second.save(b"data", is_damaged=False)
    assert first.contents() == (b"data", b"data")


def test_a_backup_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    files = VaultFiles(tmp_path / "v")
    files.backup_path.mkdir()
    with pytest.raises(VaultError) as caught:
        files.save(b"data", is_damaged=False)
    assert caught.value.code == "VAULT-05"
    assert files.path.read_bytes() == b"data"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(VaultError) as caught, VaultFiles(tmp_path / "file" / "v").locked():
        pass
    assert caught.value.code == "VAULT-04"


def test_of_a_huge_file_only_the_beginning_is_read(tmp_path: Path) -> None:
    huge = tmp_path / "v"
    with huge.open("wb") as file:
        file.truncate(1024**3)
    assert len(read_bytes(huge) or b"") == MAX_BYTES + 1
