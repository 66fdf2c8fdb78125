"""The phone set up by talking at the desk: from “I want to receive phone calls” to an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import structlog

from desktop_voice.audio.frames import SAMPLE_RATE_HZ, Pcm
from desktop_voice.audio.resample import resample
from desktop_voice.core import events as ev
from desktop_voice.core.calls import CallState, CarrierName
from desktop_voice.core.clock import SystemClock
from desktop_voice.core.phone_settings import InboundPolicy
from desktop_voice.core.reach import ReachState
from desktop_voice.core.settings import LogLevel, Settings
from desktop_voice.core.states import AssistantState
from desktop_voice.desk.assistant import DeskAssistant
from desktop_voice.speech import registry
from desktop_voice.speech.tts.synthesiser import TextToSpeech
from desktop_voice.system.logs import configure_logs
from desktop_voice.telephony.carriers.credentials import SECRET_NAMES
from tests.helpers.dialogue import Events, ScriptLine
from tests.helpers.reach_lab import CALLER, QUICK, ReachLab, reach_lab
from tests.helpers.recordings import quiet
from tests.helpers.vault import PASSPHRASE

pytestmark = pytest.mark.timeout(120)
DEADLINE_S = 60.0


@dataclass
class Talk:
    """The owner at the desk, who types and speaks."""

    lab: ReachLab
    assistant: DeskAssistant
    events: Events
    line: ScriptLine
    voice: TextToSpeech

    async def type(self, text: str) -> str:
        """Type a line; return what was heard of the reply."""
        replies = len(self.events.of(ev.AssistantTurn))
        self.assistant.submit_text(text)
        return await self._reply(replies + 1)

    async def say(self, text: str) -> str:
        """Say a line while the key is held; return what was heard of the reply."""
        # Said sooner, it could be what the last turn goes on with.
        async with asyncio.timeout(DEADLINE_S):
            await self.events.until(lambda: self.assistant.state is AssistantState.ARMED)
        replies = len(self.events.of(ev.AssistantTurn))
        self.assistant.press_talk()
        await self.line.hear(quiet(400), self._sound(text), quiet(400))
        self.assistant.release_talk()
        return await self._reply(replies + 1)

    @property
    def said(self) -> list[str]:
        """Everything said so far, by both."""
        kinds = (ev.UserTurn, ev.AssistantTurn)
        return [event.text for event in self.events.all if isinstance(event, kinds)]

    async def _reply(self, count: int) -> str:
        async with asyncio.timeout(DEADLINE_S):
            return (await self.events.next(ev.AssistantTurn, count)).heard

    def _sound(self, text: str) -> Pcm:
        pieces = list(self.voice.synthesise(text, voice="en-us", rate_wpm=150))
        return resample(np.concatenate(pieces), self.voice.sample_rate_hz, SAMPLE_RATE_HZ)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "log"
    configure_logs(path, LogLevel.DEBUG, stderr=False)
    yield path
    structlog.reset_defaults()


@asynccontextmanager
async def at_the_desk(folder: Path, carrier: CarrierName) -> AsyncIterator[Talk]:
    """Sit at a desk whose phone was never set up; the vault is open and empty."""
    voice = registry.load_tts(Settings())
    line = ScriptLine()
    async with reach_lab(folder, carrier, pace=QUICK, keys_in_vault=True) as lab:
        await asyncio.wrap_future(lab.vault.create(PASSPHRASE))
        await lab.set_up.refresh()
        events = Events(lab.bus)
        assistant = DeskAssistant(
            Settings(), lab.bus, SystemClock(), folder / "alarms.json", lambda: line
        )
        running = asyncio.create_task(assistant.run())
        going = asyncio.create_task(_time_goes_by(line))
        try:
            await events.next(ev.EnginesReady)
            assistant.use_phone_setup(lab.set_up)
            yield Talk(lab, assistant, events, line, voice)
        finally:
            going.cancel()
            await asyncio.gather(going, return_exceptions=True)
            await assistant.close()
            line.hang_up()
            await asyncio.gather(running, return_exceptions=True)
            voice.close()


async def _time_goes_by(line: ScriptLine) -> None:
    """Let silence be heard faster than it passes, so that replies are played."""
    while True:
        await line.hear(quiet(20))
        await asyncio.sleep(0.001)


async def _calls_are_answered(talk: Talk) -> None:
    lab = talk.lab
    assert lab.service.reach.reach.state is ReachState.READY
    assert lab.service.settings.inbound.policy is InboundPolicy.ALLOWLIST
    assert lab.service.settings.inbound.allow_from == [CALLER]
    ref = await lab.rehearsal.dial(lab.carrier, CALLER, kind="silent")
    async with asyncio.timeout(DEADLINE_S):
        await talk.events.until(
            lambda: any(
                event.call.state is CallState.TALKING for event in talk.events.of(ev.CallChanged)
            )
        )
    await lab.rehearsal.far_hang_up(ref)
    await lab.rehearsal.wait_for("call", ref=ref, state="ended")


def _hides_keys(talk: Talk, log: Path) -> None:
    told = repr(talk.events.all)
    logged = log.read_text()
    assert "tunnel_status" in logged
    for name, secret in talk.lab.secrets.items():
        assert secret not in told, name
        assert secret not in logged, name
        assert talk.lab.vault.key(name) == secret


@pytest.mark.parametrize("carrier", CarrierName)
async def test_a_typed_talk_ends_with_an_answered_call(
    carrier: CarrierName, tmp_path: Path, log: Path
) -> None:
    async with at_the_desk(tmp_path, carrier) as talk:
        assert "Which phone company" in await talk.type("I want to receive phone calls")
        await talk.type(carrier.value)
        for name in SECRET_NAMES[carrier]:
            assert "vault" in await talk.type(talk.lab.secrets[name])
        await talk.type("Cloudflare")
        assert "Is that right?" in await talk.type(f"only accept calls from {CALLER}")
        await talk.type("yes")
        assert "works" in await talk.type("skip")
        await _calls_are_answered(talk)
        assert "keys" not in (await talk.type("check the voice call configuration")).lower()
        _hides_keys(talk, log)


async def test_a_spoken_talk_ends_with_an_answered_call(tmp_path: Path, log: Path) -> None:
    async with at_the_desk(tmp_path, CarrierName.TWILIO) as talk:
        assert "Which phone company" in await talk.say("I want to receive phone calls.")
        # Names and keys are typed: no recogniser writes them as they are.
        await talk.type("Twilio")
        for name in SECRET_NAMES[CarrierName.TWILIO]:
            await talk.type(talk.lab.secrets[name])
        # Of fewer words the recogniser makes others when this voice says them.
        assert "Who may call" in await talk.say("The first one, please."), talk.said
        assert "Is that right?" in await talk.type(f"only accept calls from {CALLER}")
        assert "hear first" in await talk.say("Yes."), talk.said
        assert "works" in await talk.type("skip"), talk.said
        await _calls_are_answered(talk)
        _hides_keys(talk, log)
        spoken = [event.text for event in talk.events.of(ev.UserTurn)]
        assert "phone calls" in spoken[0]
