"""A far end's plan: who is at the other end of a rehearsed call, and how they behave."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from desktop_voice.core.errors import CommandError


class Step(BaseModel):
    """One step of a script; exactly one of the first six is given.

    What is said, played or pressed waits until the app has spoken and is silent, except after
    ``wait_s``.

    Attributes:
        say: Words to speak.
        play: A recording to say instead.
        press: Keys to press; ``w`` waits half a second.
        wait_s: Seconds to wait.
        expect: Words that the app must say before the script goes on (as a recogniser hears them,
            in any case; the call's end without them is reported as ``unmet``).
        hang_up: Hang up now.
        over: With ``say``, ``play`` or ``press``: do it as soon as the app speaks, over its words.
        after_ms: With ``over``: so long after the app began to speak.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    say: str | None = None
    play: Path | None = None
    press: str | None = Field(None, pattern=r"^[0-9A-D*#w]+$")
    wait_s: float | None = Field(None, ge=0, le=3600)
    expect: str | None = None
    hang_up: bool = False
    over: bool = False
    after_ms: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _one_thing(self) -> Step:
        given = [self.say, self.play, self.press, self.wait_s, self.expect, self.hang_up or None]
        if sum(value is not None for value in given) != 1:
            raise ValueError(
                "a step says, plays, presses, waits, expects or hangs up: one of these"
            )
        return self


class FarEndPlan(BaseModel):
    """Who is at the other end; the default answers as a person who says nothing.

    Attributes:
        kind: ``silent``, ``wav`` (recordings, each one turn), ``script`` (of steps) or
            ``microphone`` (a person at this machine).
        answer: How an incoming call is taken: ``human``, ``machine``, ``busy``, ``no_answer`` or
            ``reject``. Of no effect when this end is the caller.
        ring_ms: How long it rings before that.
        files: The recordings of ``wav``.
        steps: The steps of ``script``: texts, recordings and keys.
        speaks_first: Whether the first turn does not wait for the app to speak.
        gap_ms: How long the app must be silent before the next turn begins.
        patience_ms: How long it waits for the app to say anything before it hangs up (``gave_up``).
        after: After the last turn's answer: ``hang_up`` or ``stay``.
        voice: eSpeak NG's voice for ``script`` and the machine.
        greeting: What an answering machine says before its beep.
        hang_up_after_ms: Hang up so long after the answer, even in the middle of a word.
        transcribe: Whether what the app says is reported in words (``far_heard``).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["silent", "wav", "script", "microphone"] = "silent"
    answer: Literal["human", "machine", "busy", "no_answer", "reject"] = "human"
    ring_ms: int = Field(200, ge=0)
    files: tuple[Path, ...] = ()
    steps: tuple[Step, ...] = ()
    speaks_first: bool = False
    gap_ms: int = Field(900, ge=100)
    patience_ms: int = Field(20_000, ge=100)
    after: Literal["hang_up", "stay"] = "hang_up"
    voice: str = "en-us"
    greeting: str = "Hello. Nobody can take your call now. Please leave a message after the tone."
    hang_up_after_ms: int | None = Field(None, ge=0)
    transcribe: bool = True


def read_plan(fields: Mapping[str, object]) -> FarEndPlan:
    """Return the plan that the fields of a command describe.

    Raises:
        CommandError: A field is unknown or has no possible value.
    """
    try:
        return FarEndPlan.model_validate(dict(fields))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CommandError(
            "REHEARSE-01",
            f"The far end cannot be made: {where}: {first['msg']}.",
            "Correct it; docs/rehearsal.md lists the fields.",
        ) from error
