"""Language-model servers on this machine are found; whatever else answers is left alone."""

from desktop_voice.agent import discovery
from desktop_voice.agent.discovery import FoundServer, find_local_models
from tests.helpers.model_server import Mode, model_server, unused_port


async def test_servers_are_found_with_their_models() -> None:
    async with model_server() as one, model_server() as two:
        two.models = ["llama", "nomic-embed-text"]
        found = await find_local_models({one.port: "Ollama", two.port: "LM Studio"})
        assert found == [
            FoundServer("Ollama", one.base_url, ("small-model", "big-model")),
            FoundServer("LM Studio", two.base_url, ("llama",)),
        ]


async def test_a_port_without_a_server_is_left_out() -> None:
    assert await find_local_models({await unused_port(): "Ollama"}) == []


async def test_servers_that_answer_nonsense_are_left_out() -> None:
    async with (
        model_server(Mode.RUBBISH) as rubbish,
        model_server(Mode.SERVER_ERROR) as failing,
        model_server() as nothing,
        model_server() as odd,
    ):
        nothing.models = []
        odd.models = [{"deep": "er"}, None, 7]
        ports = {server.port: "x" for server in (rubbish, failing, nothing, odd)}
        assert await find_local_models(ports) == []


async def test_a_server_that_hangs_does_not_hold_up_the_others() -> None:
    async with model_server(Mode.STALLS) as hanging, model_server() as good:
        found = await find_local_models({hanging.port: "Ollama", good.port: "LM Studio"})
        assert [server.name for server in found] == ["LM Studio"]


async def test_only_the_usual_ports_are_asked_by_default() -> None:
    assert set(discovery.USUAL_PORTS) == {11434, 1234, 8080}
