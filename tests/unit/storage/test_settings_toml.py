"""The settings' TOML text: problems named by place, comments and order kept."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from desktop_voice.core.settings import SCHEMA_VERSION, Settings
from desktop_voice.storage.settings_toml import MAX_BYTES, read_settings, write_settings
from tests.helpers.settings_strategy import valid_settings


def problems(text: str | bytes) -> tuple[str, ...]:
    data = text.encode() if isinstance(text, str) else text
    return read_settings(data, "s.toml").problems


def test_a_bad_value_is_named_with_its_line_column_and_key() -> None:
    text = "# mine\n[wake]\nenabled = true\n  sensitivity = 7 # much\n"
    assert problems(text) == (
        "s.toml line 4, column 17: wake.sensitivity must be between 0 and 1, not 7.",
    )


def test_all_problems_are_told_in_the_order_of_the_file() -> None:
    text = '[wake]\nsensitivity = 7\n[bogus]\na = 1\n[general]\nthem = 1\ntheme = "drak"\n'
    assert problems(text) == (
        "s.toml line 2, column 15: wake.sensitivity must be between 0 and 1, not 7.",
        "s.toml line 3, column 1: bogus is not a setting.",
        "s.toml line 6, column 8: general.them is not a setting; did you mean general.theme?",
        "s.toml line 7, column 9: general.theme must be 'system', 'light' or 'dark', not 'drak'.",
    )


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("wake.sensitivity = 7\n", "s.toml line 1, column 20: wake.sensitivity"),
        ("wake = {sensitivity = 7}\n", "s.toml line 1, column 23: wake.sensitivity"),
        ("\nwake = 3\n", "s.toml line 2, column 8: wake must be a section"),
        ("[[wake]]\nenabled = true\n", "s.toml line 1, column 1: wake must be a section"),
        ("[wake.sub]\nx = 1\n", "s.toml line 1, column 1: wake.sub is not"),
        ("[wake]\nphrases = ['a',\n 2]\n", "s.toml line 2, column 11: wake.phrases.1 must be text"),
        ("[wake]\nenabled = 1979-05-27\n", "s.toml line 2, column 11: wake.enabled must be true"),
        ("[general]\npush_to_talk_key = 07:32:00\n", "s.toml line 2, column 20: general.push"),
        ("[model]\r\nmodel = 1\r\n", "s.toml line 2, column 9: model.model must be text"),
        ("schema_version = 0\n", "s.toml line 1, column 18: schema_version must be 1, not 0"),
        ("a = 1\nb = = 2\n", "s.toml line 2, column 5: not valid TOML"),
        ("[wake]\n[wake]\n", "s.toml line 2, column 6: not valid TOML"),
        (b"a = 1\nb = '\xff'\n", "s.toml line 2, column 1: not valid TOML (not UTF-8 text)"),
        ("", "s.toml is empty."),
        (" \r\n\t\n", "s.toml is empty."),
        ("a = [", "s.toml is not valid TOML"),
        ("x = " + "[" * 20_000, "s.toml is nested too deeply."),
        ("x = 0x" + "f" * 9000, "s.toml is not valid TOML"),
        ("# " + "x" * MAX_BYTES, "s.toml is larger than 64 KiB."),
    ],
)
def test_junk_is_told_apart(text: str | bytes, start: str) -> None:
    (problem,) = problems(text)
    assert problem.startswith(start)
    assert "\x00" not in problem


def test_good_values_are_used_beside_bad_ones() -> None:
    reading = read_settings(b"[wake]\nsensitivity = 7\nfollow_up_s = 3.0\n", "s.toml")
    assert reading.settings.wake.follow_up_s == 3.0
    assert reading.settings.wake.sensitivity == Settings().wake.sensitivity


def test_many_problems_are_counted_not_listed() -> None:
    text = "".join(f"key_{n} = 1\n" for n in range(25))
    assert len(problems(text)) == 11
    assert problems(text)[-1] == "There are 15 more."


def test_a_large_bad_file_is_told_without_places_and_replaced() -> None:
    old = "".join(f"a.b.c{n} = 1\n" for n in range(4000))
    assert problems(old) == ("s.toml: a is not a setting.",)
    assert write_settings(Settings(), old.encode()) == write_settings(Settings(), None)


def test_a_large_good_file_keeps_its_comments() -> None:
    old = "schema_version = 1\n" + "# a long story\n" * 2000
    assert write_settings(Settings(), old.encode()) == old


def test_a_byte_order_mark_is_no_problem() -> None:
    assert problems(b"\xef\xbb\xbf[wake]\nenabled = false\n") == ()


def test_a_new_file_explains_every_setting() -> None:
    text = write_settings(Settings(), None)
    lines = text.splitlines()
    for section, field in Settings.model_fields.items():
        if section == "schema_version":
            continue
        for key, setting in field.annotation.model_fields.items():  # type: ignore[union-attr]
            row = next(n for n, line in enumerate(lines) if line.startswith(f"{key} = "))
            assert str(setting.title) in text
            assert lines[row - 1].startswith("# ")
    assert lines[1] == f"schema_version = {SCHEMA_VERSION}"


def test_comments_order_and_formatting_survive() -> None:
    old = (
        "# my settings\n[wake]   # ears\nfollow_up_s=8 # as is\nsensitivity   = 0.5 # change me\n"
        '\n[general]\ntheme = "dark"\n# the end\n'
    )
    new = write_settings(
        read_settings(old.encode(), "").settings.with_value("wake", "sensitivity", 0.75),
        old.encode(),
    )
    assert new == old.replace("0.5", "0.75").replace(
        "# my settings\n", f"# my settings\nschema_version = {SCHEMA_VERSION}\n\n"
    )


def test_a_key_that_is_new_to_the_file_comes_with_its_help() -> None:
    old = b"schema_version = 1\n[wake]\nenabled = true\n"
    new = write_settings(Settings().with_value("wake", "sensitivity", 0.75), old)
    assert new == (
        "schema_version = 1\n[wake]\nenabled = true\n# Sensitivity: Higher wakes more easily, and "
        "more often by mistake.\nsensitivity = 0.75\n"
    )


def test_a_setting_back_at_its_default_is_changed_in_the_file() -> None:
    old = b"schema_version = 1\n[wake]\nsensitivity = 0.75\n"
    assert write_settings(Settings(), old).endswith("sensitivity = 0.5\n")


@pytest.mark.parametrize(
    "old",
    [
        b"wake = 3\n[bogus]\nx = 1\n",
        b"wake = {sensitivity = 7, x = 1}\n",
        b"wake.sensitivity = 7\nwake.phrases = 'hey'\n",
        b"[[wake]]\nenabled = false\n",
        b"[wake.enabled]\nx = 1\n[audio]\nsounds = 1\n",
        b"[wake.a]\nx = 1\n[audio]\n[wake.b]\nsensitivity = 1\n",
        b"schema_version = 'x'\n",
        b"\xff\x00",
    ],
)
def test_a_bad_file_can_be_written_over(old: bytes) -> None:
    wanted = Settings().with_value("wake", "sensitivity", 0.25)
    reading = read_settings(write_settings(wanted, old).encode(), "s.toml")
    assert reading.settings == wanted
    assert reading.problems == ()


@hypothesis_settings(max_examples=60, deadline=None)
@given(valid_settings(), valid_settings())
def test_any_valid_settings_come_back_from_their_text(first: Settings, second: Settings) -> None:
    text = write_settings(first, None)
    assert read_settings(text.encode(), "s.toml").settings == first
    assert set(tomllib.loads(text)) == set(Settings.model_fields)
    edited = write_settings(second, text.encode())
    assert read_settings(edited.encode(), "s.toml").settings == second
    assert [line for line in edited.splitlines() if line.startswith("# ")] == [
        line for line in text.splitlines() if line.startswith("# ")
    ]
