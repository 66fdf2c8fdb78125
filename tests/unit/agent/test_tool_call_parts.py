"""Calls of tools out of the pieces in which servers really send them."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.agent.model import ToolCall
from desktop_voice.agent.tool_call_parts import MAX_ARGUMENT_CHARS, MAX_CALLS, ToolCallParts


def _delta(index: Any, id_: Any = None, name: Any = None, arguments: Any = None) -> SimpleNamespace:
    return SimpleNamespace(
        index=index, id=id_, function=SimpleNamespace(name=name, arguments=arguments)
    )


@pytest.mark.parametrize(
    "chunks",
    [
        # piece by piece, side by side
        [
            [_delta(0, "a", "look", "")],
            [_delta(0, None, None, '{"x"')],
            [_delta(1, "b", "note", "{"), _delta(0, None, None, ":1}")],
            [_delta(1, None, None, "}")],
        ],
        # each whole, but all at index 0
        [[_delta(0, "a", "look", '{"x":1}')], [_delta(0, "b", "note", "{}")]],
        # without any index, the name and the id repeated
        [
            [_delta(None, "a", "look", '{"x":')],
            [_delta(None, "a", "look", "1}")],
            [_delta(None, "b", "note", "{}")],
        ],
    ],
)
def test_calls_are_put_together(chunks: list[list[SimpleNamespace]]) -> None:
    parts = ToolCallParts()
    for chunk in chunks:
        assert parts.feed(chunk)
    assert parts.finish() == [ToolCall("a", "look", '{"x":1}'), ToolCall("b", "note", "{}")]


def test_arguments_that_are_an_object_already_are_taken() -> None:
    parts = ToolCallParts()
    parts.feed([_delta(0, "", "look", {"x": 1})])
    assert parts.finish() == [ToolCall("call_0", "look", '{"x": 1}')]


def test_a_chunk_of_words_has_no_calls() -> None:
    parts = ToolCallParts()
    assert not parts.feed(None)
    assert parts.finish() == []


def test_an_endless_answer_is_bounded() -> None:
    parts = ToolCallParts()
    for index in range(3 * MAX_CALLS):
        parts.feed([_delta(index, f"id{index}", "look", "x" * MAX_ARGUMENT_CHARS)])
        parts.feed([_delta(index, None, None, "y")])
    calls = parts.finish()
    assert len(calls) == MAX_CALLS
    assert {len(call.arguments) for call in calls} == {MAX_ARGUMENT_CHARS}


_junk: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.integers(0, 3), st.text(max_size=3), st.just({"a": 1}), st.just([])
)


@given(st.lists(st.builds(_delta, st.integers(0, 2) | st.none(), _junk, _junk, _junk)))
def test_whatever_a_server_sends_is_text_in_the_end(deltas: list[SimpleNamespace]) -> None:
    parts = ToolCallParts()
    parts.feed([*deltas, None, 7])
    for call in parts.finish():
        assert call.name
        assert call.id
        assert isinstance(call.arguments, str)
