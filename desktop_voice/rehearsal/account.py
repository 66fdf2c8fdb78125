"""How a carrier's account stands: in use or not, with which numbers, and what its clock says."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, Protocol

from aiohttp import web

from desktop_voice.rehearsal.command_fields import take_text, wrong_command
from desktop_voice.rehearsal.network import is_e164

_MOST_SKEW_S = 1e8
STATES = ("active", "trial", "suspended", "closed", "no_credit")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Standing:
    """What a test says of an account.

    Attributes:
        state: One of ``STATES``.
        clock_skew_s: By how much the carrier's clock is ahead of this machine's.
    """

    state: str = "active"
    clock_skew_s: float = 0.0

    @property
    def carries_calls(self) -> bool:
        """Whether calls come in and go out."""
        return self.state in ("active", "trial")

    def now_s(self) -> float:
        """Seconds since the epoch by the carrier's clock."""
        return time.time() + self.clock_skew_s


class AccountDesk(Protocol):
    """One carrier's account."""

    standing: Standing

    @property
    def states(self) -> tuple[str, ...]:
        """Those of ``STATES`` that this carrier's API tells, or shows in its refusals."""

    @property
    def bonds(self) -> tuple[str, ...]:
        """What a number's calls can be bound to beside the app."""

    @property
    def numbers(self) -> tuple[str, ...]:
        """The account's numbers in E.164."""

    def own(self, numbers: Sequence[str]) -> None:
        """Have these numbers, in E.164; one that is kept keeps what was set for it."""

    def bind(self, to: str) -> None:
        """Bind the first number to one of ``bonds``; empty: to none of them."""


def change_account(desk: AccountDesk, fields: dict[str, object]) -> None:
    """Change what ``fields`` name of an account, and leave the rest.

    Raises:
        CommandError: REHEARSE-02; nothing was changed.
    """
    state = take_text(fields, "state") if "state" in fields else desk.standing.state
    bound = take_text(fields, "bound") if "bound" in fields else None
    numbers = _numbers(fields.pop("numbers")) if "numbers" in fields else None
    skew_s = fields.pop("clock_skew_s", desk.standing.clock_skew_s)
    if state not in desk.states:
        raise wrong_command(f"a state is one of {', '.join(desk.states)}")
    if bound and bound not in desk.bonds:
        raise wrong_command(f"a number is bound to one of {', '.join(desk.bonds)}")
    if bound and numbers == ():
        raise wrong_command("there is no number to bind")
    if not isinstance(skew_s, int | float) or isinstance(skew_s, bool) or fields:
        raise wrong_command("an account has a state, numbers, bound and clock_skew_s")
    if not abs(skew_s) <= _MOST_SKEW_S:
        raise wrong_command("no clock is that far off")
    desk.standing.state = state
    desk.standing.clock_skew_s = float(skew_s)
    if numbers is not None:
        desk.own(numbers)
    if bound is not None:
        desk.bind(bound)


def dated(standing: Standing) -> Any:  # noqa: ANN401 - aiohttp's middleware type is not public
    """Return the middleware that dates every answer by the carrier's clock."""

    @web.middleware
    async def date(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        response.headers["Date"] = formatdate(standing.now_s(), usegmt=True)
        return response

    return date


def _numbers(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise wrong_command("numbers is no list")
    if not all(isinstance(n, str) and is_e164(n) for n in value) or len(set(value)) < len(value):
        raise wrong_command("numbers are different texts in E.164")
    return tuple(value)
