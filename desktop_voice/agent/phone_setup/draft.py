"""The draft: what somebody has said so far of the phone they want, and what is to be asked next."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.phone_settings import InboundPolicy, TunnelChoice
from desktop_voice.core.reach import SetUpWish


class Step(StrEnum):
    """Where the set-up stands: what was asked last, in the order of the questions."""

    CARRIER = "carrier"
    KEY = "key"
    NUMBER = "number"
    TUNNEL = "tunnel"
    TUNNEL_DETAIL = "tunnel_detail"
    """An address of the user's own, a named tunnel's host name, or ngrok's token."""
    POLICY = "policy"
    GREETING = "greeting"
    RUN = "run"
    """Everything is said; it runs, or it ran and something is in the way."""
    DONE = "done"
    """The number works; a rehearsal may be asked for."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What was said so far; a new value replaces it at every answer. Keys are no part of it.

    What is None or empty stays as the settings have it.

    Attributes:
        done: Questions that were answered or skipped.
        skipped_keys: The vault's names of keys that the user did not want to give.
        public_url: An https address of the user's own; empty: a tunnel is used.
        hostname: Of a named tunnel at Cloudflare.
        has_tunnel_token: Whether a token for a named tunnel was given.
    """

    carrier: CarrierName | None = None
    number: str = ""
    tunnel: TunnelChoice | None = None
    public_url: str = ""
    hostname: str = ""
    has_tunnel_token: bool = False
    policy: InboundPolicy | None = None
    allow_from: tuple[str, ...] | None = None
    greeting: str | None = None
    done: frozenset[Step] = frozenset()
    skipped_keys: frozenset[str] = frozenset()

    @property
    def wants_detail(self) -> bool:
        """Whether the chosen tunnel needs something more."""
        if self.tunnel is TunnelChoice.NONE:
            return not self.public_url
        if self.tunnel is TunnelChoice.CLOUDFLARED:
            return self.has_tunnel_token and not self.hostname
        return self.tunnel is TunnelChoice.NGROK and not self.has_tunnel_token

    def wish(self, *, rehearses: bool = False) -> SetUpWish | None:
        """Return what the phone is asked for; None without a carrier."""
        if self.carrier is None:
            return None
        return SetUpWish(
            self.carrier,
            self.number,
            self.tunnel,
            self.policy,
            self.allow_from,
            self.greeting,
            rehearses,
        )


def next_key(draft: Draft, missing: Collection[str]) -> str:
    """Return the vault's name of the key to ask for; empty if there is none."""
    return next((name for name in missing if name not in draft.skipped_keys), "")


def next_step(draft: Draft, missing: Collection[str]) -> Step:
    """Return what is to be asked next; ``missing`` are the carrier's keys that are not there."""
    if draft.carrier is None:
        return Step.CARRIER
    if next_key(draft, missing):
        return Step.KEY
    for step in (Step.NUMBER, Step.TUNNEL, Step.TUNNEL_DETAIL, Step.POLICY, Step.GREETING):
        if step in draft.done or (step is Step.TUNNEL_DETAIL and not draft.wants_detail):
            continue
        return step
    return Step.RUN
