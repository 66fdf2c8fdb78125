"""The pinned release of cloudflared."""

from __future__ import annotations

import re

import pytest

from desktop_voice.tunnel.cloudflared_release import SOURCE, VERSION, release_file


@pytest.mark.parametrize(
    ("system", "machine", "name"),
    [
        ("linux", "x86_64", "cloudflared-linux-amd64"),
        ("linux", "aarch64", "cloudflared-linux-arm64"),
        ("win32", "AMD64", "cloudflared-windows-amd64.exe"),
        ("win32", "ARM64", "cloudflared-windows-amd64.exe"),
        ("darwin", "x86_64", "cloudflared-darwin-amd64.tgz"),
        ("darwin", "arm64", "cloudflared-darwin-arm64.tgz"),
    ],
)
def test_each_kind_of_machine_has_its_file(system: str, machine: str, name: str) -> None:
    file = release_file(system, machine)
    assert file is not None
    assert file.name == name
    assert file.size_bytes > 10_000_000
    assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
    assert re.fullmatch(r"[0-9a-f]{64}", file.installed_sha256)
    assert name.endswith(".tgz") == (file.installed_sha256 != file.sha256)


def test_other_machines_have_none() -> None:
    assert release_file("linux", "riscv64") is None
    assert release_file("freebsd14", "amd64") is None


def test_the_source_is_encrypted_and_names_the_version() -> None:
    assert SOURCE.startswith("https://")
    assert SOURCE.endswith(f"/{VERSION}/")
