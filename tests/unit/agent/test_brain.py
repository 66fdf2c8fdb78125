"""The brain: intents first and for nothing, then the model, with patience."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from desktop_voice.agent.alarms import Alarms
from desktop_voice.agent.brain import NO_MODEL, NO_MODEL_ON_CALLS, Brain
from desktop_voice.agent.history import History
from desktop_voice.agent.manner import Manner, Trust
from desktop_voice.agent.model_reply import APOLOGY, BROKEN_OFF, FILLER
from desktop_voice.agent.reply import Did, Do, EndCall, Filler, Problem, ReplyPart, Say
from desktop_voice.core.settings import ModelSettings
from tests.helpers.model_server import Mode, ModelServer, model_server, unused_port
from tests.helpers.virtual_clock import VirtualClock

QUESTION = "Where is Paris?"
ANSWER = [Say("Paris "), Say("is "), Say("in "), Say("France.")]


def _settings(
    server: ModelServer | None = None,
    fallback: ModelServer | None = None,
    *,
    filler_s: float = 30.0,
    fallback_s: float = 40.0,
    apology_s: float = 60.0,
    instructions: str = "",
) -> ModelSettings:
    """Settings with delays below their limits, so that no test has to wait."""
    return ModelSettings.model_construct(
        base_url=server.base_url if server else "",
        model="small-model" if server else "",
        fallback_base_url=fallback.base_url if fallback else "",
        fallback_model="other-model" if fallback else "",
        fallback_api_key_env="",
        filler_after_s=filler_s,
        fallback_after_s=fallback_s,
        apology_after_s=apology_s,
        instructions=instructions,
    )


@pytest.fixture
def alarms(tmp_path: Path) -> Alarms:
    return Alarms(tmp_path / "alarms.json", VirtualClock())


def _brain(settings: ModelSettings, alarms: Alarms) -> Brain:
    return Brain(settings, clock=VirtualClock(), alarms=alarms)


async def _reply(brain: Brain, text: str, history: History | None = None) -> list[ReplyPart]:
    try:
        return [part async for part in brain.answer(text, history or History())]
    finally:
        await brain.close()


def _problem_codes(parts: list[ReplyPart]) -> list[str]:
    return [part.error.code for part in parts if isinstance(part, Problem)]


async def test_a_built_in_intent_costs_the_model_nothing(alarms: Alarms) -> None:
    async with model_server() as server:
        parts = await _reply(_brain(_settings(server), alarms), "What time is it?")
        assert parts == [Did("clock.time"), Say("It's three forty-five p.m.")]
        assert server.requests == []


async def test_anything_else_is_answered_by_the_model(alarms: Alarms) -> None:
    async with model_server() as server:
        assert await _reply(_brain(_settings(server), alarms), QUESTION) == ANSWER


async def test_without_a_model_it_says_so_and_how_to_add_one(alarms: Alarms) -> None:
    parts = await _reply(_brain(_settings(), alarms), QUESTION)
    assert parts == [Say(NO_MODEL)]
    assert "Settings" in NO_MODEL


async def test_nothing_said_is_nothing_answered(alarms: Alarms) -> None:
    async with model_server() as server:
        assert await _reply(_brain(_settings(server), alarms), "  ") == []


@pytest.mark.parametrize("is_in_history", [True, False])
async def test_the_model_is_told_the_prompt_the_history_and_the_question_once(
    alarms: Alarms, is_in_history: bool
) -> None:
    history = History()
    history.add_user("Hello.")
    history.add_assistant("Good day.")
    if is_in_history:
        history.add_user(QUESTION)
    async with model_server() as server:
        settings = _settings(server, instructions="Call me Sam.")
        await _reply(_brain(settings, alarms), QUESTION, history)
        prompt, *turns = server.requests[0]["messages"]
    assert turns == [
        {"role": "user", "content": "Hello."},
        {"role": "assistant", "content": "Good day."},
        {"role": "user", "content": QUESTION},
    ]
    assert prompt["role"] == "system"
    assert "Call me Sam." in prompt["content"]
    assert "Friday, 20 November 2026, 15:45" in prompt["content"]


async def test_a_slow_model_is_covered_by_a_filler(alarms: Alarms) -> None:
    async with model_server(Mode.SLOW_FIRST_TOKEN) as server:
        brain = _brain(_settings(server, filler_s=0.05), alarms)
        parts = []
        async for part in brain.answer(QUESTION, History()):
            parts.append(part)
            server.release.set()
        await brain.close()
    assert parts == [Filler(FILLER), *ANSWER]


async def test_a_stalled_model_is_dropped_for_the_fallback(alarms: Alarms) -> None:
    async with model_server(Mode.STALLS) as stalled, model_server() as good:
        settings = _settings(stalled, good, filler_s=0.05, fallback_s=0.4)
        assert await _reply(_brain(settings, alarms), QUESTION) == [Filler(FILLER), *ANSWER]
        if stalled.requests:  # a busy machine may have given up on it before it was asked
            await stalled.hung_up.wait()
        assert good.requests[0]["model"] == "other-model"


async def test_a_refusing_model_is_shown_while_the_fallback_answers(alarms: Alarms) -> None:
    async with model_server(Mode.UNAUTHORISED) as refusing, model_server() as good:
        parts = await _reply(_brain(_settings(refusing, good), alarms), QUESTION)
    assert parts[:-1] == ANSWER
    assert _problem_codes(parts) == ["MODEL-02"]


async def test_a_model_that_never_answers_ends_in_an_apology(alarms: Alarms) -> None:
    async with model_server(Mode.STALLS) as server:
        settings = _settings(server, filler_s=0.05, fallback_s=0.1, apology_s=0.3)
        parts = await _reply(_brain(settings, alarms), QUESTION)
    assert parts[:2] == [Filler(FILLER), Say(APOLOGY)]
    assert _problem_codes(parts) == ["MODEL-09"]


async def test_when_both_fail_the_first_failure_is_told(alarms: Alarms) -> None:
    async with model_server(Mode.UNKNOWN_MODEL) as one, model_server(Mode.SERVER_ERROR) as two:
        parts = await _reply(_brain(_settings(one, two), alarms), QUESTION)
    assert parts[0] == Say(APOLOGY)
    assert _problem_codes(parts) == ["MODEL-03"]


async def test_no_server_at_all_is_told_at_once(alarms: Alarms) -> None:
    nobody = ModelServer(port=await unused_port())
    parts = await _reply(_brain(_settings(nobody), alarms), QUESTION)
    assert parts[0] == Say(APOLOGY)
    assert _problem_codes(parts) == ["MODEL-01"]


async def test_a_model_that_dies_half_way_leaves_what_it_said(alarms: Alarms) -> None:
    async with model_server(Mode.DIES_HALF_WAY) as server:
        parts = await _reply(_brain(_settings(server), alarms), QUESTION)
    assert parts[:-1] == [*ANSWER[:2], Say(BROKEN_OFF)]
    assert _problem_codes(parts) == ["MODEL-07"]


async def test_a_model_that_stalls_half_way_is_given_up(alarms: Alarms) -> None:
    async with model_server(Mode.STALLS_HALF_WAY) as server:
        parts = await _reply(_brain(_settings(server, fallback_s=0.5), alarms), QUESTION)
    assert parts[0] == ANSWER[0]
    assert parts[-2] == Say(BROKEN_OFF)
    assert _problem_codes(parts) == ["MODEL-09"]


async def test_a_reply_that_is_closed_hangs_up_on_the_model(alarms: Alarms) -> None:
    async with model_server(Mode.STALLS_HALF_WAY) as server:
        brain = _brain(_settings(server), alarms)
        async with aclosing(brain.answer(QUESTION, History())) as parts:
            assert await anext(parts) == ANSWER[0]
        await server.hung_up.wait()
        await brain.close()


async def test_a_reply_that_is_cancelled_hangs_up_on_the_model(alarms: Alarms) -> None:
    async with model_server(Mode.STALLS) as server:
        brain = _brain(_settings(server), alarms)

        async def listen() -> None:
            async with aclosing(brain.answer(QUESTION, History())) as parts:
                async for _ in parts:
                    pass

        task = asyncio.create_task(listen())
        await server.asked.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        await server.hung_up.wait()
        await brain.close()


async def test_new_settings_are_used_from_the_next_question_on(alarms: Alarms) -> None:
    async with model_server() as server, model_server() as other:
        brain = _brain(_settings(server), alarms)
        parts = brain.answer(QUESTION, History())
        assert await anext(parts) == ANSWER[0]
        other.words = ["Elsewhere."]
        brain.apply(_settings(other))
        assert [part async for part in parts] == ANSWER[1:]
        assert await _reply(brain, QUESTION) == [Say("Elsewhere.")]


async def test_the_key_goes_to_the_server_it_is_for_alone(
    alarms: Alarms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    async with model_server(Mode.SERVER_ERROR) as server, model_server() as other:
        await _reply(_brain(_settings(server, other), alarms), QUESTION)
        assert server.keys == ["Bearer secret"]
        assert "secret" not in other.keys[0]


async def test_it_is_warm_after_warming_up(alarms: Alarms) -> None:
    async with model_server() as server:
        brain = _brain(_settings(server), alarms)
        await brain.warm_up()
        match = brain.recognise("Set a timer for ten")
        assert match is not None
        assert (match.name, match.is_open_ended) == ("timer.set", True)
        assert brain.recognise(QUESTION) is None
        await brain.close()


CALLER = Manner("phone", Trust.KNOWN)


async def _told(brain: Brain, text: str, manner: Manner) -> list[ReplyPart]:
    answerer = brain.as_answerer(manner)
    try:
        return [part async for part in answerer.answer(text, History())]
    finally:
        await brain.close()


async def test_a_caller_is_answered_with_the_prompt_for_the_phone(alarms: Alarms) -> None:
    async with model_server() as server:
        brain = _brain(_settings(server, instructions="Call me Sam."), alarms)
        assert await _told(brain, QUESTION, CALLER) == ANSWER
        prompt = server.requests[0]["messages"][0]["content"]
    assert "telephone" in prompt
    assert "Sam" not in prompt
    assert "tools" not in server.requests[0]


@pytest.mark.parametrize(
    "text",
    [
        "Set a timer for ten minutes.",
        "Wake me up at seven.",
        "Cancel all alarms.",
        "Full volume.",
        "Mute the microphone.",
        "Call +1 415 555 0123 and tell them I'm late.",
    ],
)
async def test_a_callers_command_is_only_words_for_the_model(alarms: Alarms, text: str) -> None:
    async with model_server() as server:
        assert await _told(_brain(_settings(server), alarms), text, CALLER) == ANSWER
    assert await _told(_brain(_settings(), alarms), text, CALLER) == [Say(NO_MODEL_ON_CALLS)]
    assert alarms.pending() == []


async def test_the_owner_may_set_a_timer_by_phone(alarms: Alarms) -> None:
    parts = await _told(
        _brain(_settings(), alarms),
        "Set a timer for ten minutes.",
        Manner("phone", Trust.OWNER),
    )
    assert parts[0] == Did("timer.set")
    assert len(alarms.pending()) == 1


async def test_what_cannot_be_done_here_is_said_and_not_done(alarms: Alarms) -> None:
    manner = Manner(refused={"timer.set": "Timers do not ring here."})
    assert await _told(_brain(_settings(), alarms), "Set a timer for ten minutes.", manner) == [
        Say("Timers do not ring here.")
    ]
    assert alarms.pending() == []
    parts = await _told(_brain(_settings(), alarms), "Wake me up at seven.", manner)
    assert parts[0] == Did("alarm.set")


async def test_a_goodbye_ends_a_call_but_not_the_desk(alarms: Alarms) -> None:
    parts = await _told(_brain(_settings(), alarms), "Goodbye!", CALLER)
    assert parts == [Did("chat.goodbye"), Say("Goodbye."), Do(EndCall())]
    parts = await _reply(_brain(_settings(), alarms), "Goodbye!")
    assert parts == [Did("chat.goodbye"), Say("Goodbye.")]
