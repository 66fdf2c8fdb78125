"""Where files live, and that one variable moves all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from desktop_voice.storage.paths import app_paths


def test_desktop_voice_home_moves_every_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESKTOP_VOICE_HOME", str(tmp_path))
    paths = app_paths()
    files = (paths.settings_file, paths.log_file, paths.alarms_file, paths.cache)
    assert all(file.is_relative_to(tmp_path) for file in files)
    assert len(set(files)) == 4


def test_asking_for_the_paths_creates_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESKTOP_VOICE_HOME", str(tmp_path / "home"))
    app_paths()
    assert not (tmp_path / "home").exists()


def test_without_the_variable_the_files_are_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DESKTOP_VOICE_HOME", raising=False)
    paths = app_paths()
    assert paths.settings_file.is_absolute()
    assert "desktop-voice" in paths.settings_file.parts
