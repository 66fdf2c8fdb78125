"""The settings model: explained, limited, unchangeable in place, and without secrets."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from desktop_voice.core.setting_types import Section
from desktop_voice.core.settings import SCHEMA_VERSION, Settings

SECTIONS: dict[str, type[Section]] = {
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
}
FIELDS = [
    (section, name, field)
    for section, model in SECTIONS.items()
    for name, field in model.model_fields.items()
]
IDS = [f"{section}.{name}" for section, name, _ in FIELDS]
SECRET_WORDS = ("password", "secret", "token", "credential", "auth")


def limit(field: FieldInfo, name: str) -> float | None:
    return next((getattr(m, name) for m in field.metadata if hasattr(m, name)), None)


NUMBERS = [(s, n, f) for s, n, f in FIELDS if f.annotation in (int, float)]


@pytest.mark.parametrize(("section", "name", "field"), FIELDS, ids=IDS)
def test_every_field_has_a_label_and_a_help(section: str, name: str, field: FieldInfo) -> None:
    assert field.title
    assert field.title[0].isupper() or not field.title[0].isalpha()
    assert field.description
    assert field.description.endswith((".", ".”"))


def test_every_section_has_a_label() -> None:
    assert all(Settings.model_fields[section].title for section in SECTIONS)


@pytest.mark.parametrize(
    ("section", "name", "field"), NUMBERS, ids=[f"{s}.{n}" for s, n, _ in NUMBERS]
)
def test_every_number_has_limits_that_hold(section: str, name: str, field: FieldInfo) -> None:
    low, high = limit(field, "ge"), limit(field, "le")
    assert low is not None
    assert high is not None
    for allowed in (low, high):
        assert getattr(getattr(Settings().with_value(section, name, allowed), section), name) == (
            allowed
        )
    for refused in (low - 1, high + 1, float("nan"), float("inf"), "many", None):
        with pytest.raises(ValidationError):
            Settings().with_value(section, name, refused)


@pytest.mark.parametrize(("section", "name", "field"), FIELDS, ids=IDS)
def test_no_field_is_a_secret(section: str, name: str, field: FieldInfo) -> None:
    assert not any(word in name for word in SECRET_WORDS)
    assert "api_key" not in name or name.endswith("_env")


def test_the_defaults_are_valid_and_of_this_version() -> None:
    assert Settings.model_validate(Settings().model_dump()) == Settings()
    assert Settings().schema_version == SCHEMA_VERSION


def test_text_is_stripped_and_its_length_limited() -> None:
    assert Settings().with_value("model", "model", "  llama ").model.model == "llama"
    with pytest.raises(ValidationError):
        Settings().with_value("model", "model", "x" * 201)
    with pytest.raises(ValidationError):
        Settings().with_value("model", "instructions", "x" * 4001)


@pytest.mark.parametrize("name", ["base_url", "fallback_base_url"])
def test_a_server_address_is_a_web_address_or_empty(name: str) -> None:
    url = "http://127.0.0.1:11434/v1"
    assert getattr(Settings().with_value("model", name, url + "/").model, name) == url
    assert getattr(Settings().with_value("model", name, "").model, name) == ""
    for refused in ("ftp://127.0.0.1", "127.0.0.1:11434", "file:///etc/passwd"):
        with pytest.raises(ValidationError):
            Settings().with_value("model", name, refused)


def test_there_is_always_a_wake_word() -> None:
    with pytest.raises(ValidationError):
        Settings().with_value("wake", "phrases", [])


def test_a_changed_copy_leaves_the_original_alone() -> None:
    before = Settings()
    after = before.with_value("audio", "volume_percent", 40)
    assert (before.audio.volume_percent, after.audio.volume_percent) == (100, 40)
    assert after.wake == before.wake


def test_settings_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValidationError):
        Settings().audio.volume_percent = 40  # type: ignore[misc]


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"audio": {"hologram": True}})
    with pytest.raises(ValidationError):
        Settings().with_value("audio", "hologram", value=True)
