"""The outside: whose world the phone lives in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.errors import CommandError
from desktop_voice.server.outside import VARIABLE, outside


def _world(**edge: Any) -> dict[str, Any]:
    return {
        "api_bases": {name: f"http://127.0.0.1:4711/{name}" for name in CarrierName},
        "edge": {
            "host": "127.0.0.1",
            "port": 4712,
            "authority": "authority.pem",
            "unresolved": "unresolved.txt",
            **edge,
        },
        "programs": "bin",
    }


def _outside(folder: Path, world: object) -> Any:
    file = folder / "world.json"
    file.write_text(json.dumps(world))
    return outside(lambda _name: "", {VARIABLE: str(file)})


def test_without_a_rehearsal_it_is_the_real_world() -> None:
    real = outside(lambda _name: "", {})
    assert (real.api_bases, real.way.edge, real.programs) == ({}, None, None)


def test_a_rehearsal_stands_for_carriers_names_and_programs(tmp_path: Path) -> None:
    world = _outside(tmp_path, _world())
    assert world.api_bases[CarrierName.TELNYX] == "http://127.0.0.1:4711/telnyx"
    assert world.way.edge == ("127.0.0.1", 4712)
    assert world.way.authority == Path("authority.pem")
    assert world.programs == Path("bin")


@pytest.mark.parametrize(
    "world",
    [
        _world(host="203.0.113.9"),
        _world(host="example.com"),
        _world(port="4712"),
        {**_world(), "api_bases": dict.fromkeys(CarrierName, "https://evil.example")},
        {**_world(), "api_bases": {}},
        {**_world(), "edge": None},
        [],
        "text",
        None,
    ],
)
def test_a_world_that_is_not_on_this_machine_is_refused(tmp_path: Path, world: object) -> None:
    with pytest.raises(CommandError) as refused:
        _outside(tmp_path, world)
    assert refused.value.code == "REHEARSE-12"


def test_a_rehearsal_that_is_over_is_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(CommandError):
        outside(lambda _name: "", {VARIABLE: str(tmp_path / "gone.json")})
