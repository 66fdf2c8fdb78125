"""Unknown callers on the local API: who waits, who was let in, and the owner's word on both."""

from __future__ import annotations

from desktop_voice.core.callers import PairedCaller, WaitingCaller
from desktop_voice.core.ports import CallerActions
from desktop_voice.server.asked import ID, Asked, Route
from desktop_voice.server.local_json import Json


class CallersApi:
    """Answers on the media loop. A caller is let in only after the right code, as anywhere."""

    def __init__(self, callers: CallerActions) -> None:
        self._callers = callers

    @property
    def routes(self) -> tuple[Route, ...]:
        """What the local API is to serve besides its own."""
        return (
            ("GET", "callers", self._list),
            ("POST", f"callers/{ID}", self._settle),
            ("DELETE", f"callers/{ID}", self._remove),
        )

    async def _list(self, _asked: Asked) -> Json:
        return {
            "waiting": [_waiting_json(caller) for caller in self._callers.waiting()],
            "paired": [_paired_json(caller) for caller in await self._callers.paired()],
        }

    async def _settle(self, asked: Asked) -> Json:
        let_in = asked.flag("let_in")
        await self._callers.settle(asked.id, let_in)
        return {"call_id": asked.id, "let_in": let_in}

    async def _remove(self, asked: Asked) -> Json:
        await self._callers.remove(asked.id)
        return {"removed": asked.id}


def _waiting_json(caller: WaitingCaller) -> Json:
    return {
        "call_id": caller.call_id,
        "number": caller.number,
        "is_code_given": caller.is_code_given,
        "code": caller.code,
    }


def _paired_json(caller: PairedCaller) -> Json:
    return {"number": caller.number, "label": caller.label, "since": caller.at.isoformat()}
