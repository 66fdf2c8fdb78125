"""The callee question: a call to a name waits for one turn, in which the number may come."""

from __future__ import annotations

import re
from dataclasses import replace

from desktop_voice.agent.intents.call import is_number, read_callee
from desktop_voice.agent.reply import Call

_LEAD = re.compile(r"(?:it['’]?s|it is|(?:the|his|her|their) number is)\s+", re.IGNORECASE)


class CalleeQuestion:
    """Keeps what was to be told somebody whose number the user was asked for."""

    def __init__(self) -> None:
        self._waiting: Call | None = None

    def asked_for(self, call: Call) -> None:
        """Note a call that the user asked for; one to a name waits for the number."""
        self._waiting = None if is_number(call.callee) else call

    def answered_by(self, text: str) -> Call | None:
        """Return the call that waited, if ``text`` is the number; else it waits no longer."""
        waiting, self._waiting = self._waiting, None
        callee = read_callee(_LEAD.sub("", text.strip(), count=1)) if waiting is not None else None
        if waiting is None or callee is None or not is_number(callee):
            return None
        return replace(waiting, callee=callee)
