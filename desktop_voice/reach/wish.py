"""The wish of a set-up, as changes of settings."""

from __future__ import annotations

from pydantic import ValidationError

from desktop_voice.core.errors import CommandError
from desktop_voice.core.phone_settings import InboundPolicy
from desktop_voice.core.reach import SetUpWish
from desktop_voice.core.settings import SettingChange, Settings


def changes_for(wish: SetUpWish, settings: Settings) -> tuple[SettingChange, ...]:
    """Return what has to change in ``settings`` for ``wish``; empty if nothing has.

    Who names numbers that may call lets in those; a number that nobody may call would be of no
    use, so that unknown callers are asked for a code where nothing else is said.

    Raises:
        CommandError: A value cannot be (``SETUP-01``).
    """
    is_other = settings.phone.carrier.value != wish.carrier.value
    wanted: dict[tuple[str, str], object] = {("phone", "carrier"): wish.carrier.value}
    if wish.number or is_other:
        # Another carrier's number is none of this one's.
        wanted["phone", "number"] = wish.number
    if wish.tunnel is not None:
        wanted["tunnel", "provider"] = wish.tunnel.value
    policy = wish.policy or _usual_policy(wish, settings)
    if policy is not None:
        wanted["inbound", "policy"] = policy.value
    if wish.allow_from is not None:
        wanted["inbound", "allow_from"] = list(wish.allow_from)
    if wish.greeting is not None:
        wanted["phone", "greeting"] = wish.greeting
    changes = tuple(
        (section, field, value)
        for (section, field), value in wanted.items()
        if getattr(getattr(settings, section), field) != value
    )
    try:
        settings.with_values(changes)
    except ValidationError as error:
        where = error.errors()[0]["loc"]
        raise CommandError(
            "SETUP-01",
            f"“{where[1] if len(where) > 1 else where[0]}” cannot be set to that.",
            "Numbers are written like +14155550123; a greeting has at most 200 characters.",
        ) from None
    return changes


def _usual_policy(wish: SetUpWish, settings: Settings) -> InboundPolicy | None:
    """Who may call in where the wish leaves it open; None: as it is."""
    if wish.allow_from:
        return InboundPolicy.ALLOWLIST
    is_closed = settings.inbound.policy is InboundPolicy.DISABLED
    return InboundPolicy.PAIRING if is_closed else None
