"""The desk assistant with the real engines, talked to over files and typed to."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from desktop_voice.agent.alarms import Alarms
from desktop_voice.core import events as ev
from desktop_voice.core.approvals import Approval
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import CallState, CarrierName, EndReason
from desktop_voice.core.errors import EngineError
from desktop_voice.core.phone_settings import InboundPolicy
from desktop_voice.core.settings import ModelSettings, Settings
from desktop_voice.core.states import AssistantState as S
from desktop_voice.desk.assistant import DeskAssistant
from desktop_voice.dialogue.lines.file import FileLine
from desktop_voice.speech import registry
from desktop_voice.speech.stt.recogniser import SpeechToText
from tests.helpers.calls import NOON, a_call, an_order
from tests.helpers.dialogue import Events, ScriptLine, settle
from tests.helpers.model_server import model_server
from tests.helpers.phone_setup import KEY_NAMES, ScriptedPhone
from tests.helpers.recordings import join, quiet, recordings_or_skip, write_wav
from tests.helpers.virtual_clock import VirtualClock
from tests.unit.core.test_secret_text import ALL, SID, TOKEN

pytestmark = pytest.mark.timeout(60)


@dataclass
class Home:
    """An assistant that runs until the test is over."""

    assistant: DeskAssistant
    bus: EventBus
    events: Events
    clock: VirtualClock
    alarms_file: Path
    running: list[asyncio.Task[None]] = field(default_factory=list)

    def state(self) -> S:
        return self.assistant.state

    @property
    def errors(self) -> list[str]:
        return [event.code for event in self.events.of(ev.ErrorRaised)]

    async def ready(self, count: int = 1) -> None:
        await self.events.next(ev.EnginesReady, count)

    async def ask(self, text: str) -> str:
        """Type ``text`` and return what was heard of the reply."""
        replies = len(self.events.of(ev.AssistantTurn))
        self.assistant.submit_text(text)
        return (await self.events.next(ev.AssistantTurn, replies + 1)).heard

    async def until_state(self, state: S) -> None:
        await self.events.until(lambda: self.state() is state)

    def start(self) -> None:
        self.running.append(asyncio.create_task(self.assistant.run()))

    async def stop(self) -> None:
        await self.assistant.close()
        await asyncio.gather(*self.running, return_exceptions=True)


@asynccontextmanager
async def home(
    tmp_path: Path,
    settings: Settings | None = None,
    *,
    line: ScriptLine | None = None,
) -> AsyncIterator[Home]:
    bus, clock = EventBus(), VirtualClock()
    silence = write_wav(tmp_path / "silence.wav", quiet(200))
    alarms_file = tmp_path / "alarms.json"
    assistant = DeskAssistant(
        settings or Settings(),
        bus,
        clock,
        alarms_file,
        lambda: line or FileLine(silence, is_paced=False, line_id="desk"),
    )
    here = Home(assistant, bus, Events(bus), clock, alarms_file)
    here.start()
    try:
        yield here
    finally:
        await here.stop()


def _with(section: str, name: str, value: object) -> Settings:
    return Settings().with_value(section, name, value)


async def test_it_loads_its_engines_and_arms(tmp_path: Path) -> None:
    async with home(tmp_path) as h:
        assert h.state() is S.OFF
        await h.ready()
        await h.until_state(S.ARMED)
        assert dict(h.events.of(ev.EnginesReady)[0].names) == {
            "wake": "micro",
            "vad": "silero",
            "stt": "moonshine",
            "tts": "espeak",
        }
        assert "en-us" in [voice.key for voice in h.assistant.voices()]
        assert "hey_jarvis" in [word.key for word in h.assistant.wake_words()]
        assert "moonshine" in [engine.key for engine in h.assistant.engines("stt")]
        assert h.errors == []
    assert h.state() is S.OFF


async def test_what_was_typed_before_the_engines_were_loaded_is_answered_then(
    tmp_path: Path,
) -> None:
    async with home(tmp_path) as h:
        assert "three forty-five" in await h.ask("what time is it")
        assert h.events.of(ev.UserTurn)[0].source == "keyboard"
        assert h.errors == []


async def test_a_wake_word_that_is_chosen_later_wakes_without_a_restart(tmp_path: Path) -> None:
    clip = join(
        [recordings_or_skip().load("wake/pymww/okay_nabu/1.wav")],
        gap_ms=0,
        before_ms=800,
        after_ms=500,
    )
    line = ScriptLine()
    async with home(tmp_path, line=line) as h:
        await h.ready()
        await line.hear(clip)
        assert h.events.of(ev.WakeHeard) == []
        h.assistant.apply_settings(_with("wake", "phrases", ["okay_nabu"]))
        await h.ready(2)
        await line.hear(clip)
        assert [event.phrase for event in h.events.of(ev.WakeHeard)] == ["okay_nabu"]


async def test_a_voice_that_is_chosen_later_speaks_the_next_reply(tmp_path: Path) -> None:
    async with home(tmp_path, _with("speech", "voice", "no-such-voice")) as h:
        await h.ask("what time is it")
        assert h.errors == ["TTS-04"]
        h.assistant.apply_settings(_with("speech", "voice", "en-us"))
        await h.ready(2)
        assert await h.ask("what time is it") != ""
        assert h.errors == ["TTS-04"], h.events.of(ev.ErrorRaised)


async def test_without_a_recogniser_it_says_so_and_answers_what_is_typed(tmp_path: Path) -> None:
    async with home(tmp_path, _with("speech", "stt_engine", "nope")) as h:
        await h.ready()
        (error,) = h.events.of(ev.ErrorRaised)
        assert error.code == "STT-01"
        assert "nope" in error.what
        assert error.do
        assert h.state() is S.FAULT
        assert "three forty-five" in await h.ask("what time is it")
        await h.until_state(S.FAULT)


@pytest.mark.parametrize(
    ("section", "name", "code", "state"),
    [
        ("speech", "vad_engine", "VAD-01", S.FAULT),
        ("speech", "tts_engine", "TTS-01", S.ARMED),
        ("wake", "engine", "WAKE-01", S.ARMED),
    ],
)
async def test_each_missing_engine_is_told_of_and_typing_goes_on(
    tmp_path: Path, section: str, name: str, code: str, state: S
) -> None:
    async with home(tmp_path, _with(section, name, "nope")) as h:
        await h.ready()
        assert h.errors == [code]
        assert h.assistant.state is state
        assert "three forty-five" in await h.ask("what time is it")


async def test_choosing_an_engine_that_works_leaves_the_fault(tmp_path: Path) -> None:
    async with home(tmp_path, _with("speech", "stt_engine", "nope")) as h:
        await h.ready()
        assert h.state() is S.FAULT
        h.assistant.apply_settings(Settings())
        await h.ready(2)
        assert h.state() is S.ARMED


async def test_after_a_retry_that_works_it_hears_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_stt, failures = registry.load_stt, [EngineError("STT-09", "It broke.", "Try again.")]

    def fail_once(settings: Settings) -> SpeechToText:
        if failures:
            raise failures.pop()
        return load_stt(settings)

    monkeypatch.setattr(registry, "load_stt", fail_once)
    files = recordings_or_skip()
    pieces = [
        files.load("wake/pymww/hey_jarvis/1.wav"),
        files.load("stt/azure/whatstheweatherlike.wav"),
    ]
    line = ScriptLine()
    async with home(tmp_path, line=line) as h:
        await h.ready()
        assert h.state() is S.FAULT
        h.assistant.retry()
        await h.ready(2)
        await line.hear(join(pieces, gap_ms=300, before_ms=800, after_ms=1500))
        assert "weather" in (await h.events.next(ev.UserTurn)).text


async def test_an_engine_that_is_changed_while_it_listens_leaves_it_armed(tmp_path: Path) -> None:
    async with home(tmp_path) as h:
        await h.ready()
        h.assistant.press_talk()
        await h.until_state(S.LISTENING)
        h.assistant.apply_settings(_with("speech", "stt_engine", "nope"))
        await h.ready(2)
        assert h.state() is S.FAULT
        h.assistant.release_talk()
        h.assistant.apply_settings(Settings())
        await h.ready(3)
        assert h.state() is S.ARMED
        assert "three" in await h.ask("what time is it")


async def test_the_volume_is_changed_by_voice_within_its_limits(tmp_path: Path) -> None:
    async with home(tmp_path, _with("audio", "volume_percent", 50)) as h:
        await h.ask("set the volume to 30 percent")
        assert await h.events.next(ev.SettingChanged) == ev.SettingChanged(
            "audio", "volume_percent", 30
        )
        await h.ask("volume up")
        louder = await h.events.next(ev.SettingChanged, 2)
        assert 30 < louder.value <= 60


async def test_muting_by_word_closes_the_microphone(tmp_path: Path) -> None:
    async with home(tmp_path) as h:
        h.assistant.submit_text("mute the microphone")
        await h.events.until(lambda: h.assistant.is_muted)
        h.assistant.set_muted(False)
        await h.events.until(lambda: not h.assistant.is_muted)


async def test_a_timer_rings_and_is_announced(tmp_path: Path) -> None:
    async with home(tmp_path) as h:
        assert await h.ask("set a timer for five minutes") != ""
        h.clock.advance(301)
        rang = await h.events.next(ev.AlarmRang)
        assert "timer" in rang.text
        await h.events.until(lambda: rang.text in [e.text for e in h.events.of(ev.ReplyText)])


async def test_an_alarm_that_was_missed_is_announced_at_the_start(tmp_path: Path) -> None:
    clock = VirtualClock()
    Alarms(tmp_path / "alarms.json", clock).set_alarm(clock.now() - timedelta(hours=1))
    async with home(tmp_path) as h:
        rang = await h.events.next(ev.AlarmRang)
        shown = await h.events.next(ev.ReplyText)
        assert shown.text in rang.text


async def test_it_may_be_closed_and_run_again(tmp_path: Path) -> None:
    async with home(tmp_path) as h:
        await h.ready()
        await h.until_state(S.ARMED)
        await h.assistant.close()
        assert h.state() is S.OFF
        h.start()
        await h.ready(2)
        await h.until_state(S.ARMED)
        assert "three forty-five" in await h.ask("what time is it")
        assert h.errors == []


async def test_closing_while_it_loads_is_no_trouble(tmp_path: Path) -> None:
    async with home(tmp_path) as h:
        await asyncio.sleep(0)
        await h.assistant.close()
        assert h.state() is S.OFF
    assert h.state() is S.OFF
    assert h.errors == []


async def test_closing_leaves_no_task(tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    async with home(tmp_path) as h:
        await h.ask("what time is it")
        h.assistant.submit_text("tell me a joke")
    assert asyncio.all_tasks() == before


async def test_commands_before_the_start_and_after_the_end_do_no_harm(tmp_path: Path) -> None:
    async with home(tmp_path) as h:
        h.assistant.press_talk()
        h.assistant.release_talk()
        h.assistant.stop_reply()
        await h.ready()
    h.assistant.submit_text("hello")
    h.assistant.toggle_talk()
    h.assistant.retry()
    assert h.assistant.voices() != []


async def test_esc_ends_a_voice_sample(tmp_path: Path) -> None:
    line = ScriptLine()
    async with home(tmp_path, line=line) as h:
        await h.ready()
        h.assistant.preview_voice("This is how I sound when I talk for a while.", "en-us", 170)
        await line.has_queued.wait()
        clears = line.clears
        h.assistant.stop_reply()
        await settle()
        assert line.clears > clears
        assert line.still_to_play_ms == 0
        assert h.errors == []


# --- setting the phone up ---


def _spoken_keys(h: Home, logs: Sequence[object]) -> list[str]:
    """Return the keys that the rest of the app has seen."""
    seen = repr(h.events.all) + repr(logs)
    return [name for name, value in ALL.items() if value in seen]


async def test_the_phone_is_set_up_at_the_desk_and_no_key_is_seen(tmp_path: Path) -> None:
    phone, carrier = ScriptedPhone(), CarrierName.TELNYX
    with capture_logs() as logs:
        async with home(tmp_path) as h:
            await h.ready()
            h.assistant.use_phone_setup(phone)
            await h.ask(f"I want to use {carrier} for calls")
            for name in KEY_NAMES[carrier]:
                await h.ask(ALL[name])
            await h.ask("Cloudflare")
            assert "Back to your phone" in await h.ask("what time is it")
            assert "Is that right?" in await h.ask("only accept calls from +15559876543")
            assert phone.settings.inbound.policy is InboundPolicy.DISABLED
            await h.ask("yes")
            assert "works" in await h.ask("Hello, how can I help you?")
            assert h.errors == []
            assert [tool.name for tool in h.events.of(ev.ToolRan)][-1] == "phone.set_up"
            assert _spoken_keys(h, logs) == []
    assert phone.vault == {name: ALL[name] for name in KEY_NAMES[carrier]}
    assert phone.settings.inbound.allow_from == ["+15559876543"]


async def test_a_model_is_told_of_no_key(tmp_path: Path) -> None:
    async with model_server() as server:
        chosen = Settings().model_copy(
            update={"model": ModelSettings(base_url=server.base_url, model="small-model")}
        )
        async with home(tmp_path, chosen) as h:
            await h.ready()
            h.assistant.use_phone_setup(ScriptedPhone())
            await h.ask(f"My Twilio Account SID is {SID}")
            await h.ask(f"never mind, and what is {TOKEN}?")
            await h.ask("cancel")
            await h.ask("Where is Paris?")
            told = repr(server.requests)
    assert "Where is Paris?" in told
    assert "[twilio_account_sid]" in told
    assert SID not in told
    assert TOKEN not in told


async def test_how_an_asked_call_ended_is_told_and_its_model_can_look_it_up(tmp_path: Path) -> None:
    async with model_server() as server:
        chosen = Settings().model_copy(
            update={"model": ModelSettings(base_url=server.base_url, model="small-model")}
        )
        async with home(tmp_path, chosen) as h:
            await h.ready()
            order = an_order()
            h.bus.publish(ev.ApprovalRequested(Approval("one", order, order.sha256, NOON)))
            call = a_call(approval_id="one", state=CallState.ENDED, reason=EndReason.BUSY)
            h.bus.publish(ev.CallChanged(call))
            notice = await h.events.next(ev.Notice)
            await h.until_state(S.SPEAKING)
            await h.ask("Where is Paris?")
            told = repr(server.requests)
    assert notice.what == "The call to +1 415-555-0123 is over. The line was busy."
    assert call.id in told


async def test_a_call_that_cannot_be_placed_is_said(tmp_path: Path) -> None:
    async with home(tmp_path) as h:
        await h.ready()
        h.bus.publish(ev.CallRefused("elsewhere", "No.", "Do nothing."))
        h.bus.publish(ev.CallRefused("desk", "No phone carrier is set up.", "Choose one."))
        words = ("I cannot place that call.", "No phone carrier is set up.", "Choose one.")
        await h.events.until(lambda: len(h.events.of(ev.ReplyText)) == len(words))
        assert tuple(event.text for event in h.events.of(ev.ReplyText)) == words


async def test_the_number_may_follow_the_name(tmp_path: Path) -> None:
    async with home(tmp_path) as h:
        await h.ready()
        assert "number" in await h.ask("Call Anna and tell her the server is back up")
        (by_name,) = [await h.events.next(ev.CallRequested)]
        confirm = await h.ask("Her number is +1 415 555 0123")
        assert confirm == "I will ask you to confirm the call."
        by_number = await h.events.next(ev.CallRequested, 2)
        assert by_number == replace(by_name, callee="+1 415 555 0123")


async def test_a_set_up_that_takes_its_time_is_stopped_by_the_user(tmp_path: Path) -> None:
    phone = ScriptedPhone(vault=dict.fromkeys(KEY_NAMES[CarrierName.TWILIO], "kept"))
    phone.gate.clear()
    async with home(tmp_path) as h:
        await h.ready()
        h.assistant.use_phone_setup(phone)
        for text in ("I want to use Twilio for calls", "ngrok", "skip", "ask for a code"):
            await h.ask(text)
        h.assistant.submit_text("skip")
        await phone.started.wait()
        h.assistant.stop_reply()
        await h.until_state(S.ARMED)
        await h.events.until(lambda: phone.given_up == 1)
        assert phone.settings == Settings()
        phone.gate.set()
        assert "works" in await h.ask("try again")


async def test_without_the_phone_it_says_where_it_is_set_up(tmp_path: Path) -> None:
    async with home(tmp_path) as h:
        await h.ready()
        assert "desktop-voice setup phone" in await h.ask("I want to receive phone calls")
        assert "not kept" in await h.ask(f"my auth token is {TOKEN}")
        assert TOKEN not in repr(h.events.all)
