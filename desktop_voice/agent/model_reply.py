"""A reply by language models, with patience and tools: a filler, a fallback, an apology."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from itertools import cycle
from types import TracebackType

from desktop_voice.agent import model_errors
from desktop_voice.agent.model import ChatMessage, LanguageModel, ToolCall, ToolSpec
from desktop_voice.agent.reply import Did, Filler, Problem, ReplyPart, Say
from desktop_voice.agent.tools import Tool, ToolBox, ToolResult
from desktop_voice.core.errors import ModelError

FILLER = "One moment."
APOLOGY = "Sorry, I can't get an answer from the language model right now."
BROKEN_OFF = " Sorry, I lost the rest of that."
TOOL_FILLERS = ("Let me check.", "That takes a moment.")
TOOL_FILLER_S = 0.8
MAX_TOOL_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Delays:
    """How long a silent model is waited for, in seconds since the question."""

    filler_s: float
    fallback_s: float
    apology_s: float


async def model_reply(
    models: Sequence[LanguageModel],
    messages: Sequence[ChatMessage],
    delays: Delays,
    tools: Sequence[Tool] = (),
) -> AsyncGenerator[ReplyPart, None]:
    """Yield the reply of the first of ``models`` that answers in time.

    Once a model has begun, it is stayed with; if it then breaks off, or is silent for as long as
    a fallback is waited for, the reply ends with a word of regret. A model that refused is told
    of even if a fallback answered; one that was only slow is not. Closing the iterator closes
    the model's connection and cancels what tools still do.

    A model that calls tools is told what became of it and asked again, at most
    ``MAX_TOOL_ROUNDS`` times; then it has to answer in words.

    Args:
        models: The model and its fallbacks, at least one.
        messages: What they are asked.
        delays: How long they are waited for.
        tools: What they may have done.
    """
    toolbox = ToolBox(tools)
    started = asyncio.get_running_loop().time()
    filler_due = True
    problem: ModelError | None = None
    refusal: ModelError | None = None
    for model in models:
        patience_s = delays.apology_s if model is models[-1] else delays.fallback_s
        give_up = started + min(patience_s, delays.apology_s)
        async with _Answer(model, messages, toolbox.specs) as answer:
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
            rest = _Rest(answer, messages, delays.fallback_s, toolbox)
            async with aclosing(rest.parts(piece)) as parts:
                async for part in parts:
                    yield part
            if rest.has_failed:
                return
        if refusal is not None:
            yield Problem(refusal)
        return
    yield Say(APOLOGY)
    if problem is not None:
        yield Problem(problem)


class _Rest:
    """What follows a model's first piece: the rest of its words, and rounds of tools."""

    def __init__(
        self,
        answer: _Answer,
        messages: Sequence[ChatMessage],
        patience_s: float,
        toolbox: ToolBox,
    ) -> None:
        self._answer = answer
        self._messages = list(messages)
        self._patience_s = patience_s
        self._toolbox = toolbox
        self._fillers = cycle(TOOL_FILLERS)
        self._results: list[ToolResult] = []
        self._said = False
        self.has_failed = False

    async def parts(self, piece: str | ToolCall | None) -> AsyncGenerator[ReplyPart, None]:
        """Yield the reply from ``piece`` on."""
        try:
            for rounds_left in reversed(range(MAX_TOOL_ROUNDS + 1)):
                words: list[str] = []
                calls: list[ToolCall] = []
                while piece is not None:
                    if isinstance(piece, ToolCall):
                        calls.append(piece)
                    elif piece:
                        yield Say(self._joined(piece, is_first=not words))
                        words.append(piece)
                    piece = await self._answer.take_within(self._patience_s)
                self._said = self._said or bool(words)
                if not calls or not rounds_left:
                    break
                async with aclosing(self._run(calls)) as done:
                    async for part in done:
                        yield part
                self._messages.append(ChatMessage("assistant", "".join(words), tuple(calls)))
                self._messages += [
                    ChatMessage("tool", result.text, call_id=call.id)
                    for call, result in zip(calls, self._results, strict=True)
                ]
                specs = self._toolbox.specs if rounds_left > 1 else ()
                await self._answer.ask(self._messages, specs)
                piece = await self._answer.take_within(self._patience_s)
        except ModelError as error:
            self.has_failed = True
            yield Say(BROKEN_OFF if self._said or words else APOLOGY)
            yield Problem(error)
            return
        if not self._said:
            yield Say(APOLOGY)

    def _joined(self, piece: str, *, is_first: bool) -> str:
        """Keep the words of two rounds apart."""
        return f" {piece}" if is_first and self._said and not piece[0].isspace() else piece

    async def _run(self, calls: Sequence[ToolCall]) -> AsyncGenerator[ReplyPart, None]:
        """Run the tools; tell which ran, and bridge the time if they are slow."""
        running = asyncio.create_task(self._toolbox.run(calls))
        try:
            await asyncio.wait({running}, timeout=TOOL_FILLER_S)
            if not running.done():
                yield Filler(next(self._fillers))
            self._results = await running
        finally:
            running.cancel()
            await asyncio.wait({running})
        for result in self._results:
            if result.tool:
                yield Did(result.tool)


class _Answer:
    """One model's stream, of which the next piece can be waited for without giving it up."""

    def __init__(
        self, model: LanguageModel, messages: Sequence[ChatMessage], tools: Sequence[ToolSpec]
    ) -> None:
        self._model = model
        self._begin(messages, tools)

    def _begin(self, messages: Sequence[ChatMessage], tools: Sequence[ToolSpec]) -> None:
        # A model that knows of no tools need not know the word.
        self._stream: AsyncIterator[str | ToolCall] = (
            self._model.stream(messages, tools) if tools else self._model.stream(messages)
        )
        self._next = asyncio.create_task(self._fetch())

    async def ask(self, messages: Sequence[ChatMessage], tools: Sequence[ToolSpec]) -> None:
        """Give up the stream, if it is not over, and ask the same model again."""
        await self._stop()
        self._begin(messages, tools)

    async def __aenter__(self) -> _Answer:
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self._stop()

    async def _stop(self) -> None:
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

    async def take(self) -> str | ToolCall | None:
        """Return the next piece, or None at the end.

        Raises:
            ModelError: The model failed.
        """
        piece = await self._next
        if piece is not None:
            self._next = asyncio.create_task(self._fetch())
        return piece

    async def take_within(self, seconds: float) -> str | ToolCall | None:
        """Return the next piece, or None at the end.

        Raises:
            ModelError: The model failed, or was silent for so many seconds.
        """
        if not await self.is_ready(until=asyncio.get_running_loop().time() + seconds):
            raise model_errors.stalled(self._model.name)
        return await self.take()

    async def _fetch(self) -> str | ToolCall | None:
        return await anext(self._stream, None)
