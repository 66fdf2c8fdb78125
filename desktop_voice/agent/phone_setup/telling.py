"""What the phone found out, in plain words: hops, policies, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence

from desktop_voice.agent.intents.phone_setup import Callers, CallersKind
from desktop_voice.agent.phone_setup.draft import Draft, Step
from desktop_voice.agent.phone_setup.questions import label_of
from desktop_voice.agent.phone_setup.wording import spoken_list, spoken_number
from desktop_voice.core.phone_settings import InboundPolicy, TunnelChoice
from desktop_voice.core.reach import HopReport, HopState, Reach, ReachState

TUNNEL_NAMES = {
    TunnelChoice.CLOUDFLARED: "Cloudflare Tunnel",
    TunnelChoice.NGROK: "ngrok",
    TunnelChoice.TAILSCALE: "Tailscale",
    TunnelChoice.NONE: "your own address",
}
POLICY_SET = {
    InboundPolicy.DISABLED: "Nobody can call now.",
    InboundPolicy.ALLOWLIST: "Only the numbers on your list may call now.",
    InboundPolicy.PAIRING: "Unknown callers are asked for a code that your screen shows.",
    InboundPolicy.OPEN: "Anyone may call now. Say “only accept calls from” and a number to change "
    "that.",
}
_ASKED = (Step.NUMBER, Step.TUNNEL, Step.POLICY, Step.GREETING)
_WARNING = (
    "Then anyone who knows the number can talk with the assistant, and you pay for the calls."
)


def confirmation(callers: Callers) -> str:
    """Return how a change of who may call is read back before it takes effect."""
    numbers = spoken_list([spoken_number(number) for number in callers.numbers])
    match callers.kind:
        case CallersKind.ONLY:
            return f"Only {numbers} may call. Is that right?"
        case CallersKind.ALSO:
            return f"Besides, {numbers} may call. Is that right?"
        case CallersKind.ANYONE:
            return f"{_WARNING} Is that what you want?"
        case _:
            return "Unknown callers will be asked for a code that your screen shows. Is that right?"


def success(reach: Reach) -> str:
    """Return what is said of a number that works."""
    number = spoken_number(reach.number) if reach.number else ""
    said = f"Your number {number} works." if number else "Your phone works."
    return f"{said} Call it now, or say “rehearse”.{_warnings(reach)}"


def obstacles(reach: Reach) -> str:
    """Return what is in the way of a call, with what to do; empty if nothing is."""
    failed = [hop for hop in reach.hops if hop.state is HopState.FAILED]
    return " ".join(_hop(hop) for hop in failed)


def verdict(reach: Reach) -> str:
    """Return what a check found."""
    if said := obstacles(reach):
        return f"Calls do not come in. {said}{_warnings(reach)}"
    if reach.state is ReachState.READY:
        number = f" on {spoken_number(reach.number)}" if reach.number else ""
        return f"All is well: calls come in{number}.{_warnings(reach)}"
    if reach.state is ReachState.OFF:
        return "The phone is not set up yet. Say “set up phone calls” and I'll guide you."
    return f"Not every part could be checked yet; ask me again in a moment.{_warnings(reach)}"


def still_missing(draft: Draft, keys: Sequence[str]) -> str:
    """Return what is not known yet of the phone that is being set up."""
    names = {
        Step.CARRIER: "the phone company",
        Step.NUMBER: "the number",
        Step.TUNNEL: "the tunnel",
        Step.POLICY: "who may call",
        Step.GREETING: "the greeting",
    }
    parts = [] if draft.carrier else [names[Step.CARRIER]]
    parts += [f"the {label_of(name)}" for name in keys]
    parts += [name for step, name in names.items() if step in _ASKED and step not in draft.done]
    return f"Still missing: {spoken_list(parts)}." if parts else "Nothing is missing."


def _hop(hop: HopReport) -> str:
    text = hop.text if hop.text.endswith((".", "!", "?")) else f"{hop.text}."
    return f"{hop.hop.label}: {text} {hop.do}".strip()


def _warnings(reach: Reach) -> str:
    warned = [hop for hop in reach.hops if hop.state is HopState.WARNING]
    return "".join(f" {_hop(hop)}" for hop in warned)
