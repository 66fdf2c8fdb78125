"""Unknown callers: those who were let in once, and those who wait for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PairedCaller:
    """A number whose owner proved to be known; ``label`` is the user's word for them."""

    number: str
    label: str
    at: datetime


@dataclass(frozen=True, slots=True)
class WaitingCaller:
    """A caller who is asked for a code, or who gave it and waits for the user.

    Attributes:
        code: What they are to say or type; for the user's eyes.
    """

    call_id: str
    number: str
    code: str = field(repr=False)
    is_code_given: bool = False
