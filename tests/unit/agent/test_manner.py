"""Who is answered how."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from desktop_voice.agent.manner import DESK, Trust, granted, manner_for_call
from desktop_voice.core.calls import CallMode
from desktop_voice.core.phone_settings import ToolPolicy


class _Named:
    """A tool of which only the name matters here."""

    aliases: Sequence[str] = ()
    description = ""
    budget_s = 1.0

    def __init__(self, name: str) -> None:
        self.name = name
        self.parameters: Mapping[str, Any] = {}

    async def run(self, arguments: Mapping[str, Any]) -> str:
        return str(arguments)


_MOST = {
    (Trust.KNOWN, ToolPolicy.CURATED): ToolPolicy.CURATED,
    (Trust.KNOWN, ToolPolicy.FULL): ToolPolicy.CURATED,
    (Trust.OWNER, ToolPolicy.CURATED): ToolPolicy.CURATED,
    (Trust.OWNER, ToolPolicy.FULL): ToolPolicy.FULL,
}


@pytest.mark.parametrize("mode", CallMode)
@pytest.mark.parametrize("policy", ToolPolicy)
@pytest.mark.parametrize("trust", Trust)
def test_nobody_is_granted_more_than_the_setting_and_their_trust_allow(
    trust: Trust, policy: ToolPolicy, mode: CallMode
) -> None:
    expected = _MOST.get((trust, policy), ToolPolicy.NONE)
    if mode is CallMode.NOTIFY:
        expected = ToolPolicy.NONE
    assert granted(trust, policy, mode) is expected
    manner = manner_for_call(
        trust, policy, mode, curated=[_Named("note")], full=[_Named("voice_call")]
    )
    assert [tool.name for tool in manner.tools] == {
        ToolPolicy.NONE: [],
        ToolPolicy.CURATED: ["note"],
        ToolPolicy.FULL: ["note", "voice_call"],
    }[expected]
    assert (manner.prompt, manner.trust) == ("phone", trust)


def test_the_desk_is_the_owners_and_has_no_tools_of_its_own() -> None:
    assert (DESK.prompt, DESK.trust, DESK.tools) == ("desk", Trust.OWNER, ())
