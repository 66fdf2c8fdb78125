"""The examination: one look at every hop from the keys to the caller, in order."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from desktop_voice.core.errors import DesktopVoiceError, PhoneError
from desktop_voice.core.numbers import display
from desktop_voice.core.phone_settings import InboundPolicy
from desktop_voice.core.reach import Fix, Hop, HopReport, HopState
from desktop_voice.core.settings import Settings
from desktop_voice.reach.ground import Ground
from desktop_voice.reach.keeper import NumberKeeper
from desktop_voice.telephony.carriers.carrier import Account, AccountState, Carrier, OwnNumber
from desktop_voice.telephony.own_numbers import choose_number

_CLOCK_WARNING_S = 60.0
_CLOCK_MOST_S = 240.0
"""Carriers' signatures are good for five minutes."""

Tell = Callable[[HopReport], None]
Probe = Callable[[str, Carrier], Awaitable[tuple[HopReport, ...]]]
"""Sends a signed round trip through a public base; reports DNS, TLS, ROUND_TRIP and MEDIA."""
Base = Callable[[], Awaitable[str]]
"""Returns the public base once it is there. Raises PhoneError with why it does not come."""


class Examination:
    """One pass over the hops; used on the media loop.

    Args:
        ground: What is looked at.
        keeper: Of the number's webhook.
        base: Waits for the public base.
        probe: The signed round trip.
        tell: Gets every report at once; a hop that begins is RUNNING first.
        acts: Whether the number is sent here where it is not yet, on the user's word.
        follows: Whether it is if the user has had that number sent here before.
        takes_over: Whether that may take it from something else that it is bound to.
    """

    def __init__(
        self,
        ground: Ground,
        keeper: NumberKeeper,
        *,
        base: Base,
        probe: Probe,
        tell: Tell,
        acts: bool = False,
        follows: bool = False,
        takes_over: bool = False,
    ) -> None:
        self._ground = ground
        self._keeper = keeper
        self._wait_for_base = base
        self._probe = probe
        self._tell = tell
        self._acts = acts
        self._follows = follows
        self._takes_over = takes_over
        self._failed = False

    async def run(self) -> OwnNumber | None:
        """Look at every hop; what cannot be looked at, because another fails, is SKIPPED.

        Returns:
            The number whose calls come here, if there is one.
        """
        carrier = self._keys()
        number = None
        if carrier is not None and await self._account(carrier):
            number = await self._number(carrier)
        base = await self._way_in() if carrier is not None else ""
        if carrier is not None and base:
            await self._round_trip(carrier, base)
        if carrier is not None and number is not None:
            await self._webhook(carrier, number, base)
        self._policy(self._ground.settings())
        self._engines()
        if number is not None and not self._failed:
            text = f"Call {display(number.number)} from your phone now."
            self._report(HopReport(Hop.CALL, HopState.WAITING, text, fix=Fix.REHEARSE))
        return number

    # --- the account ---

    def _keys(self) -> Carrier | None:
        self._begin(Hop.KEYS)
        try:
            carrier = self._ground.carrier()
        except DesktopVoiceError as error:
            is_locked = error.code.startswith("VAULT")
            self._fail(Hop.KEYS, error, Fix.UNLOCK_VAULT if is_locked else Fix.ENTER_KEYS)
            self._skip(*_AFTER_KEYS)
            return None
        self._good(Hop.KEYS, f"The keys of {carrier.name.title()} have the right form.")
        return carrier

    async def _account(self, carrier: Carrier) -> bool:
        self._begin(Hop.LOGIN)
        began_s = time.monotonic()
        try:
            account = await carrier.account()
        except PhoneError as error:
            self._fail(Hop.LOGIN, error, Fix.CHECK_AGAIN if error.retryable else Fix.ENTER_KEYS)
            self._skip(Hop.ACCOUNT, Hop.CLOCK, Hop.NUMBER, Hop.NUMBER_WEBHOOK)
            return False
        took_s = time.monotonic() - began_s
        self._good(Hop.LOGIN, f"{carrier.name.title()} accepts the keys.", took_s)
        self._state_of(account)
        self._clock(account.clock_offset_s)
        if not account.state.is_usable:
            # It is allowed nothing more, so that nothing more could be told.
            self._skip(Hop.NUMBER, Hop.NUMBER_WEBHOOK)
        return account.state.is_usable

    def _state_of(self, account: Account) -> None:
        if account.problem is not None:
            is_fatal = account.state is not AccountState.TRIAL
            fix = Fix.CHECK_AGAIN
            self._report(HopReport.failed(Hop.ACCOUNT, account.problem, fix, is_fatal=is_fatal))
        else:
            self._good(Hop.ACCOUNT, account.text)

    def _clock(self, offset_s: float | None) -> None:
        if offset_s is None:
            self._skip(Hop.CLOCK)
        elif abs(offset_s) < _CLOCK_WARNING_S:
            self._good(Hop.CLOCK, "This computer's clock agrees with the carrier's.")
        else:
            is_fatal = abs(offset_s) >= _CLOCK_MOST_S
            error = _clock_off(offset_s)
            self._report(HopReport.failed(Hop.CLOCK, error, is_fatal=is_fatal))

    async def _number(self, carrier: Carrier) -> OwnNumber | None:
        self._begin(Hop.NUMBER)
        try:
            chosen = self._ground.settings().phone.number or carrier.own_number
            number = choose_number(await carrier.numbers(), chosen, carrier.name)
        except PhoneError as error:
            fix = Fix.CHOOSE_NUMBER if error.code in ("PHONE-04", "PHONE-03") else Fix.CHECK_AGAIN
            self._fail(Hop.NUMBER, error, fix)
            self._skip(Hop.NUMBER_WEBHOOK)
            return None
        self._good(Hop.NUMBER, f"Your number is {display(number.number)}.")
        return number

    # --- the way in ---

    async def _way_in(self) -> str:
        self._begin(Hop.LISTENER)
        wanted = self._ground.settings().server
        try:
            port = await self._ground.listen()
        except PhoneError as error:
            self._fail(Hop.LISTENER, error, Fix.CHECK_AGAIN)
            self._skip(Hop.TUNNEL, *_WAY)
            return ""
        text = f"The server listens on port {port}."
        if port != wanted.port:
            text += f" Port {wanted.port} is taken, or counts from the next start."
        if wanted.admits_others:
            open_to = admits_others(wanted.bind)
            text += f" {open_to.what}"
            self._report(HopReport(Hop.LISTENER, HopState.WARNING, text, open_to.code, open_to.do))
        else:
            self._good(Hop.LISTENER, text)
        self._begin(Hop.TUNNEL)
        began_s = time.monotonic()
        try:
            base = await self._wait_for_base()
        except PhoneError as error:
            self._fail(Hop.TUNNEL, error, fix_of_tunnel(error))
            self._skip(*_WAY)
            return ""
        took_s = time.monotonic() - began_s
        self._good(Hop.TUNNEL, f"The carrier finds this machine at {base}.", took_s)
        return base

    async def _round_trip(self, carrier: Carrier, base: str) -> None:
        for hop in _WAY:
            self._begin(hop)
        for report in await self._probe(base, carrier):
            self._report(report)

    async def _webhook(self, carrier: Carrier, number: OwnNumber, base: str) -> None:
        acts = self._acts or (self._follows and self._keeper.is_kept(carrier, number.number))
        if not base or (self._failed and acts):
            # A number is never sent to an address that was not proven.
            self._skip(Hop.NUMBER_WEBHOOK)
            return
        self._begin(Hop.NUMBER_WEBHOOK)
        began_s = time.monotonic()
        away = self._ground.settings().away
        try:
            is_here = True
            if self._acts:
                await self._keeper.point(carrier, number, base, away, takes_over=self._takes_over)
            elif acts:
                is_here = await self._keeper.follow(carrier, number, base, away)
            else:
                is_here = await self._keeper.points_to(carrier, number, base)
            if not is_here:
                raise _points_elsewhere()
        except PhoneError as error:
            self._fail(Hop.NUMBER_WEBHOOK, error, Fix.POINT_NUMBER)
            return
        took_s = time.monotonic() - began_s
        self._good(Hop.NUMBER_WEBHOOK, "The number's calls come to this machine.", took_s)

    # --- this machine ---

    def _policy(self, settings: Settings) -> None:
        count = len(settings.inbound.allow_from)
        match settings.inbound.policy:
            case InboundPolicy.DISABLED:
                self._warn(Hop.POLICY, "REACH-22", "Nobody may call in: every call is refused.")
            case InboundPolicy.OPEN:
                text = "Anybody may talk to the assistant, at your cost."
                self._warn(Hop.POLICY, "REACH-23", text)
            case InboundPolicy.ALLOWLIST if not count:
                text = "Nobody is on the list of those who may call."
                self._warn(Hop.POLICY, "REACH-22", text)
            case InboundPolicy.ALLOWLIST:
                self._good(Hop.POLICY, f"{count} number{'s' * (count > 1)} may call.")
            case InboundPolicy.PAIRING:
                text = "Unknown callers are asked for a code that you alone see."
                self._good(Hop.POLICY, text)

    def _engines(self) -> None:
        self._begin(Hop.ENGINES)
        error = self._ground.engines()
        if error is not None:
            self._fail(Hop.ENGINES, error, Fix.CHECK_AGAIN)
        else:
            self._good(Hop.ENGINES, "This machine can hear and speak on calls.")

    # --- reports ---

    def _begin(self, hop: Hop) -> None:
        self._tell(HopReport(hop, HopState.RUNNING))

    def _good(self, hop: Hop, text: str, took_s: float = -1.0) -> None:
        report = HopReport(hop, HopState.OK, text)
        self._report(report.after(took_s) if took_s >= 0 else report)

    def _warn(self, hop: Hop, code: str, text: str) -> None:
        do = "Choose who may call."
        self._report(HopReport(hop, HopState.WARNING, text, code, do, Fix.CHOOSE_POLICY))

    def _fail(self, hop: Hop, error: DesktopVoiceError, fix: Fix) -> None:
        self._report(HopReport.failed(hop, error, fix))

    def _skip(self, *hops: Hop) -> None:
        for hop in hops:
            self._report(HopReport(hop, HopState.SKIPPED))

    def _report(self, report: HopReport) -> None:
        self._failed = self._failed or report.state is HopState.FAILED
        self._tell(report)


_WAY = (Hop.DNS, Hop.TLS, Hop.ROUND_TRIP, Hop.MEDIA)
_AFTER_KEYS = (
    Hop.LOGIN,
    Hop.ACCOUNT,
    Hop.CLOCK,
    Hop.NUMBER,
    Hop.LISTENER,
    Hop.TUNNEL,
    *_WAY,
    Hop.NUMBER_WEBHOOK,
)
_TUNNEL_FIXES = {
    "TUNNEL-01": Fix.FETCH_CLOUDFLARED,
    "TUNNEL-03": Fix.FETCH_CLOUDFLARED,
    "TUNNEL-04": Fix.FETCH_CLOUDFLARED,
    "TUNNEL-05": Fix.FETCH_CLOUDFLARED,
    "TUNNEL-09": Fix.ENTER_KEYS,
    "VAULT-01": Fix.UNLOCK_VAULT,
}


def fix_of_tunnel(error: PhoneError) -> Fix:
    """Return what a button can do about a tunnel's failure."""
    if error.code == "TUNNEL-07" and "http2" in error.do:
        return Fix.USE_HTTP2
    return _TUNNEL_FIXES.get(error.code, Fix.RESTART_TUNNEL)


def admits_others(address: str) -> PhoneError:
    """Return the warning of a server whose ``address`` is not loopback's."""
    return PhoneError(
        "REACH-29",
        f"At {address} other machines of the network reach the server for the carrier, too.",
        "Set Settings > Server > Address to 127.0.0.1, unless a proxy on another machine leads "
        "here; then have the firewall admit that one alone.",
    )


def _clock_off(offset_s: float) -> PhoneError:
    return PhoneError(
        "REACH-24",
        f"This computer's clock is {_spoken(abs(offset_s))} {'fast' if offset_s > 0 else 'slow'}.",
        "Set it by the network in the system's date and time settings: signatures that are more "
        "than five minutes old are refused.",
        retryable=True,
    )


def _spoken(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"


def _points_elsewhere() -> PhoneError:
    return PhoneError(
        "REACH-25",
        "The number's calls do not come to this machine.",
        "Press “Send its calls here”, or type “desktop-voice setup phone”, with --take-over if "
        "something else at the carrier has them.",
    )
