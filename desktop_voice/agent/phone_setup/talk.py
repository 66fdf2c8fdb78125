"""The set-up talk: stands before the brain at the desk, and answers what is about the phone."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

from desktop_voice.agent.intents.phone_setup import Callers, CallersKind, read_host
from desktop_voice.agent.intents.recogniser import IntentMatch
from desktop_voice.agent.phone_setup import commands, questions, telling
from desktop_voice.agent.phone_setup.answers import Answer, read_answer
from desktop_voice.agent.phone_setup.draft import Step
from desktop_voice.agent.phone_setup.guide import TOO_LONG, Guide, GuideState
from desktop_voice.agent.phone_setup.wording import (
    Word,
    is_question,
    read_greeting,
    read_word,
    spoken_list,
)
from desktop_voice.agent.phone_setup.work import Tell, told
from desktop_voice.agent.reply import Did, Problem, ReplyPart, Say
from desktop_voice.core.calls import CarrierName
from desktop_voice.core.clock import Clock
from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.core.phone_settings import InboundSettings, TunnelChoice
from desktop_voice.core.ports import PhoneSetUp
from desktop_voice.core.secret_text import Found, find_secrets

Otherwise = Callable[[], AsyncGenerator[ReplyPart, None]]
"""Begins the reply that would be given if nothing were set up."""

CONFIRM_WITHIN_S = 120.0
"""A yes that comes later is no answer to what was read back."""
IDLE_S = 900.0
"""A set-up that nobody has gone on with for so long is over."""

BAD_NUMBER = (
    "That is no phone number I can use. Say or type it with its country, like +14155550123."
)
UNDONE = "Okay, nothing is changed."
NOT_KEPT = "I hid a key in what you wrote; the phone is not ready yet, so it was not kept."

_COMMANDS = frozenset(
    {"phone.set_up", "phone.use_carrier", "phone.use_tunnel", "phone.callers", "phone.check"}
)
_TUNNEL_DETAILS = re.compile(
    r"[,.]?\s+(?:(?:with|and|using|its|my|the|a|tunnel|cloudflare|ngrok)\s+)*"
    r"(?:(?:auth)?token|host ?name)\b.*$",
    re.IGNORECASE | re.DOTALL,
)
_TUNNEL_TOKEN = "cloudflare_tunnel_token"  # noqa: S105 - a name in the vault
_STOPS = frozenset({"talk.stop", "talk.done"})


class SetUpTalk:
    """What one conversation with the owner says of setting the phone up; on the media loop.

    It sees a turn's words before anybody else does, keeps their keys back, and answers what is
    about the phone. It belongs to the owner's own conversation at this machine: on a phone line
    there is none, and nothing that a model writes comes here.

    Args:
        recognise: Finds the built-in intent behind words.
        has_model: Whether a language model answers what is not understood here.
        clock: The time.
    """

    def __init__(
        self,
        recognise: Callable[[str], IntentMatch | None],
        has_model: Callable[[], bool],
        clock: Clock,
    ) -> None:
        self._recognise = recognise
        self._has_model = has_model
        self._clock = clock
        self._setup: PhoneSetUp | None = None
        self._guide: Guide | None = None
        self._found = Found("")
        self._before: tuple[GuideState, InboundSettings] | None = None
        self._turn: _Turn | None = None
        self._touched_s = clock.monotonic()

    def use(self, setup: PhoneSetUp) -> None:
        """Set up this phone from now on."""
        self._setup = setup
        self._guide = Guide(setup)

    # --- a turn's words ---

    def shown(self, text: str) -> str:
        """Return the words of an utterance that is still open, without keys."""
        return find_secrets(text, self._asked_for).masked_text

    def taken(self, text: str) -> str:
        """Return the words of a turn without keys; they are kept for the answer to it."""
        if self._guide is not None and self._setup is not None:
            self._forget_what_is_old(self._guide)
            self._before = self._guide.state, self._setup.settings.inbound
        self._turn = None
        self._found = find_secrets(text, self._asked_for)
        return self._found.masked_text

    def withdrawn(self) -> None:
        """The turn last taken was none: only the beginning of one, or dropped unanswered.

        What it changed of who may call is put back; keys stay in the vault.
        """
        before, self._before = self._before, None
        if before is None or self._guide is None or self._setup is None:
            return
        state, inbound = before
        if self._turn is not None:
            # A “yes” that turns out to be “yes, but” must not have let anybody in.
            commands.put_back(self._setup, inbound, self._turn.changed(inbound))
        self._guide.state = state

    @property
    def _asked_for(self) -> str | None:
        return self._guide.asked_for if self._guide is not None else None

    # --- the answer ---

    def answer(self, text: str, otherwise: Otherwise) -> AsyncGenerator[ReplyPart, None]:
        """Return the reply to ``text``, which is ``otherwise`` if it is not about the phone.

        Closing the iterator ends all work on it.
        """
        found, self._found = self._found, Found("")
        if found.masked_text != text:
            found = Found(text)
        setup, guide = self._setup, self._guide
        if setup is None or guide is None:
            return told(_not_kept) if found.secrets else otherwise()
        match = self._command(text)
        words = None if guide.state.callers is None else read_word(text)
        is_ours = (
            guide.is_active
            or found.secrets
            or match is not None
            or words in (Word.YES, Word.NO, Word.CANCEL)
            or read_greeting(text)[1] is not None
        )
        if not is_ours:
            # What was read back is not what this is about: a later yes is none to it.
            guide.state = replace(guide.state, callers=None)
            return otherwise()
        turn = _Turn(text, found, match, setup, guide, self._recognise, self._has_model, otherwise)
        self._turn = turn
        return told(turn.answer)

    def _command(self, text: str) -> IntentMatch | None:
        match = self._recognise(text)
        details = None if match is not None else _TUNNEL_DETAILS.search(text)
        if details is not None:
            match = self._recognise(text[: details.start()])
            return match if match is not None and match.name == "phone.use_tunnel" else None
        return match if match is not None and match.name in _COMMANDS else None

    def _forget_what_is_old(self, guide: Guide) -> None:
        now_s = self._clock.monotonic()
        silent_s, self._touched_s = now_s - self._touched_s, now_s
        if silent_s > IDLE_S:
            guide.end()
        elif silent_s > CONFIRM_WITHIN_S:
            guide.state = replace(guide.state, callers=None)


class _Turn:
    """The answer to one turn."""

    def __init__(
        self,
        text: str,
        found: Found,
        match: IntentMatch | None,
        setup: PhoneSetUp,
        guide: Guide,
        recognise: Callable[[str], IntentMatch | None],
        has_model: Callable[[], bool],
        otherwise: Otherwise,
    ) -> None:
        self._text = text
        self._found = found
        self._match = match
        self._setup = setup
        self._guide = guide
        self._recognise = recognise
        self._has_model = has_model
        self._otherwise = otherwise
        self._inbound: InboundSettings | None = None

    def changed(self, inbound: InboundSettings) -> InboundSettings:
        """Return what this turn has made of ``inbound``, or is about to make of it."""
        state = self._guide.state
        if self._inbound is not None or state.step not in (Step.RUN, Step.DONE):
            return self._inbound or inbound
        wish = {"policy": state.draft.policy, "allow_from": state.draft.allow_from}
        return inbound.model_copy(update={k: v for k, v in wish.items() if v is not None})

    async def answer(self, tell: Tell) -> None:
        """Tell the reply."""
        if self._found.secrets and not await self._keep(tell):
            return
        answer = read_answer(
            self._text,
            self._guide.state.step,
            self._setup.settings.limits.home_region,
            self._guide.state.choices or (),
            is_command=self._match is not None,
        )
        if self._guide.state.callers is not None and await self._settle(tell):
            return
        if self._match is not None and self._match.name == "phone.check":
            await commands.check(tell, self._setup)
            self._ask_again(tell)
        elif self._guide.is_active:
            await self._guided(tell, answer)
        else:
            await self._single(tell, answer)

    # --- keys ---

    async def _keep(self, tell: Tell) -> bool:
        """Put the keys into the vault; tell whether there is more to answer."""
        names = [name for name, _value in self._found.secrets]
        try:
            for name, value in self._found.secrets:
                await self._setup.keep_secret(name, value)
        except DesktopVoiceError as error:
            tell(Say(f"I could not keep the key. {error.what} {error.do}"))
            tell(Problem(error))
            return False
        tell(Did("phone.key"))
        labels = spoken_list([f"the {questions.label_of(name)}" for name in names])
        tell(Say(f"I put {labels} into the vault. "))
        carriers = {name.partition("_")[0] for name in names} & set(CarrierName)
        if self._guide.state.step in (None, Step.DONE) and len(carriers) == 1:
            (carrier,) = carriers
            # A key of the carrier in use is only another key, unless a number comes with it.
            if carrier != self._setup.settings.phone.carrier or self._says_own_number():
                self._guide.begin(CarrierName(carrier))
        if self._guide.is_active:
            for name in names:
                self._guide.take_key(name)
        return True

    def _says_own_number(self) -> bool:
        region = self._setup.settings.limits.home_region
        return bool(read_answer(self._text, None, region).number)

    # --- who may call ---

    async def _settle(self, tell: Tell) -> bool:
        """Take a yes or a no to what was read back; tell whether it was one."""
        guide = self._guide
        callers, word = guide.state.callers, read_word(self._text)
        if callers is None or word not in (Word.YES, Word.NO):
            if callers is not None and not guide.is_active:
                guide.state = replace(guide.state, callers=None)
                if word is Word.CANCEL:
                    tell(Say(UNDONE))
                    return True
            return False
        is_right = word is Word.YES
        if guide.is_active:
            guide.settle_callers(is_right=is_right)
            await guide.go_on(tell)
            return True
        guide.state = replace(guide.state, callers=None)
        if is_right:
            self._let_call(tell, callers)
        else:
            tell(Say(UNDONE))
        return True

    def _let_call(self, tell: Tell, callers: Callers) -> None:
        commands.let_call(tell, self._setup, callers)
        self._inbound = self._setup.settings.inbound

    # --- outside of a guided set-up ---

    async def _single(self, tell: Tell, answer: Answer) -> None:
        guide, setup, match = self._guide, self._setup, self._match
        if answer.greeting is not None:
            commands.set_greeting(tell, setup, answer.greeting)
        elif answer.is_bad_number:
            tell(Say(BAD_NUMBER))
        elif match is None:
            self._take_tunnel(tell)
        elif match.name in ("phone.set_up", "phone.use_carrier"):
            guide.begin(match.slots.get("carrier"))
            guide.take(answer)
            await guide.go_on(tell)
        elif match.name == "phone.use_tunnel":
            commands.use_tunnel(tell, setup, answer, has_token=self._has_tunnel_token)
        elif answer.callers is not None and answer.callers.kind is CallersKind.NOBODY:
            self._let_call(tell, answer.callers)
        elif answer.callers is not None:
            # Whoever more may call, or whose number it is, is read back first.
            guide.state = replace(guide.state, callers=answer.callers)
            tell(Say(telling.confirmation(answer.callers)))
        else:
            tell(Say(BAD_NUMBER))

    @property
    def _has_tunnel_token(self) -> bool:
        return any(name == _TUNNEL_TOKEN for name, _value in self._found.secrets)

    def _take_tunnel(self, tell: Tell) -> None:
        """A tunnel's token came alone or with its host name: another token, or another way in."""
        hostname = read_host(self._text)
        is_named = bool(self._setup.settings.tunnel.cloudflare_hostname)
        if self._has_tunnel_token and (hostname or not is_named):
            answer = Answer(tunnel=TunnelChoice.CLOUDFLARED, hostname=hostname)
            commands.use_tunnel(tell, self._setup, answer, has_token=True)

    # --- inside ---

    async def _guided(self, tell: Tell, answer: Answer) -> None:
        guide = self._guide
        step = guide.state.step
        word = read_word(self._text)
        if step is Step.DONE:
            await self._after(tell, word, answer)
        elif word is not None and self._match is None:
            await guide.steer(tell, word)
        elif answer.is_bad_number:
            tell(Say(BAD_NUMBER))
        elif answer.greeting is not None and not guide.fits(answer.greeting):
            tell(Say(TOO_LONG))
        elif answer.says_something or self._found.secrets or self._match is not None:
            guide.take(answer)
            if answer.greeting:
                tell(Say(f"Callers will hear: {answer.greeting} "))
            await guide.go_on(tell)
        elif self._found.unread_chars:
            tell(Say(self._unread()))
        elif step is Step.GREETING and self._is_greeting():
            await self._guided(tell, Answer(greeting=self._text.strip()))
        else:
            await self._something_else(tell)

    async def _after(self, tell: Tell, word: Word | None, answer: Answer) -> None:
        """The number works: rehearse it, or leave the set-up."""
        guide = self._guide
        if word is Word.REHEARSE:
            await guide.run(tell, rehearses=True)
            return
        guide.end()
        if self._match is not None or answer.greeting is not None:
            await self._single(tell, answer)
        elif not self._found.secrets:
            await self._pass_on(tell)

    async def _something_else(self, tell: Tell) -> None:
        """Answer as usual what is not about the phone; ask again what was not understood."""
        match = self._recognise(self._text)
        if match is not None and match.name in _STOPS:
            await self._guide.steer(tell, Word.CANCEL)
            return
        if match is None and not (self._has_model() and is_question(self._text)):
            tell(Say(self._guide.misunderstood()))
            return
        await self._pass_on(tell)
        self._ask_again(tell)

    async def _pass_on(self, tell: Tell) -> None:
        async with aclosing(self._otherwise()) as parts:
            async for part in parts:
                tell(part)

    def _ask_again(self, tell: Tell) -> None:
        if self._guide.is_active and self._guide.question:
            tell(Say(f" Back to your phone: {self._guide.question}"))

    def _is_greeting(self) -> bool:
        match = self._recognise(self._text)
        return match is None or match.name == "chat.hello"

    def _unread(self) -> str:
        guide = self._guide
        shape = questions.KEYS.get(guide.state.key)
        if guide.state.step is not Step.KEY or shape is None:
            return f"I hid what looks like a key, but I do not know which. {guide.question}"
        count = self._found.unread_chars
        return (
            f"That is not the {shape.label}: I got {count} characters. {shape.shape} "
            "Please paste it into the box."
        )


async def _not_kept(tell: Tell) -> None:
    tell(Say(NOT_KEPT))
