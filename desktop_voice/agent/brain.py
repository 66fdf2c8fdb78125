"""The brain: built-in intents first, then the language model."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from desktop_voice.agent.alarms import Alarms
from desktop_voice.agent.history import History
from desktop_voice.agent.intents import units
from desktop_voice.agent.intents.desk import Desk, Handler
from desktop_voice.agent.intents.handlers import HANDLERS
from desktop_voice.agent.intents.numbers import say_number
from desktop_voice.agent.intents.on_calls import on_calls
from desktop_voice.agent.intents.recogniser import IntentMatch, Recogniser
from desktop_voice.agent.manner import DESK, Answerer, Manner, Trust
from desktop_voice.agent.model import ChatMessage, LanguageModel
from desktop_voice.agent.model_reply import Delays, model_reply
from desktop_voice.agent.openai_chat import OpenAIChatModel
from desktop_voice.agent.prompts import system_prompt
from desktop_voice.agent.reply import Did, ReplyPart, Say
from desktop_voice.core.clock import Clock
from desktop_voice.core.settings import ModelSettings

NO_MODEL = (
    "No language model is set up, so I only know the basics; "
    "you can add one in Settings, under Language model."
)
NO_MODEL_ON_CALLS = "Sorry, I can only tell the time, do sums and convert units on this line."

KeySource = Callable[[str], str]
"""Returns the API key that an environment variable stands for, or an empty string.

It is called in a worker thread and may block."""

ModelFactory = Callable[[str, str, Callable[[], str]], LanguageModel]
"""Makes a language model from a base URL, a model's name and what fetches the API key."""


class Brain:
    """Answers what is said, for any number of conversations at once.

    All methods belong to one event loop, except :meth:`recognise`, which any thread may call.

    Args:
        settings: Which language models to ask, and how long to wait for them.
        clock: The time.
        alarms: Where timers and alarms are set.
        key_source: Where the servers' keys come from.
        model_factory: Makes a language model from base URL, name and key.
    """

    def __init__(
        self,
        settings: ModelSettings,
        *,
        clock: Clock,
        alarms: Alarms,
        key_source: KeySource = lambda variable: os.environ.get(variable, ""),
        model_factory: ModelFactory = OpenAIChatModel,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._alarms = alarms
        self._key_source = key_source
        self._model_factory = model_factory
        self._models = self._make_models()
        self._retired: list[LanguageModel] = []
        self._answering = 0
        self._recogniser: Recogniser | None = None

    @property
    def has_model(self) -> bool:
        """Whether a language model is set up."""
        return bool(self._models)

    async def warm_up(self) -> None:
        """Load everything the first answer would wait for, about two seconds, off the loop."""
        await asyncio.to_thread(self._load)
        for model in self._models:
            await model.warm_up()

    async def ready(self) -> None:
        """Return once :meth:`recognise` takes no time to speak of."""
        if self._recogniser is None:
            await asyncio.to_thread(self._load)

    def recognise(self, text: str) -> IntentMatch | None:
        """Return the built-in intent behind ``text``, if there is one.

        Takes about a millisecond once :meth:`warm_up` is done; may be called from any thread.
        """
        return self._ready_recogniser().recognise(text)

    def as_answerer(self, manner: Manner) -> Answerer:
        """Return what answers one conversation in ``manner``."""
        return _InManner(self, manner)

    async def answer(
        self, text: str, history: History, manner: Manner = DESK
    ) -> AsyncGenerator[ReplyPart, None]:
        """Yield the reply to ``text``; closing the iterator ends all work on it.

        A built-in intent costs the model nothing; one that is not for whom ``manner`` trusts so
        little is left to the model, which can do nothing of the kind. The history is read, never
        written; whether ``text`` is its last turn already makes no difference.
        """
        await self.ready()
        match = self.recognise(text)
        handler = _handlers(manner).get(match.name) if match is not None else None
        if match is not None and match.name in manner.refused:
            yield Say(manner.refused[match.name])
        elif match is not None and handler is not None:
            yield Did(match.name)
            for part in handler(match.slots, Desk(self._clock, self._alarms, history)):
                yield part
        elif not self._models:
            yield Say(NO_MODEL if manner.prompt == "desk" else NO_MODEL_ON_CALLS)
        elif text.strip():
            self._answering += 1
            try:
                async with aclosing(self._ask_models(text.strip(), history, manner)) as parts:
                    async for part in parts:
                        yield part
            finally:
                self._answering -= 1
                await self._close_retired()

    def apply(self, settings: ModelSettings) -> None:
        """Use ``settings`` from the next question on; replies under way are not disturbed."""
        self._retired.extend(self._models)
        self._settings = settings
        self._models = self._make_models()

    async def close(self) -> None:
        """Give back all connections."""
        self._retired.extend(self._models)
        self._models = ()
        self._answering = 0
        await self._close_retired()

    def _ask_models(
        self, text: str, history: History, manner: Manner
    ) -> AsyncGenerator[ReplyPart, None]:
        settings = self._settings
        prompt = system_prompt(self._clock.now(), settings.instructions, manner)
        messages = [ChatMessage("system", prompt), *history.messages()]
        if messages[-1].role != "user":
            messages.append(ChatMessage("user", text))
        elif not messages[-1].content.endswith(text):
            messages[-1] = ChatMessage("user", f"{messages[-1].content}\n{text}")
        delays = Delays(
            settings.filler_after_s, settings.fallback_after_s, settings.apology_after_s
        )
        return model_reply(self._models, messages, delays, manner.tools)

    def _make_models(self) -> tuple[LanguageModel, ...]:
        settings = self._settings
        configured = (
            (settings.base_url, settings.model, settings.api_key_env),
            (
                settings.fallback_base_url,
                settings.fallback_model,
                settings.fallback_api_key_env,
            ),
        )
        return tuple(
            self._model_factory(base_url, model, partial(self._key, key_name))
            for base_url, model, key_name in configured
            if base_url and model
        )

    def _key(self, variable: str) -> str:
        return self._key_source(variable) if variable else ""

    async def _close_retired(self) -> None:
        while self._retired and not self._answering:
            await self._retired.pop().close()

    def _ready_recogniser(self) -> Recogniser:
        if self._recogniser is None:
            self._recogniser = Recogniser()
        return self._recogniser

    def _load(self) -> None:
        self._ready_recogniser().warm_up()
        say_number(0)
        units.registry()


@dataclass(frozen=True, slots=True)
class _InManner:
    """The brain, bound to one conversation's manner."""

    brain: Brain
    manner: Manner

    def answer(self, text: str, history: History) -> AsyncGenerator[ReplyPart, None]:
        return self.brain.answer(text, history, self.manner)


def _handlers(manner: Manner) -> Mapping[str, Handler]:
    is_owner = manner.trust is Trust.OWNER
    return HANDLERS if manner.prompt == "desk" and is_owner else on_calls(is_owner=is_owner)
