"""The carriers' published schemas: found beside the repository, never copied into it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

_BESIDE_THE_REPOSITORY = Path(__file__).parents[3].parent / "shared" / "specs"


def schemas_or_skip(name: str) -> dict[str, Any]:
    """Return one of the schema files, or skip the test that asks."""
    folder = Path(os.environ.get("DESKTOP_VOICE_SPECS") or _BESIDE_THE_REPOSITORY)
    path = folder / name
    if not path.is_file():
        pytest.skip("no schemas: set DESKTOP_VOICE_SPECS to the folder that holds them")
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return document


def assert_conforms(document: dict[str, Any], pointer: str, value: object) -> None:
    """Assert that ``value`` is what the schema at ``pointer`` allows, with no field unknown to it.

    The published schemas accept unknown fields, so those are looked for as well.
    """
    validator = Draft202012Validator({**_nullable(document), "$ref": f"#/{pointer}"})
    errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]
    assert not errors
    schema = document
    for part in pointer.split("/"):
        schema = schema[part]
    assert isinstance(value, dict)
    assert set(value) <= set(schema["properties"])


def _nullable(node: Any) -> Any:
    """OpenAPI 3.0's ``nullable`` in the words of JSON Schema."""
    if isinstance(node, list):
        return [_nullable(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: _nullable(value) for key, value in node.items()}
    if node.get("nullable") is True:
        made = {"anyOf": [made, {"type": "null"}]}
    return made
