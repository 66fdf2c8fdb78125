"""Colours: every text on every ground it is used on can be read."""

from __future__ import annotations

import re
from dataclasses import fields
from importlib import resources

import pytest

from desktop_voice.ui.theme.tokens import (
    DARK,
    LIGHT,
    MIN_TEXT_CONTRAST,
    TEXT_PAIRS,
    Tokens,
    contrast_ratio,
)

SHAPES = ("outline", "idle", "listening", "thinking", "speaking", "muted", "error")


def style_sheet() -> str:
    return resources.files("desktop_voice.ui.theme").joinpath("style.qss").read_text("utf-8")


def test_contrast_of_black_and_white_is_21() -> None:
    assert contrast_ratio("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast_ratio("#777777", "#777777") == pytest.approx(1.0)


@pytest.mark.parametrize("tokens", [DARK, LIGHT], ids=["dark", "light"])
@pytest.mark.parametrize(("text", "ground"), TEXT_PAIRS)
def test_text_can_be_read(tokens: Tokens, text: str, ground: str) -> None:
    assert contrast_ratio(getattr(tokens, text), getattr(tokens, ground)) >= MIN_TEXT_CONTRAST


@pytest.mark.parametrize("tokens", [DARK, LIGHT], ids=["dark", "light"])
@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_stand_out_from_their_card(tokens: Tokens, shape: str) -> None:
    assert contrast_ratio(getattr(tokens, shape), tokens.surface) >= 3.0


def test_style_sheet_holds_no_colour_of_its_own() -> None:
    rules = re.sub(r"/\*.*?\*/", "", style_sheet(), flags=re.DOTALL)
    assert not re.search(r":[^;]*#[0-9a-fA-F]{3,8}", rules)


def test_every_rule_that_sets_text_and_ground_uses_a_checked_pair() -> None:
    names = {field.name for field in fields(Tokens)}
    for body in re.findall(r"\{([^}]*)\}", style_sheet()):
        text = re.search(r"(?<![-\w])color: \$(\w+)", body)
        ground = re.search(r"(?<!selection-)background: \$(\w+)", body)
        if text and ground and {text[1], ground[1]} <= names:
            assert (text[1], ground[1]) in TEXT_PAIRS
