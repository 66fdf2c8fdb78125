"""The fields of a command to the rehearsal, and what is said of a command that is wrong."""

from __future__ import annotations

from desktop_voice.core.errors import CommandError


def take_text(fields: dict[str, object], name: str) -> str:
    """Take a text out of the fields.

    Raises:
        CommandError: REHEARSE-02, if it is missing or not a text.
    """
    value = fields.pop(name, None)
    if not isinstance(value, str):
        raise wrong_command(f"{name} is missing or not a text")
    return value


def take_number(fields: dict[str, object], name: str, default: int) -> int:
    """Take a whole number, not negative, out of the fields.

    Raises:
        CommandError: REHEARSE-02, if it is something else.
    """
    value = fields.pop(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise wrong_command(f"{name} is no whole number")
    return value


def wrong_command(what: str) -> CommandError:
    """Return the error of a command that cannot be carried out."""
    return CommandError(
        "REHEARSE-02",
        f"The rehearsal does not understand the command: {what}.",
        "Correct the command; docs/rehearsal.md lists them.",
    )
