"""A dialect: what one carrier's side of the rehearsal has to do, and what it is given for that.

The three are ``twilio_dialect.TwilioDialect``, ``telnyx_dialect.TelnyxDialect`` and
``plivo_dialect.PlivoDialect``, each made with an :class:`Exchange` and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from desktop_voice.rehearsal.account import AccountDesk
from desktop_voice.rehearsal.call import NetworkCall
from desktop_voice.rehearsal.carrier_voice import CarrierVoice
from desktop_voice.rehearsal.faults import Faults
from desktop_voice.rehearsal.network import Network
from desktop_voice.rehearsal.reports import Reporter
from desktop_voice.rehearsal.tunnel import Tunnel


@dataclass(frozen=True, slots=True)
class Exchange:
    """What all dialects share; a dialect's factory takes nothing else.

    Attributes:
        network: The calls themselves.
        voice: The carrier's own speech: text to sound, sound to words.
        tunnel: From the public base to the app's local port, for webhooks and sockets.
        faults: What is to go wrong, taken one by one.
        reports: Where events and violations go.
    """

    network: Network
    voice: CarrierVoice
    tunnel: Tunnel
    faults: Faults
    reports: Reporter


class Dialect(Protocol):
    """One carrier. Everything runs on the one event loop of the process."""

    name: str
    """``twilio``, ``telnyx`` or ``plivo``: the prefix of its paths and the name in reports."""

    number: str
    """The number in E.164 that the app owns here, unless a test says otherwise."""

    @property
    def desk(self) -> AccountDesk:
        """The account, for what a test says of it."""

    @property
    def credentials(self) -> dict[str, str]:
        """What the app has to know, under the vault's names."""

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """The REST routes, with the real carrier's paths (``/v2/calls``).

        They are mounted below ``/<name>``. A ``web.middleware`` outside of them has already applied
        the faults ``rest:create`` and ``rest:any``.
        """

    def creates_a_call(self, request: web.Request) -> bool:
        """Whether this request would start a call (what the fault ``rest:create`` is for)."""

    def refusal(self, status: int) -> web.Response:
        """The carrier's real error answer for 401, 403, 404, 429 or 5xx."""

    def new_ref(self) -> str:
        """A fresh id for a call, of the carrier's shape."""

    def on_state(self, call: NetworkCall) -> None:
        """Take note that ``call.state`` has changed; called in order, once for each state.

        Must not block: slow things are started with ``call.spawn`` (status callbacks, which outlive
        the call) or ``call.run`` (its instructions, of which there is one at a time and which end
        with the call). The cases:

        * inbound and RINGING: ask the app; answer with ``call.answer()`` or end with
          ``call.end(...)``;
        * outbound and IN_PROGRESS: the callee has answered;
        * ENDED: ``call.ending`` says why and by whom.
        """

    async def close(self) -> None:
        """Stop everything that still runs."""
