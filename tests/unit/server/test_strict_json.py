"""JSON from strangers: odd things are refused, in time, and never quoted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.server.strict_json import read_object

_plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc"), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text("abcdef"), _plain))
def test_ordinary_objects_are_read_as_they_are(value: dict[str, Any]) -> None:
    for ascii_only in (True, False):
        text = json.dumps(value, ensure_ascii=ascii_only)
        assert read_object(text, 1 << 20) == value
        assert read_object(text.encode(), 1 << 20) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "[]",
        '"text"',
        "null",
        '{"a": 1',
        '{"a": NaN}',
        '{"a": -Infinity}',
        '{"a": 1e999}',
        '{"a": ' + "9" * 5000 + "}",
        '{"a": ' + "9" * 19 + "}",
        '{"a": 1, "a": 2}',
        '{"b": {"a": 1, "a": 2}}',
        '{"a": "\\ud800"}',
        '{"\\udfff": 1}',
        '{"a": ' + "[" * 1000 + "]" * 1000 + "}",
        '{"a": [' + "{}," * 300 + "{}]}",
        "[" * 30_000,
        '{"a": "' + "x" * 70_000 + '"}',
        "\ufeff{}",
    ],
    ids=range(20),
)
def test_odd_things_are_refused_without_quoting_them(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(too long|not acceptable as JSON|no JSON object)$"):
        read_object(text, 65_536)


@given(st.binary(max_size=300))
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    try:
        read_object(data, 200)
    except ValueError:
        return
    assert len(data) <= 200
