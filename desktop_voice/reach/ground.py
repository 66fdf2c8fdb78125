"""The ground that reach stands on: what the phone lends it, and whom it tells."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from desktop_voice.core.errors import DesktopVoiceError, PhoneError
from desktop_voice.core.events import Event
from desktop_voice.core.settings import Settings
from desktop_voice.telephony.carriers.carrier import Carrier
from desktop_voice.tunnel.tunnel import Tunnel


@dataclass(frozen=True, slots=True)
class Ground:
    """Services of the phone; used on the media loop where nothing else is said.

    Attributes:
        settings: The settings in use.
        carrier: Returns the carrier in use. Raises DesktopVoiceError: why there is none.
        listen: Makes the listener listen and returns its port. Raises PhoneError.
        use_base: Makes the listener answer for a public base (or none); the flag says whether
            requests come through a cloudflared of our own.
        make_tunnel: Makes a tunnel as the settings say, or None if they want none; with True it
            may fetch its program. Called in a worker thread. Raises PhoneError.
        engines: Returns what keeps calls from being answered, or None.
        publish: Tells everybody.
    """

    settings: Callable[[], Settings]
    carrier: Callable[[], Carrier]
    listen: Callable[[], Awaitable[int]]
    use_base: Callable[[str, bool], None]
    make_tunnel: Callable[[bool], Tunnel | None]
    engines: Callable[[], DesktopVoiceError | None]
    publish: Callable[[Event], None]


def cannot_talk() -> PhoneError:
    """There are no engines for a media stream."""
    return PhoneError(
        "PHONE-15",
        "This machine cannot hear or speak on calls; only the carrier's own voice works.",
        "See the engines in Settings > Speech, or run “desktop-voice doctor”.",
    )
