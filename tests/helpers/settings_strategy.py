"""Any valid settings, for property tests."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from desktop_voice.core.setting_types import Section
from desktop_voice.core.settings import Settings

_URLS = st.one_of(
    st.just(""), st.from_regex(r"https?://[a-z]{1,12}(:[0-9]{2,4})?(/v1)?", fullmatch=True)
)

_NUMBERS = st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True).filter(str.isascii)
_REGIONS = st.from_regex(r"[A-Z]{2}", fullmatch=True)
_WRITTEN = {
    "number": st.one_of(st.just(""), _NUMBERS),
    "public_url": st.one_of(
        st.just(""), st.from_regex(r"https://[a-z]{1,12}\.example", fullmatch=True)
    ),
    "cloudflare_hostname": st.sampled_from(["", "phone.example.com"]),
    "ngrok_domain": st.sampled_from(["", "calm-fox.ngrok.app"]),
    "forward_to": st.one_of(st.just(""), _NUMBERS),
    "address": st.sampled_from(["", "https://away.example/answer"]),
    "language": st.sampled_from(["en-US", "de-DE", "en", "fil-PH"]),
    "allow_from": st.lists(_NUMBERS, max_size=4),
    "other_regions": st.lists(_REGIONS, max_size=4),
    "quiet_from": st.sampled_from(["22:00", "00:00", "23:59"]),
    "quiet_until": st.sampled_from(["07:00", "00:00", "09:30"]),
    "home_region": _REGIONS,
    "bind": st.sampled_from(["127.0.0.1", "0.0.0.0", "::1"]),  # noqa: S104 - a setting's value
    "webhook_path": st.sampled_from(["", "/call/me"]),
    "stream_path": st.sampled_from(["", "/call/sound"]),
}
"""Strategies for the texts that have a form."""


def _values(name: str, field: FieldInfo) -> st.SearchStrategy[Any]:
    limits = {
        key: getattr(limit, key)
        for limit in field.metadata
        for key in ("ge", "le", "min_length", "max_length")
        if getattr(limit, key, None) is not None
    }
    kind = field.annotation
    if name in _WRITTEN:
        return _WRITTEN[name]
    if kind is bool:
        return st.booleans()
    if kind is int:
        return st.integers(limits["ge"], limits["le"])
    if kind is float:
        return st.floats(limits["ge"], limits["le"])
    if kind == list[str]:
        longest = min(limits.get("max_length", 4), 4)
        return st.lists(
            st.text(max_size=60), min_size=limits.get("min_length", 0), max_size=longest
        )
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return st.sampled_from(list(kind))
    if name.endswith("base_url"):
        return _URLS
    assert kind is str, f"no strategy for {name}: {kind}"
    return st.text(max_size=min(limits.get("max_length", 60), 200)).map(str.strip)


def _section(model: type[Section]) -> st.SearchStrategy[Section]:
    return st.fixed_dictionaries(
        {name: _values(name, field) for name, field in model.model_fields.items()}
    ).map(model.model_validate)


def valid_settings() -> st.SearchStrategy[Settings]:
    """Return a strategy for whole, valid settings of this version."""
    return st.builds(
        Settings,
        **{
            name: _section(field.annotation)
            for name, field in Settings.model_fields.items()
            if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
        },
    )
