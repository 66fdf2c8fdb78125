"""Setting the phone up: what the window, the terminal and a conversation ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import structlog

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.errors import CommandError, VaultError
from desktop_voice.core.phone_settings import TunnelProtocol
from desktop_voice.core.ports import VaultControl, VaultStatus
from desktop_voice.core.reach import Fix, Hop, NumberChoice, Reach, ReachState, SetUpWish
from desktop_voice.core.settings import SettingChange, Settings
from desktop_voice.reach.wish import changes_for
from desktop_voice.telephony.carriers.credentials import SECRET_NAMES
from desktop_voice.telephony.carriers.errors import GOVERNED_ELSEWHERE
from desktop_voice.telephony.own_numbers import voice_numbers

if TYPE_CHECKING:
    from desktop_voice.server.phone_service import PhoneService

_log = structlog.get_logger()


class SetUp:
    """Implements :class:`~desktop_voice.core.ports.PhoneSetUp`. Used on the media loop.

    Args:
        phone: What is set up.
        vault: Where keys are put; without one they cannot be given here.
        rehearse: Holds a rehearsed call with a carrier; without it there are no rehearsals here.
        show_recovery_key: Shows a new vault's recovery key, to the user alone and until they have
            written it down; without it no vault is made here.
    """

    def __init__(
        self,
        phone: PhoneService,
        vault: VaultControl | None = None,
        *,
        rehearse: Callable[[CarrierName], Awaitable[None]] | None = None,
        show_recovery_key: Callable[[str], None] | None = None,
    ) -> None:
        self._phone = phone
        self._vault = vault
        self._rehearse = rehearse
        self._show_recovery_key = show_recovery_key
        self._present: frozenset[str] = frozenset()
        self._refreshing: asyncio.Task[None] | None = None
        self._wanted: Settings | None = None
        self._changing: asyncio.Task[None] | None = None

    @property
    def settings(self) -> Settings:
        """The settings in use, or about to be."""
        return self._wanted or self._phone.settings

    @property
    def reach(self) -> Reach:
        """How callers get through, as last found. Raises PhoneError: this phone has no way in."""
        return self._phone.reach.reach

    def missing_secrets(self, carrier: CarrierName) -> tuple[str, ...]:
        """Return the vault's names of the carrier's keys that are not there yet, in order.

        As of the last :meth:`refresh`; each call begins another one.
        """
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.get_running_loop().create_task(self.refresh())
        return tuple(name for name in SECRET_NAMES[carrier] if name not in self._present)

    async def refresh(self) -> None:
        """Look which keys there are; a vault that cannot be looked into has none."""
        if self._vault is not None:
            try:
                self._see(await asyncio.wrap_future(self._vault.status()))
            except VaultError as error:
                _log.info("vault cannot be looked into", code=error.code)

    async def keep_secret(self, name: str, value: str) -> None:
        """Put a key into the vault; it makes one that the keyring opens if there is none.

        The new vault's recovery key is shown, and comes up nowhere else.

        Raises:
            VaultError: It cannot be kept.
        """
        if self._vault is None:
            raise VaultError(
                "VAULT-00", "There is no vault here.", "Enter the key in the window's settings."
            )
        status = await asyncio.wrap_future(self._vault.status())
        if not status.exists:
            if self._show_recovery_key is None:
                raise VaultError(
                    "VAULT-12", "There is no vault yet.", "Make one in the window's settings."
                )
            self._show_recovery_key(await asyncio.wrap_future(self._vault.create(None)))
        self._see(await asyncio.wrap_future(self._vault.set(name, value)))

    async def numbers(self, carrier: CarrierName) -> list[NumberChoice]:
        """Return the voice numbers of the account.

        Raises:
            PhoneError: A key is missing or refused, or the account has none.
        """
        account = await self._phone.account(carrier)
        try:
            voice = voice_numbers(await account.numbers(), carrier)
        finally:
            await account.close()
        return [NumberChoice(one.number, one.label) for one in voice]

    async def test_key(self, name: str) -> str:
        """Try the account that the vault's entry ``name`` belongs to; return how it is, in words.

        Raises:
            PhoneError: A key is missing or refused.
        """
        owner = next((one for one in CarrierName if name.startswith(f"{one}_")), None)
        if owner is None:
            return "There is no test for this key yet."
        carrier = await self._phone.account(owner)
        try:
            health = await carrier.health()
        finally:
            await carrier.close()
        if health.problem is not None:
            raise health.problem
        return health.text

    def change(self, section: str, field: str, value: object) -> None:
        """Change a setting for good; raises ``pydantic.ValidationError``.

        It is in :attr:`settings` at once; :meth:`set_up` and :meth:`check` wait until it is used.
        """
        self._wanted = self.settings.with_value(section, field, value)
        before = self._changing
        self._changing = asyncio.get_running_loop().create_task(
            self._change_after(before, (section, field, value))
        )

    async def change_all(self, changes: Sequence[SettingChange]) -> None:
        """Change several settings for good; raises ``pydantic.ValidationError``."""
        await self._settled()
        await self._phone.change(*changes)

    def can_be(self, wish: SetUpWish) -> None:
        """Check a wish before anything is done about it.

        Raises:
            CommandError: A value of it cannot be (``SETUP-01``).
        """
        changes_for(wish, self._phone.settings)
        if wish.rehearses and self._rehearse is None:
            raise CommandError(
                "SETUP-01",
                "A call cannot be rehearsed from here.",
                f"Type: desktop-voice rehearse {wish.carrier}",
            )

    async def set_up(self, wish: SetUpWish, also: Sequence[SettingChange] = ()) -> Reach:
        """Make the number work as ``wish`` says; a hop that fails is in the result.

        With ``rehearses`` it ends with a rehearsed call, once the number works. ``also`` are
        changes of settings that the wish has no place for.

        Raises:
            CommandError: A value of the wish cannot be (``SETUP-01``).
            pydantic.ValidationError: A value of ``also`` is outside its limits.
            DesktopVoiceError: The rehearsed call did not end well.
        """
        self.can_be(wish)
        await self._settled()
        before = self._phone.carrier
        await self._phone.change(*changes_for(wish, self._phone.settings), *also)
        if self._phone.carrier is before:
            # Another process may have changed the keys.
            await self._phone.keys_changed()
        reach = await self._phone.reach.examine(
            acts=True, takes_over=wish.takes_over, may_fetch=True
        )
        if wish.rehearses and self._rehearse is not None and reach.state is ReachState.READY:
            await self._rehearse(wish.carrier)
        return reach

    async def check(self) -> Reach:
        """Look at every hop, with the keys as they are now."""
        await self._settled()
        await self._phone.keys_changed()
        return await self._phone.reach.examine()

    async def repair(self, fix: Fix) -> Reach:
        """Do what the button beside a hop says; what needs the user is only looked at again."""
        reach = self._phone.reach
        match fix:
            case Fix.FETCH_CLOUDFLARED:
                return await reach.restart_tunnel(may_fetch=True)
            case Fix.RESTART_TUNNEL:
                return await reach.restart_tunnel()
            case Fix.USE_HTTP2:
                await self._phone.change(("tunnel", "protocol", TunnelProtocol.HTTP2.value))
                return await reach.examine()
            case Fix.POINT_NUMBER:
                # The user was asked about what has the number, if anything has.
                codes = {hop.code for hop in reach.reach.hops if hop.hop is Hop.NUMBER_WEBHOOK}
                is_bound = bool(codes & GOVERNED_ELSEWHERE)
                return await reach.examine(acts=True, takes_over=is_bound)
            case _:
                return await self.check()

    def _see(self, status: VaultStatus) -> None:
        self._present = frozenset(info.name for info in status.secrets if info.source)

    async def _change_after(self, before: asyncio.Task[None] | None, change: SettingChange) -> None:
        if before is not None:
            await asyncio.wait({before})
        try:
            await self._phone.change(change)
        finally:
            if self._changing is asyncio.current_task():
                self._wanted = self._changing = None

    async def _settled(self) -> None:
        if self._changing is not None:
            await asyncio.wait({self._changing})
