"""The registry: the bundled engines, a third party's, and those that are broken."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from desktop_voice.core.engines import Role
from desktop_voice.core.errors import EngineError
from desktop_voice.core.settings import Settings
from desktop_voice.speech import registry

BUNDLED: list[tuple[Role, str]] = [
    ("wake", "micro"),
    ("vad", "silero"),
    ("stt", "moonshine"),
    ("tts", "espeak"),
]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the import path with an installed package that brings five TTS engines."""
    (tmp_path / "third_party_engines.py").write_text(
        textwrap.dedent(
            """
            from desktop_voice.core.engines import Engine, EngineInfo

            CARD = EngineInfo("Parrot", "MIT", ("en",), needs_network=False, size_mb=1.0)

            def refuse():
                raise OSError("libparrot.so.1: cannot open shared object file")

            parrot = Engine(CARD, lambda: "a parrot")
            broken = Engine(CARD, refuse)
            no_engine = "just a string"
            """
        )
    )
    (tmp_path / "third_party_raises.py").write_text("raise RuntimeError('unsupported CPU')\n")
    info = tmp_path / "third_party_engines-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: third-party-engines\nVersion: 1.0\n"
    )
    (info / "entry_points.txt").write_text(
        textwrap.dedent(
            """
            [desktop_voice.tts]
            parrot = third_party_engines:parrot
            broken = third_party_engines:broken
            no_engine = third_party_engines:no_engine
            raises = third_party_raises:ENGINE
            missing = third_party_not_there:ENGINE
            """
        )
    )
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("role", "key"), BUNDLED)
def test_each_role_has_a_bundled_engine_with_a_complete_card(role: Role, key: str) -> None:
    card = registry.available(role)[key]
    assert card.name
    assert card.licence
    assert card.languages
    assert not card.needs_network
    assert 0 < card.size_mb < 100


def test_the_settings_choose_engines_that_exist() -> None:
    settings = Settings()
    assert settings.wake.engine in registry.available("wake")
    assert settings.speech.vad_engine in registry.available("vad")
    assert settings.speech.stt_engine in registry.available("stt")
    assert settings.speech.tts_engine in registry.available("tts")


def test_the_chosen_engines_load_and_speak_their_protocols() -> None:
    settings = Settings()
    wake = registry.load_wake(settings)
    assert [phrase.key for phrase in wake.phrases] == settings.wake.phrases
    assert registry.load_vad(settings).block_samples == 512
    tts = registry.load_tts(settings)
    assert settings.speech.voice in {voice.key for voice in tts.voices()}
    stt = registry.load_stt(settings)
    assert callable(stt.transcribe)
    stt.close()


@pytest.mark.parametrize("role", [role for role, _key in BUNDLED])
def test_an_unknown_engine_is_told_with_those_that_are_there(role: Role) -> None:
    with pytest.raises(EngineError) as caught:
        registry.load(role, "whisper-9000")
    assert caught.value.code == f"{role.upper()}-01"
    assert "whisper-9000" in caught.value.what
    assert dict(BUNDLED)[role] in caught.value.what
    assert caught.value.do


@pytest.mark.usefixtures("install")
def test_an_installed_package_adds_an_engine() -> None:
    assert registry.available("tts")["parrot"].name == "Parrot"
    assert registry.load("tts", "parrot") == "a parrot"


@pytest.mark.usefixtures("install")
def test_what_is_broken_is_left_out_and_the_rest_is_listed() -> None:
    with capture_logs() as logs:
        listed = registry.available("tts")
    assert set(listed) == {"espeak", "parrot", "broken"}
    assert {entry["engine"] for entry in logs} == {"raises", "missing"}


@pytest.mark.usefixtures("install")
@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("broken", "libparrot.so.1"),
        ("raises", "unsupported CPU"),
        ("missing", "third_party_not_there"),
        ("no_engine", "does not load"),
    ],
)
def test_choosing_a_broken_engine_says_what_and_what_to_do(key: str, why: str) -> None:
    with pytest.raises(EngineError) as caught:
        registry.load("tts", key)
    assert caught.value.code == "TTS-09"
    assert f"“{key}”" in caught.value.what
    assert why in caught.value.what
    assert "Settings" in caught.value.do


def test_an_engines_own_error_reaches_the_user_unchanged() -> None:
    with pytest.raises(EngineError) as caught:
        registry.load("wake", "micro", phrases=("open sesame",), sensitivity=0.5)
    assert caught.value.code == "WAKE-02"
