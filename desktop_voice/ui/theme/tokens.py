"""Colour tokens: the two themes as plain data, and the contrast they must keep."""

from __future__ import annotations

from dataclasses import dataclass

MIN_TEXT_CONTRAST = 4.5


@dataclass(frozen=True, slots=True)
class Tokens:
    """One theme. Every colour is ``#rrggbb``.

    ``*_text`` colours are readable on the surfaces; ``on_*`` colours are readable on the colour
    they name. The mood colours (``listening`` ...) are for shapes, never for text.
    """

    is_dark: bool
    background: str
    surface: str
    raised: str
    hover: str
    border: str
    outline: str
    text: str
    muted_text: str
    accent: str
    accent_hover: str
    on_accent: str
    link_text: str
    user_text: str
    assistant_text: str
    danger: str
    danger_hover: str
    on_danger: str
    danger_text: str
    danger_surface: str
    notice_surface: str
    success_text: str
    warning_text: str
    idle: str
    listening: str
    thinking: str
    speaking: str
    muted: str
    error: str


DARK = Tokens(
    is_dark=True,
    background="#15161a",
    surface="#1c1e24",
    raised="#252931",
    hover="#2f343e",
    border="#2d3139",
    outline="#6b7484",
    text="#e9ebef",
    muted_text="#a0a8b5",
    accent="#6ea8ff",
    accent_hover="#8bbaff",
    on_accent="#0b1424",
    link_text="#8bbaff",
    user_text="#4cc38a",
    assistant_text="#6ea8ff",
    danger="#d13438",
    danger_hover="#bd2a2f",
    on_danger="#ffffff",
    danger_text="#ff8f8f",
    danger_surface="#34191d",
    notice_surface="#1b2740",
    success_text="#4cc38a",
    warning_text="#e5b454",
    idle="#6ea8ff",
    listening="#3ecf8e",
    thinking="#b48cff",
    speaking="#38c5e8",
    muted="#7d8593",
    error="#f2555a",
)

LIGHT = Tokens(
    is_dark=False,
    background="#f5f6f8",
    surface="#ffffff",
    raised="#eef1f6",
    hover="#e2e7ef",
    border="#dde2ea",
    outline="#818a99",
    text="#16181d",
    muted_text="#555e6d",
    accent="#2563eb",
    accent_hover="#1d4fc4",
    on_accent="#ffffff",
    link_text="#1d4fc4",
    user_text="#17763c",
    assistant_text="#2563eb",
    danger="#d13438",
    danger_hover="#b3262b",
    on_danger="#ffffff",
    danger_text="#b3262b",
    danger_surface="#fdecec",
    notice_surface="#e8effd",
    success_text="#17763c",
    warning_text="#8a5a00",
    idle="#2563eb",
    listening="#12915a",
    thinking="#7c4ddb",
    speaking="#0b86a8",
    muted="#7d8593",
    error="#d13438",
)

_SURFACES = ("background", "surface", "raised", "hover")

TEXT_PAIRS: tuple[tuple[str, str], ...] = (
    *(("text", surface) for surface in (*_SURFACES, "danger_surface", "notice_surface")),
    *(("muted_text", surface) for surface in (*_SURFACES, "danger_surface", "notice_surface")),
    *(("danger_text", surface) for surface in ("background", "surface", "raised")),
    ("danger_text", "danger_surface"),
    ("link_text", "surface"),
    ("link_text", "notice_surface"),
    ("user_text", "surface"),
    ("assistant_text", "surface"),
    ("success_text", "background"),
    ("success_text", "surface"),
    ("warning_text", "surface"),
    ("on_accent", "accent"),
    ("on_accent", "accent_hover"),
    ("on_danger", "danger"),
    ("on_danger", "danger_hover"),
)
"""Every (text, ground) pair that the style sheet and the painted widgets use."""


def _luminance(colour: str) -> float:
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast_ratio(first: str, second: str) -> float:
    """Return the WCAG contrast of two ``#rrggbb`` colours, from 1 to 21."""
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
