"""What an engine says of itself, so that it can be listed without being imported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["wake", "vad", "stt", "tts"]


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """An engine's card: what the settings page and ``doctor`` show.

    Attributes:
        name: Name for people.
        licence: Licence of the code and of the weights that come with it.
        languages: BCP-47 codes; ``*`` for engines that do not depend on a language.
        needs_network: Whether audio or text leaves this machine.
        size_mb: Download size in megabytes.
    """

    name: str
    licence: str
    languages: tuple[str, ...]
    needs_network: bool
    size_mb: float


@dataclass(frozen=True, slots=True)
class Engine:
    """An entry point's object: the card, and the factory that imports and loads the engine.

    ``create`` may take seconds and is called in a worker thread only.
    """

    info: EngineInfo
    create: Callable[..., Any]
