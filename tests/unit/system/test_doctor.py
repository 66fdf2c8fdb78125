"""The doctor: says what is wrong and what to do, about each part by itself, and no secrets."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from desktop_voice.audio.devices import find_device
from desktop_voice.audio.streams import MicrophoneStream
from desktop_voice.core.errors import AudioError, SettingsError
from desktop_voice.core.settings import ModelSettings, Settings, SpeechSettings, WakeSettings
from desktop_voice.storage.paths import AppPaths
from desktop_voice.storage.settings_file import SettingsFile
from desktop_voice.system import doctor_checks, doctor_engines, doctor_sound
from desktop_voice.system.doctor_checks import Check, guarded
from tests.helpers.model_server import Mode, model_server, unused_port
from tests.helpers.recordings import write_wav
from tests.helpers.virtual_sound import VirtualSound, virtual_sound_or_skip

_RUN = """
import sys
from desktop_voice.system.doctor import run_doctor
status = run_doctor(as_json="--json" in sys.argv)
print("Qt" if any(name.startswith("PySide6") for name in sys.modules) else "no Qt", file=sys.stderr)
sys.exit(status)
"""


def paths_in(root: Path) -> AppPaths:
    return AppPaths(root / "config", root / "data", root / "state", root / "cache")


def run(home: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _RUN, *arguments],
        env={**os.environ, "DESKTOP_VOICE_HOME": str(home), "PYTHONUTF8": "1", **env},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=90,
        check=False,
    )


def findings(output: str) -> dict[str, dict[str, Any]]:
    rows = [json.loads(line) for line in output.splitlines()]
    assert rows[-1]["type"] == "doctor"
    assert all(row["type"] == "check" for row in rows[:-1])
    assert all(set(row) == {"type", "name", "status", "what", "do"} for row in rows[:-1])
    return {row["name"]: row for row in rows[:-1]}


@pytest.fixture
def sound() -> Iterator[VirtualSound]:
    with virtual_sound_or_skip() as running:
        yield running


# --- the whole ---


@pytest.mark.sound
def test_a_machine_with_all_it_needs_is_well(sound: VirtualSound, tmp_path: Path) -> None:
    done = run(tmp_path, "--json", **sound.env)
    found = findings(done.stdout)
    assert {name: row for name, row in found.items() if row["status"] == "fail"} == {}
    assert done.returncode == 0
    assert json.loads(done.stdout.splitlines()[-1]) == {"type": "doctor", "ok": True}
    assert found["speaker"]["status"] == "ok"
    assert found["microphone"]["status"] == "warn"
    assert "silence" in found["microphone"]["what"]
    assert "Hey Jarvis" in found["wake word"]["what"]
    assert found["language model"]["status"] == "warn"
    assert done.stderr.strip() == "no Qt"


def test_what_is_broken_is_told_with_what_to_do_and_the_rest_is_checked(tmp_path: Path) -> None:
    settings = Settings(
        speech=SpeechSettings(stt_engine="parrot"),
        model=ModelSettings(base_url="http://sam:hunter2@127.0.0.1:9/v1", model="m"),
    )
    SettingsFile(paths_in(tmp_path).config / "settings.toml").save(settings)
    done = run(tmp_path, OPENAI_API_KEY="sk-secret-123456")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    (broken,) = [line for line in lines if line.startswith("✗ speech recogniser")]
    assert "parrot" in broken
    assert "→" in lines[lines.index(broken) + 1]
    assert any(line.startswith("✓ voice ") for line in lines)
    (model,) = [line for line in lines if line.startswith("✗ language model")]
    assert "http://127.0.0.1:9/v1" in model
    assert "hunter2" not in done.stdout + done.stderr
    assert "sk-secret" not in done.stdout + done.stderr
    assert lines[-1].startswith("The assistant needs help.")
    assert all(line[20] == " " != line[21] for line in lines if line and line[0] in "✓!✗")


def test_a_terminal_without_the_signs_gets_plain_ones(tmp_path: Path) -> None:
    done = run(tmp_path, PYTHONUTF8="0", PYTHONIOENCODING="latin-1")
    assert "Traceback" not in done.stderr
    assert "\n+ python " in done.stdout


def test_an_error_in_a_check_is_a_finding() -> None:
    def told() -> Check:
        raise AudioError("AUDIO-02", "There is no microphone.", "Plug one in.")

    def broken() -> Check:
        raise ZeroDivisionError("token=abc")

    assert guarded("a", told) == Check("a", "fail", "There is no microphone.", "Plug one in.")
    assert guarded("a", told, on_error="warn").status == "warn"
    finding = guarded("a", broken)
    assert finding.status == "fail"
    assert "ZeroDivisionError" in finding.what
    assert "abc" not in finding.what
    assert finding.do


# --- installation and files ---


@pytest.mark.parametrize(
    ("release", "status"),
    [((3, 10, 9), "fail"), ((3, 11, 0), "ok"), ((3, 13, 7), "ok"), ((3, 14, 0), "fail")],
)
def test_python_must_be_one_that_is_supported(release: tuple[int, int, int], status: str) -> None:
    assert doctor_checks.check_python(release).status == status


@pytest.mark.parametrize(
    ("release", "qt", "status"),
    [
        ((3, 11, 7), "6.11.3", "ok"),
        ((3, 11, 7), "6.12.0", "fail"),
        ((3, 11, 7), "7.0", "fail"),
        ((3, 12, 1), "6.12.0", "ok"),
        ((3, 13, 0), "6.10.0", "ok"),
        ((3, 13, 0), "6.9.3", "fail"),
    ],
)
def test_qt_6_12_is_refused_on_python_3_11(
    release: tuple[int, int, int], qt: str, status: str
) -> None:
    finding = doctor_checks.check_qt(release, lambda _name: qt)
    assert finding.status == status
    assert qt in finding.what
    assert bool(finding.do) == (status == "fail")


def test_a_missing_window_library_is_told() -> None:
    def nothing(name: str) -> str:
        raise PackageNotFoundError(name)

    assert doctor_checks.check_qt((3, 12, 0), nothing).status == "fail"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="DISPLAY is for Linux")
def test_a_machine_without_a_desktop_may_still_talk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    finding = doctor_checks.check_display()
    assert finding.status == "warn"
    assert "talk" in finding.do
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert doctor_checks.check_display().status == "ok"


def test_a_settings_file_that_cannot_be_used_is_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    assert doctor_checks.check_settings(None, path).status == "ok"
    problem = SettingsError("SETTINGS-02", "Line 3 is no TOML.", "Correct it.")
    finding = doctor_checks.check_settings(problem, path)
    assert (finding.status, finding.what, finding.do) == ("fail", problem.what, problem.do)


def test_folders_that_are_not_there_yet_are_well_and_nothing_is_left(tmp_path: Path) -> None:
    finding = doctor_checks.check_folders(paths_in(tmp_path / "not" / "yet"))
    assert finding.status == "ok"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file, not a folder")
    finding = doctor_checks.check_folders(paths_in(tmp_path / "home"))
    assert finding.status == "fail"
    assert str(tmp_path / "home") in finding.what
    assert "DESKTOP_VOICE_HOME" in finding.do


@pytest.mark.parametrize(
    ("free_mb", "status"), [(3, "fail"), (100, "warn"), (5000, "ok"), (5_000_000, "ok")]
)
def test_a_disk_that_is_nearly_full_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free_mb: int, status: str
) -> None:
    usage = type("Usage", (), {"free": free_mb * 1_000_000})
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    assert doctor_checks.check_disk(paths_in(tmp_path)).status == status


# --- sound ---


@pytest.mark.sound
def test_a_microphone_that_hears_something_is_well(sound: VirtualSound, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).normal(0, 3000, 5 * 16_000).astype(np.int16)
    wav = write_wav(tmp_path / "noise.wav", noise)
    player = threading.Thread(target=sound.play_into_microphone, args=(wav,))
    with sound.active():
        came = threading.Event()
        microphone = MicrophoneStream(find_device("input", ""), came.set)
        player.start()
        while not microphone.ring.read().any():
            assert came.wait(10)
            came.clear()
        microphone.close()
        assert doctor_sound.check_microphone("").status == "ok"
        gone = doctor_sound.check_microphone("My headset [ALSA]")
        assert (gone.status, "not there" in gone.what) == ("warn", True)
        assert doctor_sound.check_speaker("").status == "ok"
        player.join()


@pytest.mark.sound
def test_a_microphone_that_is_unplugged_is_a_failure(sound: VirtualSound) -> None:
    with sound.active():
        sound.kill_microphone()
        finding = guarded("microphone", lambda: doctor_sound.check_microphone(""))
        assert finding.status == "fail"
        assert finding.do
        assert doctor_sound.check_speaker("").status == "ok"


def test_the_echo_canceller_works() -> None:
    assert doctor_sound.check_echo().status == "ok"


# --- engines ---


def test_the_default_engines_work() -> None:
    settings = Settings()
    found = [doctor_engines.check_wake(settings), doctor_engines.check_vad(settings)]
    found += doctor_engines.check_speech(settings)
    assert [(check.name, check.status) for check in found] == [
        ("wake word", "ok"),
        ("voice activity", "ok"),
        ("voice", "ok"),
        ("speech recogniser", "ok"),
    ]


def test_a_voice_that_is_not_there_does_not_hide_the_recogniser() -> None:
    settings = Settings(speech=SpeechSettings(voice="nobody"))
    voice, recogniser = doctor_engines.check_speech(settings)
    assert (voice.status, recogniser.status) == ("fail", "ok")
    assert "nobody" in voice.what


def test_a_voice_of_another_language_only_warns() -> None:
    settings = Settings(speech=SpeechSettings(voice="it"))
    voice, recogniser = doctor_engines.check_speech(settings)
    assert voice.status == "ok"
    assert recogniser.status in {"ok", "warn"}


def test_a_wake_word_that_is_not_known_is_a_failure() -> None:
    settings = Settings(wake=WakeSettings(phrases=["open_sesame"]))
    finding = guarded("wake word", lambda: doctor_engines.check_wake(settings))
    assert finding.status == "fail"
    assert "hey_jarvis" in finding.do


# --- language model ---


async def model_finding(base_url: str, model: str = "small-model", **more: Any) -> Check:
    settings = Settings(model=ModelSettings(base_url=base_url, model=model, **more))
    (finding,) = [
        check
        for check in await doctor_engines.check_models(settings)
        if check.name == "language model"
    ]
    return finding


async def test_a_model_that_answers_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-mine")
    async with model_server() as server:
        finding = await model_finding(server.base_url, api_key_env="MY_KEY")
        assert finding.status == "ok"
        assert "small-model" in finding.what
        assert server.keys == ["Bearer sk-mine"]
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("mode", "word"),
    [
        (Mode.UNAUTHORISED, "key"),
        (Mode.UNKNOWN_MODEL, "does not know the model"),
        (Mode.RUBBISH, "protocol"),
        (Mode.EMPTY, "without a word"),
    ],
)
async def test_a_model_that_fails_is_told(mode: Mode, word: str) -> None:
    async with model_server(mode) as server:
        finding = await model_finding(server.base_url)
    assert finding.status == "fail"
    assert word in finding.what
    assert finding.do


async def test_a_server_that_is_not_there_is_told() -> None:
    base_url = f"http://127.0.0.1:{await unused_port()}/v1"
    finding = await model_finding(base_url)
    assert finding.status == "fail"
    assert base_url in finding.what


async def test_a_model_that_does_not_answer_in_time_may_still_be_loading() -> None:
    async with model_server(Mode.STALLS) as server:
        async with asyncio.timeout(30):
            finding = await model_finding(server.base_url, apology_after_s=2.0)
        assert finding.status == "warn"
        assert "loading" in finding.do
        await server.hung_up.wait()


async def test_a_server_without_a_chosen_model_is_told() -> None:
    finding = await model_finding("http://127.0.0.1:9/v1", model="")
    assert finding.status == "fail"
    assert "Settings" in finding.do


async def test_the_fallback_is_checked_by_itself() -> None:
    async with model_server() as first, model_server(Mode.UNKNOWN_MODEL) as second:
        model = ModelSettings(
            base_url=first.base_url,
            model="small-model",
            fallback_base_url=second.base_url,
            fallback_model="other-model",
        )
        found = await doctor_engines.check_models(Settings(model=model))
    assert [(check.name, check.status) for check in found[:2]] == [
        ("language model", "ok"),
        ("fallback model", "fail"),
    ]
    assert found[2].name == "local models"


async def test_no_model_is_no_failure() -> None:
    found = await doctor_engines.check_models(Settings())
    assert [(check.name, check.status) for check in found] == [
        ("language model", "warn"),
        ("local models", "ok"),
    ]
    assert "Ollama" in found[0].do
