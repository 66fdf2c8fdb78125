"""Fixtures of the end-to-end tests: a display, a sound card and a session bus for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.hearing import Listener
from tests.helpers.recordings import Recordings, recordings_or_skip
from tests.helpers.virtual_sound import VirtualSound, virtual_sound_or_skip
from tests.helpers.xvfb import VirtualDisplay, virtual_display_or_skip

PICTURES = Path(__file__).parents[2] / "artefacts"


@pytest.fixture
def tmp_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short name: the path of a socket may have no more than 107 characters."""
    return tmp_path_factory.mktemp("e2e")


@pytest.fixture(scope="module")
def display() -> Iterator[VirtualDisplay]:
    with virtual_display_or_skip() as display:
        yield display


@pytest.fixture
def sound() -> Iterator[VirtualSound]:
    with virtual_sound_or_skip() as sound:
        yield sound


@pytest.fixture(scope="module")
def recordings() -> Recordings:
    return recordings_or_skip()


@pytest.fixture
def pictures() -> Path:
    """Where pictures of the window are kept after the tests."""
    PICTURES.mkdir(exist_ok=True)
    return PICTURES


@pytest.fixture(scope="session")
def listener() -> Listener:
    return Listener()
