"""A language model behind any OpenAI-compatible endpoint."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from desktop_voice.agent import model_errors
from desktop_voice.agent.model import ChatMessage, ToolCall, ToolSpec
from desktop_voice.agent.thinking import ThinkFilter
from desktop_voice.agent.tool_call_parts import ToolCallParts
from desktop_voice.agent.tools import read_arguments

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream
    from openai.types.chat import ChatCompletionChunk, ChatCompletionFunctionToolParam

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 120.0
DRAIN_TIMEOUT_S = 0.5
_NO_NAME = re.compile(r"[^A-Za-z0-9_-]")
_TOOLS_REFUSED = frozenset({400, 404, 422, 501})


class OpenAIChatModel:
    """Streams chat completions from ``base_url``; all methods belong to one event loop.

    Args:
        base_url: The endpoint, such as ``http://127.0.0.1:11434/v1``.
        model: The model's name as the server lists it.
        api_key: The key, an empty string, or what fetches it, in a worker thread before every
            request, since a vault may be opened meanwhile. It is not sent in the clear beyond this
            machine: only over https or to a loopback address.
    """

    def __init__(self, base_url: str, model: str, api_key: str | Callable[[], str] = "") -> None:
        self._base_url = base_url
        self._model = model
        self._is_loopback = _is_loopback(base_url)
        may_send = self._is_loopback or base_url.startswith("https://")
        self._api_key = api_key if may_send else ""
        self._client: AsyncOpenAI | None = None
        self._takes_tools = True

    @property
    def name(self) -> str:
        """The model's name, for people."""
        return self._model

    async def warm_up(self) -> None:
        """Import the client library (about a second, on a worker thread) and make the client."""
        await self._ready_client()

    async def stream(
        self, messages: Sequence[ChatMessage], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[str | ToolCall, None]:
        """Yield the answer's text in pieces, then the tools that the model wants run.

        An empty piece only tells that a call is being written. Closing the iterator closes the
        connection. A server that refuses tools is asked again without, and not bothered with them
        any more.

        Raises:
            ModelError: The model refused, answered rubbish, nothing at all, or died half-way.
        """
        thoughts = ThinkFilter()
        calls = ToolCallParts()
        understood = answered = False
        try:
            client = await self._ready_client()
            async with await self._ask(client, messages, tools) as chunks:
                async for chunk in chunks:
                    choice = _first_choice(chunk)
                    understood = understood or choice is not None
                    if calls.feed(getattr(getattr(choice, "delta", None), "tool_calls", None)):
                        yield ""
                    text = thoughts.feed(_content(choice))
                    if text and (answered or not text.isspace()):
                        answered = True
                        yield text
                    if getattr(choice, "finish_reason", None):
                        await _drain(chunks)
                        break
            # A refusal, a broken stream or bytes that are no JSON: whatever it was, the person
            # is told, and GeneratorExit and CancelledError are no Exception.
        except Exception as error:
            raise model_errors.explain(
                error, self._base_url, self._model, answered=answered
            ) from error
        if rest := thoughts.finish():
            answered = True
            yield rest
        for call in calls.finish():
            answered = True
            yield call
        if not understood:
            raise model_errors.rubbish(self._base_url)
        if not answered:
            raise model_errors.empty(self._base_url, self._model)

    async def close(self) -> None:
        """Give back all connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _ask(
        self, client: AsyncOpenAI, messages: Sequence[ChatMessage], tools: Sequence[ToolSpec]
    ) -> AsyncStream[ChatCompletionChunk]:
        import openai

        request: list[Any] = [_message(message) for message in messages]
        if tools and self._takes_tools:
            try:
                return await client.chat.completions.create(
                    model=self._model,
                    messages=request,
                    stream=True,
                    tools=[_function(tool) for tool in tools],
                )
            except openai.APIStatusError as error:
                if error.status_code not in _TOOLS_REFUSED:
                    raise
                # A question that is refused for another reason is refused again below.
                self._takes_tools = "tool" not in str(error).casefold()
        return await client.chat.completions.create(
            model=self._model, messages=request, stream=True
        )

    async def _ready_client(self) -> AsyncOpenAI:
        if self._client is None:
            client = await asyncio.to_thread(self._make_client)
            self._client = self._client or client
        return self._client

    def _make_client(self) -> AsyncOpenAI:
        import openai

        timeout = openai.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        return openai.AsyncOpenAI(
            base_url=self._base_url,
            api_key=self._fetch_key,
            max_retries=0,
            timeout=timeout,
            http_client=openai.DefaultAsyncHttpxClient(
                timeout=timeout,
                # A proxy named in the environment cannot reach a server on this machine.
                trust_env=not self._is_loopback,
            ),
        )

    async def _fetch_key(self) -> str:
        key = self._api_key
        return (await asyncio.to_thread(key) if callable(key) else key) or "none"


async def _drain(chunks: AsyncIterator[object]) -> None:
    """Read to the end of a finished answer, so that its connection can be used again."""
    with suppress(Exception):
        async with asyncio.timeout(DRAIN_TIMEOUT_S):
            async for _ in chunks:
                pass


def _first_choice(chunk: object) -> object | None:
    """Return the first choice of a chunk; servers send what they like, so nothing is trusted."""
    choices = getattr(chunk, "choices", None)
    return choices[0] if isinstance(choices, list) and choices else None


def _content(choice: object | None) -> str:
    """Return a choice's spoken words; ``reasoning_content`` stands beside them and is left."""
    content = getattr(getattr(choice, "delta", None), "content", None)
    return content if isinstance(content, str) else ""


def _message(message: ChatMessage) -> dict[str, Any]:
    """Return a message as the protocol has it."""
    written: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.role == "tool":
        written["tool_call_id"] = message.call_id
    if message.calls:
        written["content"] = message.content or None
        written["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                # Servers that read the arguments break on what is no object.
                "function": {
                    "name": _NO_NAME.sub("_", call.name)[:64],
                    "arguments": json.dumps(read_arguments(call.arguments) or {}),
                },
            }
            for call in message.calls
        ]
    return written


def _function(tool: ToolSpec) -> ChatCompletionFunctionToolParam:
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": dict(tool.parameters),
        },
    }


def _is_loopback(base_url: str) -> bool:
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
