"""A stored transcript as the turns of a conversation view."""

from __future__ import annotations

from collections.abc import Sequence

from desktop_voice.core.calls import TranscriptLine
from desktop_voice.ui.widgets.conversation import Entry, Speaker, split_heard

_SPEAKERS: dict[str, Speaker] = {
    "caller": "user",
    "assistant": "assistant",
    "operator": "operator",
}


def entries_of(lines: Sequence[TranscriptLine]) -> list[Entry]:
    """Return the lines as entries, in the order of their numbers."""
    entries = []
    for line in sorted(lines, key=lambda line: line.seq):
        if line.role == "caller":
            entries.append(Entry("user", line.text))
        else:
            entries.append(Entry(_SPEAKERS[line.role], *split_heard(line.text, line.heard)))
    return entries
