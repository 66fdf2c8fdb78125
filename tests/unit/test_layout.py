"""The shape of the house: tests mirror it, modules introduce themselves, Qt stays upstairs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "desktop_voice"
UNIT_TESTS = ROOT / "tests" / "unit"
MODULES = sorted(PACKAGE.rglob("*.py"))
ROOM_TESTS = sorted(path for path in UNIT_TESTS.rglob("test_*.py") if path.parent != UNIT_TESTS)
ROOMS_WITHOUT_QT = ("core", "dialogue", "speech", "agent", "audio", "desk", "storage")
MAX_LINES = 500


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", ROOM_TESTS, ids=name_of)
def test_each_unit_test_stands_where_its_module_stands(path: Path) -> None:
    room = PACKAGE / path.parent.relative_to(UNIT_TESTS)
    name = path.stem.removeprefix("test_")
    assert (room / f"{name}.py").is_file() or (room / name / "__init__.py").is_file()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_each_module_says_what_it_is(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    assert docstring
    assert docstring.splitlines()[0].endswith(".")


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_module_outgrows_its_concept(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= MAX_LINES


IMPORT_ALL_WITHOUT_QT = """
import importlib, pkgutil, sys

class NoQt:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"PySide6", "shiboken6", "qasync"}:
            raise ImportError(f"{name} is imported below the interface")
        return None

sys.meta_path.insert(0, NoQt())
for room in sys.argv[1:]:
    package = importlib.import_module(f"desktop_voice.{room}")
    print(package.__name__)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
        print(module.name)
"""


def test_the_rooms_below_the_interface_do_without_qt() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL_WITHOUT_QT, *ROOMS_WITHOUT_QT],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expected = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for room in ROOMS_WITHOUT_QT
        for path in (PACKAGE / room).rglob("*.py")
    }
    assert set(done.stdout.split()) == expected
