"""A reply by language models, with patience: a filler, a fallback, an apology."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

from desktop_voice.agent import model_errors
from desktop_voice.agent.model import ChatMessage, LanguageModel
from desktop_voice.agent.reply import Filler, Problem, ReplyPart, Say
from desktop_voice.core.errors import ModelError

FILLER = "One moment."
APOLOGY = "Sorry, I can't get an answer from the language model right now."
BROKEN_OFF = " Sorry, I lost the rest of that."


@dataclass(frozen=True, slots=True)
class Delays:
    """How long a silent model is waited for, in seconds since the question."""

    filler_s: float
    fallback_s: float
    apology_s: float


async def model_reply(
    models: Sequence[LanguageModel], messages: Sequence[ChatMessage], delays: Delays
) -> AsyncGenerator[ReplyPart, None]:
    """Yield the reply of the first of ``models`` that answers in time.

    Once a model has begun, it is stayed with; if it then breaks off, or is silent for as long as
    a fallback is waited for, the reply ends with a word of regret. A model that refused is told
    of even if a fallback answered; one that was only slow is not. Closing the iterator closes
    the model's connection.

    Args:
        models: The model and its fallbacks, at least one.
        messages: What they are asked.
        delays: How long they are waited for.
    """
    started = asyncio.get_running_loop().time()
    filler_due = True
    problem: ModelError | None = None
    refusal: ModelError | None = None
    for model in models:
        patience_s = delays.apology_s if model is models[-1] else delays.fallback_s
        give_up = started + min(patience_s, delays.apology_s)
        async with _Answer(model, messages) as answer:
            if filler_due and not await answer.is_ready(
                until=min(started + delays.filler_s, give_up)
            ):
                filler_due = False
                yield Filler(FILLER)
            if not await answer.is_ready(until=give_up):
                problem = problem or model_errors.stalled(model.name)
                continue
            try:
                piece = await answer.take()
            except ModelError as error:
                problem = problem or error
                refusal = refusal or error
                continue
            while piece is not None:
                yield Say(piece)
                try:
                    piece = await answer.take_within(delays.fallback_s)
                except ModelError as error:
                    yield Say(BROKEN_OFF)
                    yield Problem(error)
                    return
        if refusal is not None:
            yield Problem(refusal)
        return
    yield Say(APOLOGY)
    if problem is not None:
        yield Problem(problem)


class _Answer:
    """One model's stream, of which the next piece can be waited for without giving it up."""

    def __init__(self, model: LanguageModel, messages: Sequence[ChatMessage]) -> None:
        self._model = model
        self._stream: AsyncIterator[str] = model.stream(messages)
        self._next = asyncio.create_task(self._fetch())

    async def __aenter__(self) -> _Answer:
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._next.cancel()
        with suppress(asyncio.CancelledError, ModelError):
            await self._next
        if isinstance(self._stream, AsyncGenerator):
            await self._stream.aclose()

    async def is_ready(self, *, until: float) -> bool:
        """Wait for the next piece until a time of the loop's clock; tell whether it is there."""
        timeout = until - asyncio.get_running_loop().time()
        await asyncio.wait({self._next}, timeout=max(0.0, timeout))
        return self._next.done()

    async def take(self) -> str | None:
        """Return the next piece, or None at the end.

        Raises:
            ModelError: The model failed.
        """
        piece = await self._next
        if piece is not None:
            self._next = asyncio.create_task(self._fetch())
        return piece

    async def take_within(self, seconds: float) -> str | None:
        """Return the next piece, or None at the end.

        Raises:
            ModelError: The model failed, or was silent for so many seconds.
        """
        if not await self.is_ready(until=asyncio.get_running_loop().time() + seconds):
            raise model_errors.stalled(self._model.name)
        return await self.take()

    async def _fetch(self) -> str | None:
        return await anext(self._stream, None)
