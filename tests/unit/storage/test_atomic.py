"""Atomic files are whole, private, and leave nothing beside them."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from desktop_voice.storage.atomic import copy_atomically, write_atomically

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes and links")


def test_the_content_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@posix
def test_the_file_is_private_even_if_it_was_not(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o644)
    write_atomically(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@posix
def test_a_symbolic_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    target, link = tmp_path / "dotfiles" / "real", tmp_path / "link"
    target.parent.mkdir()
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.mkdir()
    with pytest.raises(OSError, match="file"):
        write_atomically(path, b"new")
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_writer_left_goes_with_the_next_write(tmp_path: Path) -> None:
    old, young = tmp_path / ".file.aaaa.tmp", tmp_path / ".file.bbbb.tmp"
    old.write_bytes(b"half")
    os.utime(old, (1_000_000_000, 1_000_000_000))
    young.write_bytes(b"in use")
    write_atomically(tmp_path / "file", b"new")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".file.bbbb.tmp", "file"]


def test_a_copy_holds_the_same_bytes(tmp_path: Path) -> None:
    source, path = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(bytes(range(256)) * 1000)
    copy_atomically(source, path)
    assert path.read_bytes() == source.read_bytes()
