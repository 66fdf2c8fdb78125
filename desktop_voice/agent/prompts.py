"""The prompts: files beside this module, completed with the owner's wishes and the time."""

from __future__ import annotations

from datetime import datetime
from importlib import resources

from desktop_voice.agent.manner import DESK, Manner, Trust


def system_prompt(now: datetime, instructions: str = "", manner: Manner = DESK) -> str:
    """Return the prompt for a conversation.

    What changes most often stands last: servers keep the unchanged beginning of a prompt warm.

    Args:
        now: The local date and time.
        instructions: The owner's own from the settings; may be blank. They may be private, and a
            model can be talked into telling its prompt: only the owner's conversations have them.
        manner: Who is answered, and how.
    """
    parts = [_read(manner.prompt)]
    if manner.tools:
        parts.append(_read("tools"))
    if instructions.strip() and manner.trust is Trust.OWNER:
        parts.append(f"The user asked you to keep to this:\n{instructions.strip()}")
    if manner.prompt == "phone" and manner.trust is Trust.OWNER:
        parts.append("On this call you are talking with your owner.")
    if manner.instructions.strip():
        parts.append(manner.instructions.strip())
    parts.append(f"It is {now:%A}, {now.day} {now:%B %Y}, {now:%H:%M} local time ({now:%Z}).")
    return "\n\n".join(parts)


def _read(name: str) -> str:
    return resources.files(__package__).joinpath("prompts", f"{name}.md").read_text("utf-8").strip()
