"""The guide: asks for what is missing, one question at a time, and then has the phone set up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pydantic import ValidationError

from desktop_voice.agent.intents.phone_setup import Callers, CallersKind
from desktop_voice.agent.phone_setup import questions, telling
from desktop_voice.agent.phone_setup.answers import Answer
from desktop_voice.agent.phone_setup.draft import Draft, Step, next_key, next_step
from desktop_voice.agent.phone_setup.wording import Word, spoken_number
from desktop_voice.agent.phone_setup.work import Tell, patiently
from desktop_voice.agent.reply import Did, Problem, Say
from desktop_voice.core.calls import CarrierName
from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.core.phone_settings import CarrierChoice, InboundPolicy, TunnelChoice
from desktop_voice.core.ports import PhoneSetUp
from desktop_voice.core.reach import Fix, NumberChoice, Reach, ReachState
from desktop_voice.core.settings import SettingChange

STOPPED = (
    "Okay, I stopped setting up the phone. Say “set up phone calls” to go on; the keys are kept."
)
TOO_LONG = "That greeting is too long. Please say a shorter one."
_MAX_PAST = 20
_LOGIN_KEY = {
    CarrierName.TWILIO: "twilio_auth_token",
    CarrierName.TELNYX: "telnyx_api_key",
    CarrierName.PLIVO: "plivo_auth_token",
}


@dataclass(frozen=True, slots=True)
class GuideState:
    """Where the guide stands.

    Attributes:
        draft: What was said so far.
        step: What was asked; None: no set-up is going on.
        key: The vault's name of the key that was asked for.
        choices: The numbers of the account; None: not known.
        callers: Who may call, as it waits for a yes.
        past: The drafts before each answer, the last one last.
        misunderstood: How many answers in a row were not understood.
    """

    draft: Draft = field(default_factory=Draft)
    step: Step | None = None
    key: str = ""
    choices: tuple[NumberChoice, ...] | None = None
    callers: Callers | None = None
    past: tuple[Draft, ...] = ()
    misunderstood: int = 0


class Guide:
    """Leads through one set-up; used on the media loop.

    Its coroutines tell the reply to one turn. Cancelled, :attr:`state` still says where to go on.
    """

    def __init__(self, setup: PhoneSetUp) -> None:
        self._setup = setup
        self.state = GuideState()

    @property
    def is_active(self) -> bool:
        """Whether a set-up is going on."""
        return self.state.step is not None

    @property
    def asked_for(self) -> str | None:
        """The vault's name of the key that the next turn may well be."""
        state = self.state
        match state.step:
            case Step.KEY:
                return state.key
            case Step.TUNNEL_DETAIL if state.draft.tunnel is TunnelChoice.NGROK:
                return "ngrok_authtoken"
            case Step.RUN if state.draft.carrier is not None:
                return _LOGIN_KEY[state.draft.carrier]
            case Step.NUMBER if state.draft.carrier is not None and not state.choices:
                return _LOGIN_KEY[state.draft.carrier]
        return None

    @property
    def question(self) -> str:
        """What was asked last."""
        state = self.state
        if state.callers is not None:
            return telling.confirmation(state.callers)
        if state.step is None:
            return ""
        return questions.question(state.step, state.draft, state.key, state.choices)

    def begin(self, carrier: CarrierName | None = None) -> None:
        """Start with ``carrier``, or else with the one in the settings, if there is one."""
        chosen = self._setup.settings.phone.carrier
        if carrier is None and chosen is not CarrierChoice.NONE:
            carrier = CarrierName(chosen.value)
        self.state = GuideState(Draft(carrier), Step.CARRIER, past=(Draft(),))

    def end(self) -> None:
        """Forget the set-up; what is in the vault stays there."""
        self.state = GuideState()

    # --- what the user says ---

    def take_key(self, name: str) -> None:
        """Note that a key was put into the vault."""
        if name in ("ngrok_authtoken", "cloudflare_tunnel_token"):
            is_ngrok = name == "ngrok_authtoken"
            tunnel = TunnelChoice.NGROK if is_ngrok else TunnelChoice.CLOUDFLARED
            draft = replace(self.state.draft, tunnel=tunnel, has_tunnel_token=True)
            self._to(draft, Step.TUNNEL)

    def take(self, answer: Answer) -> None:
        """Put what was said into the draft."""
        if answer.carrier is not None and answer.carrier is not self.state.draft.carrier:
            self._to(
                replace(
                    self.state.draft, carrier=answer.carrier, number="", skipped_keys=frozenset()
                )
            )
            done = self.state.draft.done - {Step.NUMBER}
            self.state = replace(
                self.state, draft=replace(self.state.draft, done=done), choices=None
            )
        if answer.number:
            self._to(replace(self.state.draft, number=answer.number))
        if answer.tunnel is not None:
            draft = replace(self.state.draft, tunnel=answer.tunnel, public_url=answer.public_url)
            self._to(draft, Step.TUNNEL)
        elif answer.public_url and self.state.draft.tunnel is TunnelChoice.NONE:
            self._to(replace(self.state.draft, public_url=answer.public_url), Step.TUNNEL_DETAIL)
        if answer.hostname and self.state.draft.tunnel is TunnelChoice.CLOUDFLARED:
            self._to(replace(self.state.draft, hostname=answer.hostname), Step.TUNNEL_DETAIL)
        if answer.greeting:
            self._to(replace(self.state.draft, greeting=answer.greeting), Step.GREETING)
        match answer.callers:
            case Callers(CallersKind.NOBODY):
                self._to(replace(self.state.draft, policy=InboundPolicy.DISABLED), Step.POLICY)
            case Callers(CallersKind.CODE):
                self._to(replace(self.state.draft, policy=InboundPolicy.PAIRING), Step.POLICY)
            case Callers() as callers:
                self.state = replace(self.state, callers=callers)
            case None:
                pass

    def settle_callers(self, *, is_right: bool) -> None:
        """Take the owner's yes or no to what was read back."""
        callers = self.state.callers
        self.state = replace(self.state, callers=None)
        if callers is None or not is_right:
            return
        inbound = self._setup.settings.inbound
        policy, allow_from = callers_as_settings(callers, inbound.policy, inbound.allow_from)
        draft = replace(self.state.draft, policy=policy, allow_from=allow_from)
        self._to(draft, Step.POLICY)

    def fits(self, greeting: str) -> bool:
        """Return whether a greeting is within the settings' limits."""
        try:
            self._setup.settings.with_value("phone", "greeting", greeting)
        except ValidationError:
            return False
        return True

    async def steer(self, tell: Tell, word: Word) -> None:
        """Answer a word that steers; what it does not fit is asked again."""
        state, step = self.state, self.state.step
        match word, step:
            case (Word.CANCEL, _) | (Word.NO, Step.RUN):
                self.end()
                tell(Say(STOPPED))
                return
            case Word.MISSING, _:
                keys = self._missing()
                tell(Say(f"{telling.still_missing(state.draft, keys)} {self.question}"))
                return
            case Word.BACK, _:
                self._back()
            case Word.SKIP, _ if state.callers is not None:
                self.state = replace(state, callers=None)
            case (Word.SKIP, _) | (Word.NO, Step.GREETING):
                self._skip()
            case Word.YES, Step.TUNNEL:
                self.take(Answer(tunnel=TunnelChoice.CLOUDFLARED))
            case Word.YES, Step.POLICY:
                self.take(Answer(callers=Callers(CallersKind.CODE)))
            case (Word.AGAIN, Step.RUN | Step.NUMBER) | (Word.YES, Step.RUN):
                pass
            case _:
                tell(Say(self.question))
                return
        await self.go_on(tell)

    def misunderstood(self) -> str:
        """Return what is said of an answer that was not understood."""
        state = self.state
        again = self.question
        self.state = replace(state, misunderstood=state.misunderstood + 1)
        if state.misunderstood or state.step is None:
            return f"I still did not understand. {questions.WINDOW} {again}"
        if state.callers is not None:
            return f"Please say yes or no. {again}"
        hint = questions.example(state.step, state.draft, state.key)
        return f"Sorry, I did not understand that. {hint} {again}".replace("  ", " ")

    # --- what comes next ---

    async def go_on(self, tell: Tell) -> None:
        """Ask the next question, or set the phone up if there is none."""
        self.state = replace(self.state, misunderstood=0)
        if self.state.callers is not None:
            tell(Say(self.question))
            return
        missing = self._missing()
        step, before = next_step(self.state.draft, missing), self.state.step
        key = next_key(self.state.draft, missing)
        self.state = replace(self.state, step=step, key=key)
        if step is Step.KEY and before is not step and key in questions.ACCOUNTS:
            tell(Say(questions.ACCOUNTS[key]))
        if step is Step.NUMBER:
            await self._find_number(tell)
        elif step is Step.RUN:
            await self.run(tell)
        else:
            tell(Say(self.question))

    async def _find_number(self, tell: Tell) -> None:
        draft = self.state.draft
        if draft.carrier is None:
            return
        self.state = replace(self.state, choices=None)
        try:
            choices = tuple(await patiently(tell, self._setup.numbers(draft.carrier)))
        except DesktopVoiceError as error:
            tell(Say(f"{error.what} {error.do} {self.question}"))
            tell(Problem(error))
            return
        known = next((choice for choice in choices if choice.number == draft.number), None)
        if known is None and len(choices) != 1:
            self.state = replace(self.state, choices=choices)
            if draft.number and choices:
                tell(Say(f"The number {spoken_number(draft.number)} is not in this account. "))
            tell(Say(self.question))
            return
        chosen = known or choices[0]
        if known is None:
            tell(Say(f"Your number is {spoken_number(chosen.number)}. "))
        # Nothing was asked, so there is nothing to go back to.
        draft = replace(draft, number=chosen.number, done=draft.done | {Step.NUMBER})
        self.state = replace(self.state, draft=draft)
        await self.go_on(tell)

    async def run(self, tell: Tell, *, rehearses: bool = False) -> None:
        """Set the phone up and tell what became of it; it is begun anew each time."""
        self.state = replace(self.state, step=Step.RUN)
        wish = self.state.draft.wish(rehearses=rehearses)
        if wish is None:
            return
        try:
            also = self._addresses(self.state.draft)
            reach = await patiently(tell, self._setup.set_up(wish, also), is_slow=True)
        except DesktopVoiceError as error:
            tell(Say(f"{error.what} {error.do} {self.question}"))
            tell(Problem(error))
            return
        except ValidationError:
            tell(Say(f"Something of that cannot be used as a setting. {questions.WINDOW}"))
            return
        tell(Did("phone.set_up"))
        await self._tell(tell, reach, rehearses=rehearses)

    async def _tell(self, tell: Tell, reach: Reach, *, rehearses: bool) -> None:
        broken = reach.broken
        if broken is None and reach.state is ReachState.READY:
            self.state = replace(self.state, step=Step.DONE)
            tell(Say("The rehearsed call went well." if rehearses else telling.success(reach)))
            return
        if broken is None:
            tell(Say(f"{telling.verdict(reach)} {self.question}"))
            return
        draft = self.state.draft
        asks = {Fix.CHOOSE_NUMBER: Step.NUMBER, Fix.CHOOSE_POLICY: Step.POLICY}.get(broken.fix)
        said = f"It does not work yet. {telling.obstacles(reach)}"
        if asks is None:
            how = " You can give me the right key now." if broken.fix is Fix.ENTER_KEYS else ""
            tell(Say(f"{said}{how} {self.question}"))
            return
        number = "" if asks is Step.NUMBER else draft.number
        self.state = replace(
            self.state, draft=replace(draft, number=number, done=draft.done - {asks})
        )
        tell(Say(f"{said} "))
        await self.go_on(tell)

    def _addresses(self, draft: Draft) -> Sequence[SettingChange]:
        """Return the changes that the wish has no place for."""
        settings, changes = self._setup.settings, list[SettingChange]()
        if draft.tunnel is not None and draft.public_url != settings.phone.public_url:
            # An address of one's own wins over any tunnel, so it must not stand beside one.
            changes.append(("phone", "public_url", draft.public_url))
        if draft.hostname and draft.hostname != settings.tunnel.cloudflare_hostname:
            changes.append(("tunnel", "cloudflare_hostname", draft.hostname))
        return changes

    def _missing(self) -> Sequence[str]:
        carrier = self.state.draft.carrier
        return () if carrier is None else self._setup.missing_secrets(carrier)

    def _skip(self) -> None:
        state = self.state
        draft = state.draft
        match state.step:
            case Step.KEY:
                self._to(replace(draft, skipped_keys=draft.skipped_keys | {state.key}))
            case Step.POLICY if self._setup.settings.inbound.policy is InboundPolicy.DISABLED:
                self._to(replace(draft, policy=InboundPolicy.PAIRING), Step.POLICY)
            case Step.TUNNEL_DETAIL if draft.tunnel is TunnelChoice.NONE:
                self._to(replace(draft, tunnel=None), Step.TUNNEL_DETAIL)
            case None | Step.CARRIER | Step.RUN | Step.DONE:
                pass
            case step:
                self._to(draft, step)

    def _back(self) -> None:
        """Go to the question before this one."""
        state = self.state
        past = list(state.past)
        draft = state.draft
        while past:
            draft = past.pop()
            missing = () if draft.carrier is None else self._setup.missing_secrets(draft.carrier)
            if next_step(draft, missing) is not state.step:
                break
        self.state = replace(state, draft=draft, past=tuple(past), callers=None)

    def _to(self, draft: Draft, answered: Step | None = None) -> None:
        state = self.state
        if answered is not None:
            draft = replace(draft, done=draft.done | {answered})
        past = (*state.past, state.draft)[-_MAX_PAST:]
        self.state = replace(state, draft=draft, past=past)


def callers_as_settings(
    callers: Callers, policy: InboundPolicy, allow_from: Sequence[str]
) -> tuple[InboundPolicy, tuple[str, ...] | None]:
    """Return the policy and the list that ``callers`` mean; None: the list stays as it is."""
    match callers.kind:
        case CallersKind.ONLY:
            return InboundPolicy.ALLOWLIST, callers.numbers
        case CallersKind.ALSO:
            stays = policy in (InboundPolicy.PAIRING, InboundPolicy.OPEN)
            together = tuple(dict.fromkeys((*allow_from, *callers.numbers)))
            return policy if stays else InboundPolicy.ALLOWLIST, together
        case CallersKind.ANYONE:
            return InboundPolicy.OPEN, None
        case CallersKind.CODE:
            return InboundPolicy.PAIRING, None
        case CallersKind.NOBODY:
            return InboundPolicy.DISABLED, None
