"""The lock files hold what pyproject.toml asks for, with hashes and nothing of one machine."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LINES = ("3.11", "3.12", "3.13")
ENTRY = re.compile(
    r"^(\S+)==(\S+)(?: ; ([^\\]+?))? \\\n((?:    --hash=sha256:[0-9a-f]{64}[ \\]*\n)+)", re.M
)


def environment(line: str) -> dict[str, str]:
    return {"python_version": line, "python_full_version": f"{line}.0", "sys_platform": "linux"}


def pins(file: str, line: str) -> dict[str, str]:
    text = (ROOT / "requirements" / file).read_text(encoding="utf-8")
    return {
        canonicalize_name(name): version
        for name, version, marker, _ in ENTRY.findall(text)
        if not marker or Marker(marker).evaluate(environment(line))
    }


def asked_for(line: str, *extras: str) -> list[Requirement]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    texts = list(project["dependencies"])
    for extra in extras:
        texts += project["optional-dependencies"][extra]
    requirements = map(Requirement, texts)
    return [r for r in requirements if r.marker is None or r.marker.evaluate(environment(line))]


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("extras", [(), ("dev",)])
def test_every_dependency_is_locked_at_a_version_it_allows(
    line: str, extras: tuple[str, ...]
) -> None:
    suffix = "-dev" if extras else ""
    locked = pins(f"py{line.replace('.', '')}{suffix}.txt", line)
    wrong = [
        str(requirement)
        for requirement in asked_for(line, *extras)
        if not requirement.specifier.contains(locked.get(canonicalize_name(requirement.name), "0"))
    ]
    assert wrong == [], "run packaging/lock.sh"


@pytest.mark.parametrize("line", LINES)
def test_the_tests_run_with_the_versions_that_users_get(line: str) -> None:
    name = f"py{line.replace('.', '')}"
    assert pins(f"{name}.txt", line).items() <= pins(f"{name}-dev.txt", line).items()


@pytest.mark.parametrize(
    "path", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda p: p.name
)
def test_a_lock_file_holds_hashed_pins_alone(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ENTRY.search(text)
    rest = ENTRY.sub("", text).splitlines()
    assert [line for line in rest if line and not line.startswith("#")] == []
    assert "://" not in text


def test_python_3_11_stays_below_the_qt_that_crashes_on_it() -> None:
    assert pins("py311.txt", "3.11")["pyside6-essentials"].startswith(("6.10.", "6.11."))
