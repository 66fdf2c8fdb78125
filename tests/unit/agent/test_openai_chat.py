"""The chat client against a real server that behaves and misbehaves."""

import pytest

from desktop_voice.agent.model import ChatMessage
from desktop_voice.agent.openai_chat import OpenAIChatModel
from desktop_voice.core.errors import ModelError
from tests.helpers.model_server import Mode, model_server, unused_port

QUESTION = [ChatMessage("system", "Be brief."), ChatMessage("user", "Where is Paris?")]


async def _ask(model: OpenAIChatModel) -> list[str]:
    try:
        return [piece async for piece in model.stream(QUESTION) if isinstance(piece, str)]
    finally:
        await model.close()


async def test_the_answer_arrives_piece_by_piece() -> None:
    async with model_server() as server:
        model = OpenAIChatModel(server.base_url, "small-model", "secret")
        assert await _ask(model) == ["Paris ", "is ", "in ", "France."]
        asked = server.requests[0]
        assert asked["model"] == "small-model"
        assert asked["messages"] == [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Where is Paris?"},
        ]
        assert server.keys == ["Bearer secret"]


async def test_a_second_answer_works_after_the_first() -> None:
    async with model_server() as server:
        model = OpenAIChatModel(server.base_url, "small-model")
        await model.warm_up()
        for _ in range(2):
            pieces = [str(piece) async for piece in model.stream(QUESTION)]
            assert "".join(pieces) == "Paris is in France."
        await model.close()


@pytest.mark.parametrize("mode", [Mode.THINKS, Mode.REASONS])
async def test_thoughts_are_not_part_of_the_answer(mode: Mode) -> None:
    async with model_server(mode) as server:
        pieces = await _ask(OpenAIChatModel(server.base_url, "small-model"))
        assert "".join(pieces) == "Paris is in France."


async def test_a_server_that_keeps_the_stream_open_does_not_hold_up_the_end() -> None:
    async with model_server(Mode.STAYS_OPEN) as server:
        pieces = await _ask(OpenAIChatModel(server.base_url, "small-model"))
        assert "".join(pieces) == "Paris is in France."


@pytest.mark.parametrize(
    ("mode", "code", "told"),
    [
        (Mode.UNAUTHORISED, "MODEL-02", "vault"),
        (Mode.UNKNOWN_MODEL, "MODEL-03", "ollama pull small-model"),
        (Mode.TOO_MANY_REQUESTS, "MODEL-04", "Wait"),
        (Mode.SERVER_ERROR, "MODEL-05", "Try again"),
        (Mode.ERROR_IN_STREAM, "MODEL-05", "Try again"),
        (Mode.RUBBISH, "MODEL-06", "/v1"),
        (Mode.HTML, "MODEL-06", "/v1"),
        (Mode.EMPTY, "MODEL-08", "another model"),
        (Mode.BAD_REQUEST, "MODEL-10", "Settings"),
    ],
)
async def test_each_failure_says_what_happened_and_what_to_do(
    mode: Mode, code: str, told: str
) -> None:
    async with model_server(mode) as server:
        with pytest.raises(ModelError) as caught:
            await _ask(OpenAIChatModel(server.base_url, "small-model"))
        assert caught.value.code == code
        assert server.base_url in caught.value.what
        assert told in caught.value.do


async def test_a_refused_connection_names_the_address() -> None:
    base_url = f"http://127.0.0.1:{await unused_port()}/v1"
    with pytest.raises(ModelError) as caught:
        await _ask(OpenAIChatModel(base_url, "small-model"))
    assert caught.value.code == "MODEL-01"
    assert base_url in caught.value.what
    assert caught.value.retryable


async def test_the_words_before_a_break_are_kept() -> None:
    async with model_server(Mode.DIES_HALF_WAY) as server:
        model = OpenAIChatModel(server.base_url, "small-model")
        stream = model.stream(QUESTION)
        assert [await anext(stream), await anext(stream)] == ["Paris ", "is "]
        with pytest.raises(ModelError) as caught:
            await anext(stream)
        await model.close()
        assert caught.value.code == "MODEL-07"


async def test_closing_the_stream_closes_the_connection() -> None:
    async with model_server(Mode.STALLS_HALF_WAY) as server:
        model = OpenAIChatModel(server.base_url, "small-model")
        stream = model.stream(QUESTION)
        assert await anext(stream) == "Paris "
        await stream.aclose()
        await server.hung_up.wait()
        await model.close()


@pytest.mark.parametrize(
    ("base_url", "is_sent"),
    [
        ("http://127.0.0.1:11434/v1", True),
        ("http://localhost:1234/v1", True),
        ("http://[::1]:8080/v1", True),
        ("https://models.example/v1", True),
        ("http://models.example/v1", False),
        ("http://192.0.2.7:8000/v1", False),
    ],
)
async def test_a_key_never_travels_in_the_clear(base_url: str, is_sent: bool) -> None:
    model = OpenAIChatModel(base_url, "small-model", "secret")
    assert (await model._fetch_key() == "secret") is is_sent
