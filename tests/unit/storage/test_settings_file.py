"""The settings file: never in the way of a start, never half written, never lost."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from desktop_voice.core.errors import SettingsError
from desktop_voice.core.settings import SCHEMA_VERSION, Settings
from desktop_voice.storage.settings_file import SettingsFile
from tests.helpers.settings_strategy import valid_settings

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes, signals and limits")
LOUD = Settings().with_value("audio", "volume_percent", 40)
QUICK = Settings().with_value("turns", "patience", "fast")
BAD = "# mine\n[audio]\nvolume_percent = 700\nsounds = false\n"
NEWER = f"schema_version = {SCHEMA_VERSION + 1}\n[audio]\nhologram = true\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "settings.toml"


def with_content(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def told(file: SettingsFile) -> SettingsError:
    assert isinstance(file.problem, SettingsError)
    return file.problem


def test_without_a_file_the_defaults_hold_and_nothing_is_created(path: Path) -> None:
    file = SettingsFile(path)
    assert file.current == Settings()
    assert file.problem is None
    assert not path.parent.exists()


def test_saved_settings_are_there_after_a_restart(path: Path) -> None:
    SettingsFile(path).save(LOUD)
    again = SettingsFile(path)
    assert again.current == LOUD
    assert again.problem is None


@posix
def test_the_file_and_its_folder_are_private(path: Path) -> None:
    SettingsFile(path).save(LOUD)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o644)
    SettingsFile(path).save(QUICK)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_saving_what_the_file_says_already_does_not_touch_it(path: Path) -> None:
    file = SettingsFile(path)
    file.save(LOUD)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    file.save(LOUD)
    assert path.stat().st_mtime == 1_000_000_000


def test_a_change_by_hand_is_seen_on_reload(path: Path) -> None:
    file = SettingsFile(path)
    file.save(Settings())
    path.write_text(path.read_text().replace("volume_percent = 100", "volume_percent = 40"))
    file.reload()
    assert file.current == LOUD


def test_a_bad_value_leaves_the_good_ones_in_use_and_the_file_alone(path: Path) -> None:
    file = SettingsFile(with_content(path, BAD))
    assert not file.current.audio.sounds
    assert file.current.audio.volume_percent == 100
    assert told(file).code == "SETTINGS-02"
    assert "line 3, column 18: audio.volume_percent must be between 0 and 100" in told(file).what
    assert "Defaults are in use for these values" in told(file).do
    assert path.read_text() == BAD


def test_the_last_good_file_counts_as_a_whole(path: Path) -> None:
    SettingsFile(path).save(QUICK)
    path.write_text(BAD)
    file = SettingsFile(path)
    assert file.current == QUICK
    assert "last good settings" in told(file).do


def test_a_good_file_by_hand_becomes_the_last_good_one(path: Path) -> None:
    SettingsFile(with_content(path, "[audio]\nvolume_percent = 40\n"))
    path.write_text("junk")
    assert SettingsFile(path).current == LOUD


def test_a_bad_file_is_kept_when_the_user_saves(path: Path) -> None:
    file = SettingsFile(with_content(path, BAD))
    file.save(LOUD)
    assert file.problem is None
    assert (path.parent / "settings.toml.bad").read_text() == BAD
    assert path.read_text().startswith("# mine\n")
    assert SettingsFile(path).current == LOUD


def test_a_good_file_is_not_kept_as_bad(path: Path) -> None:
    file = SettingsFile(path)
    file.save(LOUD)
    file.save(QUICK)
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "settings.toml",
        "settings.toml.last-good",
    ]


def test_a_deleted_file_means_the_defaults_again(path: Path) -> None:
    file = SettingsFile(path)
    file.save(LOUD)
    path.unlink()
    file.reload()
    assert file.current == Settings()
    assert file.problem is None


def test_a_file_of_a_newer_version_is_never_overwritten(path: Path) -> None:
    SettingsFile(path).save(LOUD)
    path.write_text(NEWER)
    file = SettingsFile(path)
    assert file.current == LOUD
    assert told(file).code == "SETTINGS-03"
    assert "newer version" in told(file).what
    with pytest.raises(SettingsError, match="newer version") as caught:
        file.save(QUICK)
    assert caught.value.code == "SETTINGS-03"
    assert path.read_text() == NEWER
    assert file.current == LOUD


def test_a_folder_in_the_files_place_is_told(path: Path) -> None:
    path.mkdir(parents=True)
    file = SettingsFile(path)
    assert file.current == Settings()
    assert told(file).code == "SETTINGS-01"
    with pytest.raises(SettingsError) as caught:
        file.save(LOUD)
    assert caught.value.code == "SETTINGS-04"
    assert list(path.iterdir()) == []


@posix
def test_a_pipe_in_the_files_place_does_not_hang_the_start(path: Path) -> None:
    path.parent.mkdir()
    os.mkfifo(path)
    assert told(SettingsFile(path)).code == "SETTINGS-01"


@posix
@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root may all")
def test_a_file_that_may_not_be_read_is_told(path: Path) -> None:
    SettingsFile(path).save(LOUD)
    path.chmod(0)
    file = SettingsFile(path)
    assert "not allowed" in told(file).what
    assert file.current == LOUD


@posix
def test_a_folder_that_cannot_be_made_changes_nothing(tmp_path: Path) -> None:
    blocker = tmp_path / "config"
    blocker.write_text("a file where the folder should be")
    file = SettingsFile(blocker / "settings.toml")
    with pytest.raises(SettingsError) as caught:
        file.save(LOUD)
    assert caught.value.code == "SETTINGS-04"
    assert str(blocker) in caught.value.do
    assert caught.value.retryable
    assert file.current == Settings()


@posix
@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root may all")
def test_a_read_only_folder_keeps_the_old_file(path: Path) -> None:
    file = SettingsFile(path)
    file.save(LOUD)
    path.parent.chmod(0o500)
    try:
        with pytest.raises(SettingsError, match="not yours to write"):
            file.save(QUICK)
        assert file.current == LOUD
        assert SettingsFile(path).current == LOUD
    finally:
        path.parent.chmod(0o700)


FULL_DISK = """
import resource, sys
from pathlib import Path
from desktop_voice.core.errors import SettingsError
from desktop_voice.core.settings import Settings
from desktop_voice.storage.settings_file import SettingsFile
file = SettingsFile(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    file.save(Settings().with_value("turns", "patience", "fast"))
except SettingsError as error:
    print(error.code, error.what, file.current.turns.patience)
"""


@posix
def test_a_full_disk_keeps_the_old_file(path: Path) -> None:
    SettingsFile(path).save(LOUD)
    before = path.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("SETTINGS-04 settings.toml cannot be written: there is no room")
    assert done.stdout.split()[-1] == "normal"
    assert path.read_bytes() == before
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "settings.toml",
        "settings.toml.last-good",
    ]


ENDLESS_SAVES = """
import sys
from pathlib import Path
from desktop_voice.core.settings import Settings
from desktop_voice.storage.settings_file import SettingsFile
file = SettingsFile(Path(sys.argv[1]))
for number in range(10**9):
    print(number, flush=True)
    file.save(Settings().with_value("audio", "volume_percent", number % 101))
"""


@posix
def test_a_kill_in_the_middle_of_a_save_leaves_a_whole_file(path: Path) -> None:
    SettingsFile(path).save(Settings())
    for saves in (1, 2, 3, 5, 8, 13):
        with subprocess.Popen(
            [sys.executable, "-c", ENDLESS_SAVES, str(path)], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            for _ in range(saves):
                child.stdout.readline()
            child.kill()
        file = SettingsFile(path)
        assert file.problem is None
        changed = file.current.audio.volume_percent
        assert file.current == Settings().with_value("audio", "volume_percent", changed)


@hypothesis_settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
@example(b"\x00" * 4096)
@example(b"\xff\xfe[\x00w\x00")
@example(b"a" * (1024 * 1024 + 1))
@example(b"[wake]\nsensitivity = nan\n")
@example(b"[[[[")
@example(b"wake = [1, {a = 2}]\n[wake.x]\n")
def test_no_bytes_whatever_stop_a_start_or_a_save(path: Path, content: bytes) -> None:
    for leftover in path.parent.glob("*"):
        leftover.unlink()
    file = SettingsFile(with_content(path, content))
    assert Settings.model_validate(file.current.model_dump()) == file.current
    assert path.read_bytes() == content
    if file.problem is not None and file.problem.code == "SETTINGS-03":
        return
    was_bad = file.problem is not None
    file.save(LOUD)
    assert SettingsFile(path).current == LOUD
    bad = path.with_name("settings.toml.bad")
    assert bad.exists() == was_bad
    assert not was_bad or bad.read_bytes() == content


@hypothesis_settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(valid_settings())
def test_any_valid_settings_survive_a_restart(path: Path, wanted: Settings) -> None:
    SettingsFile(path).save(wanted)
    again = SettingsFile(path)
    assert again.current == wanted
    assert again.problem is None
