"""The carriers' published API descriptions: found beside the repository, never copied into it."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

_BESIDE_THE_REPOSITORY = Path(__file__).parents[2].parent / "shared" / "specs"
_URI = "urn:spec"


@dataclass(frozen=True)
class CarrierSpec:
    """One description; ``document`` is the whole of it."""

    document: Mapping[str, Any]

    def check(self, body: object, *path: str) -> None:
        """Check ``body`` against the schema at ``path``, and that it has no field beyond it.

        The published schemas accept unknown fields, and so would a misspelt one.
        """
        resource = DRAFT202012.create_resource(self.document)
        registry: Registry[Any] = Registry().with_resource(_URI, resource)
        schema = {"$ref": f"{_URI}#/{'/'.join(path)}"}
        Draft202012Validator(schema, registry=registry).validate(body)
        declared = functools.reduce(lambda part, name: part[name], path, self.document)
        if isinstance(body, Mapping) and "properties" in declared:
            assert set(body) <= set(declared["properties"]), set(body) - set(declared["properties"])

    def schema(self, name: str) -> Mapping[str, Any]:
        """Return a schema of ``components``."""
        found: Mapping[str, Any] = self.document["components"]["schemas"][name]
        return found


@functools.cache
def _load(path: Path) -> CarrierSpec:
    return CarrierSpec(json.loads(path.read_text("utf-8")))


def carrier_spec_or_skip(name: str) -> CarrierSpec:
    """Return a description that ``DESKTOP_VOICE_SPECS`` or the checkout has, or skip the test."""
    path = Path(os.environ.get("DESKTOP_VOICE_SPECS") or _BESIDE_THE_REPOSITORY) / name
    if not path.is_file():
        pytest.skip("no API descriptions: set DESKTOP_VOICE_SPECS to the folder that holds them")
    return _load(path)
