"""What the user is told of another port or address of the server for the carrier."""

from __future__ import annotations

from collections.abc import Iterator

from desktop_voice.core.events import Notice
from desktop_voice.core.phone_settings import ServerSettings
from desktop_voice.reach.examination import admits_others


def notices(
    before: ServerSettings, now: ServerSettings, in_use: ServerSettings | None
) -> Iterator[Notice]:
    """Yield what a change is told with, once each.

    Args:
        before: The settings until now.
        now: The settings from now on.
        in_use: Those that the server was started with; None: it does not listen yet, and will with
            the settings as they are then.
    """
    place = (now.bind, now.port)
    if place == (before.bind, before.port):
        return
    if in_use is not None and place != (in_use.bind, in_use.port):
        yield Notice(
            f"The server for the carrier still listens on port {in_use.port} of {in_use.bind}: "
            f"port {now.port} of {now.bind} counts from the next start of the app.",
            "Quit the app when no call is going on, and start it again.",
        )
    if now.admits_others and now.bind != before.bind:
        error = admits_others(now.bind)
        yield Notice(error.what, error.do)
