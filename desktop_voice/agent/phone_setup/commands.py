"""Single commands to the phone's set-up, outside of a guided one."""

from __future__ import annotations

from pydantic import ValidationError

from desktop_voice.agent.intents.phone_setup import Callers, CallersKind
from desktop_voice.agent.phone_setup import telling
from desktop_voice.agent.phone_setup.answers import Answer
from desktop_voice.agent.phone_setup.guide import TOO_LONG, callers_as_settings
from desktop_voice.agent.phone_setup.work import Tell, patiently
from desktop_voice.agent.reply import Did, Problem, Say
from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.core.phone_settings import InboundPolicy, InboundSettings, TunnelChoice
from desktop_voice.core.ports import PhoneSetUp

NO_WORDS = "Say it in one go, like: “Set a greeting: Hello, how can I help you?”"
NO_ADDRESS = (
    "Type it with the address, like: “Use my own address https://phone.example.com for voice "
    "calls”."
)
NO_HOSTNAME = (
    "Which host name does your tunnel at Cloudflare have? Type it like: “Use Cloudflare Tunnel for "
    "voice calls with hostname phone.example.com”."
)
REFUSED = "That cannot be used as a setting."


def set_greeting(tell: Tell, setup: PhoneSetUp, words: str) -> None:
    """Let callers hear ``words`` first."""
    if not words:
        tell(Say(NO_WORDS))
        return
    try:
        setup.change("phone", "greeting", words)
    except ValidationError:
        tell(Say(TOO_LONG))
        return
    tell(Did("phone.greeting"))
    tell(Say(f"Callers will hear: {words}"))


def use_tunnel(tell: Tell, setup: PhoneSetUp, answer: Answer, *, has_token: bool = False) -> None:
    """Let calls come in another way from now on; ``has_token``: a named tunnel's came with it."""
    tunnel = answer.tunnel
    if tunnel is None:
        return
    if tunnel is TunnelChoice.NONE and not answer.public_url:
        tell(Say(NO_ADDRESS))
        return
    if has_token and not (answer.hostname or setup.settings.tunnel.cloudflare_hostname):
        tell(Say(NO_HOSTNAME))
        return
    try:
        if answer.hostname:
            setup.change("tunnel", "cloudflare_hostname", answer.hostname)
        if setup.settings.phone.public_url != answer.public_url:
            setup.change("phone", "public_url", answer.public_url)
        setup.change("tunnel", "provider", tunnel)
    except ValidationError:
        tell(Say(REFUSED))
        return
    tell(Did("phone.tunnel"))
    tell(Say(f"Calls reach this computer through {telling.TUNNEL_NAMES[tunnel]} from now on. "))
    if answer.hostname and not has_token:
        tell(
            Say(
                f"{answer.hostname} needs the tunnel's token; type “My Cloudflare tunnel token "
                "is”, and the token, if it is not in the vault yet. "
            )
        )
    if tunnel is TunnelChoice.NGROK:
        tell(Say("ngrok needs its authtoken; type it here if it is not in the vault yet. "))
    tell(Say("Say “check the phone” to see whether they come in."))


def let_call(tell: Tell, setup: PhoneSetUp, callers: Callers) -> None:
    """Change who may call, at once: the owner has said yes, or nobody more may call than before."""
    inbound = setup.settings.inbound
    policy, allow_from = callers_as_settings(callers, inbound.policy, inbound.allow_from)
    try:
        if allow_from is not None:
            setup.change("inbound", "allow_from", list(allow_from))
        if policy is not inbound.policy:
            setup.change("inbound", "policy", policy)
    except ValidationError:
        tell(Say(REFUSED))
        return
    tell(Did("phone.callers"))
    is_more = callers.kind is CallersKind.ALSO and policy is not InboundPolicy.ALLOWLIST
    tell(Say("The number is on the list now." if is_more else telling.POLICY_SET[policy]))


def put_back(setup: PhoneSetUp, before: InboundSettings, changed: InboundSettings) -> None:
    """Undo what a turn has ``changed``; what the owner has chosen since then stays."""
    now = setup.settings.inbound
    if before.policy is not changed.policy is now.policy:
        setup.change("inbound", "policy", before.policy)
    if list(before.allow_from) != list(changed.allow_from) == list(now.allow_from):
        setup.change("inbound", "allow_from", before.allow_from)


async def check(tell: Tell, setup: PhoneSetUp) -> None:
    """Look at every hop, and tell what is in the way."""
    try:
        reach = await patiently(tell, setup.check(), is_slow=True)
    except DesktopVoiceError as error:
        tell(Say(f"{error.what} {error.do}"))
        tell(Problem(error))
        return
    tell(Did("phone.check"))
    tell(Say(telling.verdict(reach)))
