"""The world file: private, complete, and gone when the rehearsal is."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from desktop_voice.core.errors import CommandError
from desktop_voice.rehearsal.process import RehearsalProcess
from desktop_voice.rehearsal.world import write_program
from tests.unit.rehearsal.edge_lab import EdgeLab, edge_lab


async def test_it_says_all_that_another_process_needs(lab: EdgeLab) -> None:
    edge = lab.data["edge"]
    assert lab.data["api_bases"] == {"twilio": "http://127.0.0.1:1/twilio"}
    assert edge["host"] == "127.0.0.1"
    assert edge["port"] != edge["control_port"]
    assert [path.name for path in sorted(lab.world.file.parent.glob("*"))] == [
        *("authority.pem", "bin", "unresolved.txt", "world.json")
    ]
    assert Path(lab.program).stem == "cloudflared"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
async def test_nobody_else_can_read_it(lab: EdgeLab) -> None:
    folder = lab.world.file.parent
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}
    assert modes[folder] == 0o700
    assert modes[lab.world.file] == 0o600
    assert modes[Path(lab.program)] == 0o700
    assert all(path.stat().st_uid == os.getuid() for path in modes)


async def test_it_is_gone_at_the_end(tmp_path: Path) -> None:
    async with edge_lab(tmp_path) as lab:
        folder = lab.world.file.parent
        other = EdgeLab(tmp_path)
        assert other.world.file.parent != folder
        await other.world.close()
        assert folder.exists()
    assert not folder.exists()


@pytest.mark.parametrize(
    ("command", "fields"),
    [
        ("edge_fault", {"kind": "earthquake"}),
        ("edge_fault", {}),
        ("edge_fault", {"kind": "slow", "after_ms": "soon"}),
        ("edge_fault", {"kind": "slow", "count": -1}),
        ("edge_fault", {"kind": "slow", "carrier": "twilio"}),
        ("named_tunnel", {}),
        ("named_tunnel", {"host": "a.example.com", "origin": "http://example.com:80"}),
    ],
)
async def test_a_wrong_command_is_refused(
    lab: EdgeLab, command: str, fields: dict[str, object]
) -> None:
    with pytest.raises(CommandError, match="does not understand"):
        lab.world.commands[command](fields)


@pytest.mark.skipif(sys.platform == "win32", reason="a shell's quoting")
def test_the_program_bears_odd_folders(tmp_path: Path) -> None:
    folder = tmp_path / "it's $HOME; here"
    folder.mkdir()
    text = write_program(folder, folder / "world.json").read_text("utf-8")
    assert "'\"'\"'s $HOME; here/world.json'" in text
    assert text.endswith('-m desktop_voice.rehearsal.cloudflared "$@"\n')


def _read(path: str) -> str:
    return Path(path).read_text("utf-8")


async def test_a_whole_rehearsal_has_one() -> None:
    async with RehearsalProcess() as rehearsal:
        world = rehearsal.card.world
        data = json.loads(world.read_text("utf-8"))
        for carrier in ("twilio", "telnyx", "plivo"):
            assert data["api_bases"][carrier] == rehearsal.card.api_base(carrier)
        token = await rehearsal.named_tunnel("phone.example.com")
        assert token != await rehearsal.named_tunnel("other.example.com", "http://127.0.0.1:9")
        await rehearsal.edge_fault("unresolved", host="phone.example.com")
        assert _read(data["edge"]["unresolved"]) == "phone.example.com\n"
        await rehearsal.forget_faults()
        assert _read(data["edge"]["unresolved"]) == ""
        assert await rehearsal.tunnels() == []
    assert not world.parent.exists()
