"""The prompts: files beside this module, completed with the user's wishes and the time."""

from __future__ import annotations

from datetime import datetime
from importlib import resources


def system_prompt(now: datetime, instructions: str = "") -> str:
    """Return the prompt for a conversation at the desk.

    What changes most often stands last: servers keep the unchanged beginning of a prompt warm.

    Args:
        now: The local date and time.
        instructions: The user's own, added to ours; may be blank.
    """
    parts = [resources.files(__package__).joinpath("prompts", "desk.md").read_text("utf-8").strip()]
    if instructions.strip():
        parts.append(f"The user asked you to keep to this:\n{instructions.strip()}")
    parts.append(f"It is {now:%A}, {now.day} {now:%B %Y}, {now:%H:%M} local time ({now:%Z}).")
    return "\n\n".join(parts)
