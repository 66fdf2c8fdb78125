"""What is asked while the phone is set up, and how it is asked again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from desktop_voice.agent.phone_setup.draft import Draft, Step
from desktop_voice.agent.phone_setup.wording import spoken_number
from desktop_voice.core.calls import CarrierName
from desktop_voice.core.phone_settings import TunnelChoice
from desktop_voice.core.reach import NumberChoice

WINDOW = "You can also do it in the window, on the page Phone, or say “cancel”."
PASTE = "You can paste it into the box; typing is surer than saying it."
MOST_READ = 5


@dataclass(frozen=True, slots=True)
class Key:
    """A key of an account.

    Attributes:
        label: What the console calls it.
        place: Where it stands there.
        shape: What it looks like, so that it is not mistaken for another.
        can_be_said: Whether it can be spelled: it has letters of one case alone.
    """

    label: str
    place: str
    shape: str
    can_be_said: bool = False


KEYS = {
    "twilio_account_sid": Key(
        "Account SID",
        "on the first page of the Twilio console, under Account Info",
        "It begins with AC and has 34 characters.",
        True,
    ),
    "twilio_auth_token": Key(
        "Auth Token",
        "in the Twilio console right below the Account SID",
        "It has exactly 32 characters, digits and the letters a to f.",
        True,
    ),
    "telnyx_api_key": Key(
        "API key", "in the Telnyx portal under API Keys", "It begins with KEY in capital letters."
    ),
    "telnyx_connection_id": Key(
        "connection ID",
        "in the Telnyx portal beside your Call Control application, where it is called "
        "application ID",
        "It is a long number.",
        True,
    ),
    "telnyx_public_key": Key(
        "public key",
        "in the Telnyx portal under Keys and Credentials, Public Key",
        "It has 44 characters and ends with an equals sign.",
    ),
    "plivo_auth_id": Key(
        "Auth ID",
        "on the overview page of the Plivo console",
        "It begins with MA or SA and has 20 characters.",
        True,
    ),
    "plivo_auth_token": Key(
        "Auth Token",
        "on the overview page of the Plivo console, below the Auth ID",
        "It is the longer one of the two.",
    ),
    "ngrok_authtoken": Key(
        "ngrok authtoken",
        "on ngrok's dashboard under Your Authtoken",
        "It has about 49 characters.",
    ),
    "cloudflare_tunnel_token": Key(
        "Cloudflare tunnel token",
        "on Cloudflare's dashboard beside your tunnel",
        "It begins with eyJ.",
    ),
    "openai_api_key": Key(
        "OpenAI key", "on OpenAI's platform under API keys", "It begins with sk."
    ),
}

ACCOUNTS = {
    "twilio_account_sid": "You need an account at Twilio and a number there with Voice; a trial "
    "account calls only numbers that you have verified there. ",
    "telnyx_api_key": "You need an account at Telnyx with a Call Control application and a number "
    "with Voice. ",
    "plivo_auth_id": "You need an account at Plivo and a number there with Voice. ",
}
"""Said before a carrier's first key is asked for."""

_BUY = {
    CarrierName.TWILIO: "In the Twilio console open Phone Numbers, Buy a Number, and choose one "
    "with Voice.",
    CarrierName.TELNYX: "In the Telnyx portal open Numbers, Search and Buy Numbers, choose one "
    "with Voice, and assign it to your Call Control application.",
    CarrierName.PLIVO: "In the Plivo console open Phone Numbers, Buy Numbers, and choose one with "
    "Voice.",
}
_QUESTIONS = {
    Step.CARRIER: "Which phone company do you use? First, Twilio; second, Telnyx; or third, Plivo?",
    Step.TUNNEL: "How shall calls reach this computer? First, Cloudflare Tunnel needs no account. "
    "Second, ngrok; third, Tailscale; or fourth, my own address.",
    Step.POLICY: "Who may call? I suggest to ask unknown callers for a code that your screen "
    "shows. Or say a number that alone may call, anyone, or nobody.",
    Step.GREETING: "What shall callers hear first? Say it, or say “skip” to keep the greeting.",
    Step.RUN: "Say “try again” when that is done, or “cancel”.",
    Step.DONE: "",
}
_EXAMPLES = {
    Step.CARRIER: "For example, say “Twilio”, or “the first”.",
    Step.NUMBER: "For example, say “the first”, or “the one ending in 4 2”.",
    Step.TUNNEL: "For example, say “Cloudflare”, or “the first”.",
    Step.POLICY: "For example, say “ask for a code”, or “only accept calls from”, and the number "
    "with its country.",
    Step.GREETING: "For example: “Hello, how can I help you?”",
    Step.RUN: "",
    Step.DONE: "",
}


def label_of(name: str) -> str:
    """Return what people call the vault's entry ``name``."""
    return KEYS[name].label if name in KEYS else name.replace("_", " ")


def question(step: Step, draft: Draft, key: str, choices: Sequence[NumberChoice] | None) -> str:
    """Return what is asked at ``step``; ``key`` is the vault's name of the key that is next."""
    match step:
        case Step.KEY:
            return key_question(key)
        case Step.NUMBER:
            return number_question(draft.carrier, choices)
        case Step.TUNNEL_DETAIL:
            return _detail_question(draft.tunnel)
        case _:
            return _QUESTIONS[step]


def example(step: Step, draft: Draft, key: str) -> str:
    """Return how ``step`` could be answered."""
    if step is Step.KEY:
        return KEYS[key].shape if key in KEYS else ""
    if step is Step.TUNNEL_DETAIL:
        is_ngrok = draft.tunnel is TunnelChoice.NGROK
        return "" if is_ngrok else "For example: https://phone.example.com"
    return _EXAMPLES[step]


def key_question(name: str) -> str:
    """Return how a key is asked for."""
    key = KEYS.get(name)
    if key is None:
        return f"Please type the {label_of(name)}."
    return f"Please give me the {key.label}. You find it {key.place}. " + (
        PASTE if key.can_be_said else "It has to be typed: paste it into the box."
    )


def number_question(carrier: CarrierName | None, choices: Sequence[NumberChoice] | None) -> str:
    """Return which number is to be chosen, or how to get one; None: they are not known."""
    if choices is None:
        return "Say “try again” after that, or give me the right key."
    if not choices:
        how = _BUY[carrier] if carrier is not None else ""
        return f"The account has no number that takes calls. {how} Then say “try again”."
    read = [
        f"{at}: {spoken_number(choice.number)}{f', {choice.label}' if choice.label else ''}."
        for at, choice in enumerate(choices[:MOST_READ], 1)
    ]
    more = len(choices) - len(read)
    rest = f" And {more} more; you can also say the last digits." if more else ""
    return f"The account has {len(choices)} numbers. {' '.join(read)}{rest} Which one?"


def _detail_question(tunnel: TunnelChoice | None) -> str:
    match tunnel:
        case TunnelChoice.NGROK:
            return f"{key_question('ngrok_authtoken')} Say “skip” if it is in the vault already."
        case TunnelChoice.CLOUDFLARED:
            return "Which host name does your tunnel at Cloudflare have? Type it, please."
        case _:
            return "What is your public address? It begins with https; type it, please."
